import Shared
import Testing

@testable import DiscordSimulator

@Suite struct SchemaValidatorTests {
    let document: OpenAPIDocument

    init() throws {
        document = try OpenAPIDocument()
    }

    private func complaints(_ body: String, _ component: String) throws -> [String] {
        let value = try JSON(ofText: body)
        var errors = FormErrors()
        try SchemaValidator(library: document.library)
            .validate(value, against: document.library.schema(named: component), at: [], into: &errors)
        return errors.leaves.map { ($0.path + [$0.code]).joined(separator: ".") }
    }

    @Test(arguments: [
        (#"{"content":"hi"}"#, []),
        (#"{"content":null,"embeds":null}"#, []),
        (#"{"unknown":1}"#, []),
        (#"{"content":5}"#, ["content.STRING_TYPE_CONVERT"]),
        (#"{"tts":"yes"}"#, ["tts.BOOLEAN_TYPE_CONVERT"]),
        (#"[]"#, ["MODEL_TYPE_CONVERT"]),
        (#"{"embeds":{}}"#, ["embeds.LIST_TYPE_CONVERT"]),
        (#"{"embeds":[1]}"#, ["embeds.0.MODEL_TYPE_CONVERT"]),
        (#"{"embeds":[{"color":16777216}]}"#, ["embeds.0.color.NUMBER_TYPE_MAX"]),
        (#"{"embeds":[{"color":-1}]}"#, ["embeds.0.color.NUMBER_TYPE_MIN"]),
        (#"{"embeds":[{"color":1.0}]}"#, []),
        (#"{"embeds":[{"color":1.5}]}"#, ["embeds.0.color.NUMBER_TYPE_COERCE"]),
        (#"{"embeds":[{"timestamp":"2026-08-06T18:31:01.482000+00:00"}]}"#, []),
        (#"{"embeds":[{"timestamp":"yesterday"}]}"#, ["embeds.0.timestamp.DATE_TIME_TYPE_PARSE"]),
        (#"{"embeds":[{"url":"https://example.org/a"}]}"#, []),
        (#"{"embeds":[{"url":"example"}]}"#, ["embeds.0.url.URL_TYPE_INVALID_URL"]),
        (#"{"embeds":[{"url":"ftp://example.org"}]}"#, ["embeds.0.url.URL_TYPE_INVALID_SCHEME"]),
        (
            #"{"embeds":[{"fields":[{"name":"a"}]}]}"#, ["embeds.0.fields.0.value.BASE_TYPE_REQUIRED"]
        ),
        (#"{"nonce":5}"#, []),
        (#"{"nonce":"1234567890123456789012345"}"#, []),
        (#"{"nonce":"12345678901234567890123456"}"#, ["nonce.BASE_TYPE_MAX_LENGTH"]),
        (#"{"sticker_ids":["1","2"]}"#, []),
        (#"{"sticker_ids":["x"]}"#, ["sticker_ids.0.NUMBER_TYPE_COERCE"]),
        (#"{"sticker_ids":["1","2","3","4"]}"#, ["sticker_ids.BASE_TYPE_MAX_LENGTH"]),
        (#"{"message_reference":{"message_id":"12"}}"#, []),
        (#"{"message_reference":{"message_id":12}}"#, []),
        (#"{"message_reference":{"message_id":"012"}}"#, ["message_reference.message_id.NUMBER_TYPE_COERCE"]),
        (#"{"message_reference":{}}"#, ["message_reference.message_id.BASE_TYPE_REQUIRED"]),
        (#"{"allowed_mentions":{"parse":["users","roles","everyone"]}}"#, []),
        (#"{"allowed_mentions":{"parse":["nobody"]}}"#, ["allowed_mentions.parse.0.BASE_TYPE_CHOICES"]),
        (
            #"{"allowed_mentions":{"parse":["users","users"]}}"#,
            ["allowed_mentions.parse.1.SET_TYPE_ALREADY_CONTAINS_VALUE"]
        ),
        (
            #"{"components":[{"type":1,"components":[{"type":2,"style":1,"custom_id":"a","label":"A"}]}]}"#, []
        ),
        (#"{"components":[{"type":99}]}"#, ["components.0.type.UNION_TYPE_CHOICES"]),
        (#"{"components":[{}]}"#, ["components.0.type.BASE_TYPE_REQUIRED"]),
        (
            #"{"components":[{"type":1,"components":[{"type":3,"custom_id":"a"}]}]}"#,
            ["components.0.components.0.options.BASE_TYPE_REQUIRED"]
        ),
    ])
    func `a message's form is checked`(body: String, expected: [String]) throws {
        #expect(try complaints(body, "MessageCreateRequest") == expected)
    }

    @Test(arguments: [(2000, 0), (2001, 1)])
    func `content ends at the pages' limit, in code points`(length: Int, count: Int) throws {
        let body = JSON.object([.init("content", .string(String(repeating: "é", count: length)))])
        #expect(try complaints(body.text, "MessageCreateRequest").count == count)
    }

    @Test func `embed texts are measured without the space around them`() throws {
        let title = "  " + String(repeating: "x", count: 256) + "\\n"
        #expect(try complaints(#"{"embeds":[{"title":"\#(title)"}]}"#, "MessageCreateRequest").isEmpty)
        let long = String(repeating: "x", count: 257)
        let found = try complaints(#"{"embeds":[{"title":"\#(long)"}]}"#, "MessageCreateRequest")
        #expect(found == ["embeds.0.title.BASE_TYPE_MAX_LENGTH"])
    }

    @Test(arguments: [
        (#"{"name":"a","description":"b"}"#, []),
        (#"{"description":"b"}"#, ["name.BASE_TYPE_REQUIRED"]),
        (#"{"name":"","description":"b"}"#, ["name.BASE_TYPE_BAD_LENGTH"]),
        (#"{"name":"a","default_member_permissions":"32"}"#, []),
        (#"{"name":"a","default_member_permissions":32}"#, []),
        (#"{"name":"a","default_member_permissions":"x"}"#, ["default_member_permissions.NUMBER_TYPE_COERCE"]),
        (#"{"name":"a","contexts":[0,1,2]}"#, []),
        (#"{"name":"a","contexts":[3]}"#, ["contexts.0.BASE_TYPE_CHOICES"]),
        (#"{"name":"a","contexts":[]}"#, ["contexts.BASE_TYPE_MIN_LENGTH"]),
        (#"{"name":"a","options":[{"type":3,"name":"o"}]}"#, ["options.0.description.BASE_TYPE_REQUIRED"]),
        (#"{"name":"a","options":[{"type":12,"name":"o"}]}"#, ["options.0.type.UNION_TYPE_CHOICES"]),
        (#"{"name":"a","name_localizations":{"de":""}}"#, ["name_localizations.de.BASE_TYPE_BAD_LENGTH"]),
    ])
    func `a command's form is checked`(body: String, expected: [String]) throws {
        #expect(try complaints(body, "ApplicationCommandCreateRequest") == expected)
    }

    @Test func `errors mirror the request`() throws {
        var errors = FormErrors()
        errors.add("A", "first", at: ["embeds", "0", "title"])
        errors.add("B", "second", at: ["embeds", "0", "title"])
        errors.add("C", "third", at: ["content"])
        #expect(
            errors.json.text
                == #"{"embeds":{"0":{"title":{"_errors":[{"code":"A","message":"first"},{"code":"B","message":"second"}]}}},"#
                + #""content":{"_errors":[{"code":"C","message":"third"}]}}"#)
    }

    @Test(arguments: [
        ("true", true), ("True", true), ("1", true), ("0", true), ("False", true), ("yes", false), ("", false),
    ])
    func `truth values in queries may be written in six ways`(text: String, isValid: Bool) throws {
        let schema = Schema()
        schema.types = .boolean
        var errors = FormErrors()
        try SchemaValidator(library: document.library, coercesText: true)
            .validate(.string(text), against: schema, at: ["q"], into: &errors)
        #expect(errors.isEmpty == isValid)
    }
}
