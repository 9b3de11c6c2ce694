import NIOCore
import Shared
import Testing

@testable import DiscordSimulator

@Suite struct MessageRoutesTests {
    let bench: RESTBench
    private let path = "/channels/\(RESTBench.general)/messages"

    init() throws {
        bench = try RESTBench()
    }

    @Test func `a message comes back with its nonce in answer and event`() throws {
        let answer = bench.call("POST", path, ["content": "  moin \n", "nonce": "abc"])
        #expect(answer.status == 200)
        #expect(answer.body["content"] == "moin")
        #expect(answer.body["nonce"] == "abc")
        #expect(answer.body["author"]?["id"] == .id(RESTBench.bot))
        let event = try #require(bench.events("MESSAGE_CREATE").first)
        #expect(event["nonce"] == "abc")
        #expect(event["guild_id"] == .id(RESTBench.guild))
        #expect(event["id"] == answer.body["id"])
        #expect(event["member"]?["user"] == nil)
    }

    @Test(arguments: [
        (RESTBench.category, 400, 50008), (RESTBench.rules, 403, 50013), (RESTBench.secret, 403, 50001),
        (Snowflake(7), 404, 10003),
    ])
    func `not every channel can be written in`(channel: Snowflake, status: Int, code: Int) {
        let answer = bench.call("POST", "/channels/\(channel)/messages", ["content": "a"])
        #expect(answer.status == status)
        #expect(answer.body["code"]?.int == code)
    }

    @Test(
        arguments: [
            (["content": ""], 50006, []), (["content": " \n "], 50006, []), (.object([]), 50006, []),
            (["embeds": []], 50006, []),
            (
                ["content": .string(String(repeating: "x", count: 2001))], 50035,
                ["content.BASE_TYPE_MAX_LENGTH"]
            ),
            (["content": "a", "flags": 64], 50035, ["flags.MESSAGE_FLAGS_INVALID"]),
            (
                ["content": "a", "allowed_mentions": ["parse": ["users"], "users": ["1"]]], 50035,
                ["allowed_mentions.MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"]
            ),
            (
                ["content": "a", "message_reference": ["message_id": "5"]], 50035,
                ["message_reference.REPLIES_UNKNOWN_MESSAGE"]
            ),
            (
                ["content": "a", "components": [["type": 10, "content": "x"]]], 50035,
                ["components.0.type.UNION_TYPE_CHOICES"]
            ),
            (
                ["content": "a", "flags": 32768, "components": [["type": 10, "content": "x"]]], 50035,
                ["content.MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"]
            ),
            (
                ["components": [["type": 1, "components": [["type": 2, "style": 1, "label": "A"]]]]], 50035,
                ["components.0.components.0.custom_id.BASE_TYPE_REQUIRED"]
            ),
        ] as [(JSON, Int, [String])])
    func `what Discord would not send is refused`(body: JSON, code: Int, places: [String]) {
        let answer = bench.call("POST", path, body)
        #expect(answer.status == 400)
        #expect(answer.body["code"]?.int == code)
        #expect(answer.body.formErrors == places)
        #expect(bench.events("MESSAGE_CREATE").isEmpty)
    }

    @Test(arguments: [(6000, 200), (6001, 400)])
    func `embeds hold 6000 characters together`(characters: Int, status: Int) {
        let half = JSON.string(String(repeating: "x", count: 3000))
        let rest = JSON.string(String(repeating: "x", count: characters - 3000))
        let answer = bench.call("POST", path, ["embeds": [["description": half], ["description": rest]]])
        #expect(answer.status == status)
        if status == 400 { #expect(answer.body.formErrors == ["embeds.1.MAX_EMBED_SIZE_EXCEEDED"]) }
    }

    @Test func `an enforced nonce gives the old message, until its window has passed`() {
        let body: JSON = ["content": "a", "nonce": "n1", "enforce_nonce": true]
        let first = bench.call("POST", path, body)
        let second = bench.call("POST", path, body)
        #expect(second.status == 200)
        #expect(second.body["id"] == first.body["id"])
        #expect(bench.events("MESSAGE_CREATE").count == 1)
        bench.call("DELETE", "\(path)/\(first.body["id"]?.string ?? "")")
        let third = bench.call("POST", path, body)
        #expect(third.status == 404)
        #expect(third.body["code"] == 10008)
        bench.wait(milliseconds: 300_001)
        #expect(bench.call("POST", path, body).status == 200)
        #expect(bench.events("MESSAGE_CREATE").count == 2)
    }

    @Test func `a nonce that is not enforced protects nothing`() {
        let body: JSON = ["content": "a", "nonce": 5]
        #expect(bench.call("POST", path, body).body["id"] != bench.call("POST", path, body).body["id"])
    }

    @Test func `a reply carries what it replies to and pings its author`() throws {
        let message = try bench.say("moin")
        let answer = bench.call("POST", path, ["content": "hi", "message_reference": ["message_id": .id(message)]])
        #expect(answer.status == 200)
        #expect(answer.body["type"] == 19)
        #expect(answer.body["referenced_message"]?["id"] == .id(message))
        #expect(answer.body["mentions"]?.elements?.map { $0["id"] } == [.id(RESTBench.mira.id)])
        let gone = bench.call(
            "POST", path, ["content": "hi", "message_reference": ["message_id": "5", "fail_if_not_exists": false]])
        #expect(gone.status == 200)
        #expect(gone.body["type"] == 0)
    }

    @Test(
        arguments: [
            (nil, 1), (["parse": []], 0), (["parse": ["users"]], 1), (["users": [.id(RESTBench.mira.id)]], 1),
            (["users": ["5"]], 0),
        ] as [(JSON?, Int)])
    func `mentions are what the text has and the request allows`(allowed: JSON?, count: Int) {
        let body = JSON.compact(["content": .string("hi <@\(RESTBench.mira.id)>"), "allowed_mentions": allowed])
        #expect(bench.call("POST", path, body).body["mentions"]?.elements?.count == count)
    }

    @Test func `own messages can be edited and deleted, others' only read`() throws {
        let own = bench.call("POST", path, ["content": "a"]).body["id"]?.string ?? ""
        let edited = bench.call("PATCH", "\(path)/\(own)", ["content": "b"])
        #expect(edited.body["content"] == "b")
        #expect(edited.body["edited_timestamp"]?.string != nil)
        #expect(bench.events("MESSAGE_UPDATE").count == 1)
        #expect(bench.call("PATCH", "\(path)/\(own)", ["content": ""]).body["code"] == 50006)
        #expect(bench.call("DELETE", "\(path)/\(own)").status == 204)
        #expect(bench.call("GET", "\(path)/\(own)").body["code"] == 10008)
        let foreign = try bench.say("moin")
        #expect(bench.call("PATCH", "\(path)/\(foreign)", ["content": "b"]).body["code"] == 50005)
        #expect(bench.call("DELETE", "\(path)/\(foreign)").body["code"] == 50013)
        #expect(bench.call("GET", "\(path)/\(foreign)").body["content"] == "moin")
    }

    @Test func `messages are listed newest first and cut by before and after`() throws {
        let ids = try (0..<4).map { index -> Snowflake in
            bench.wait(milliseconds: 10)
            return try bench.say("\(index)")
        }
        func list(_ query: String) -> [String] {
            bench.call("GET", "\(path)?\(query)").body.elements?.compactMap { $0["content"]?.string } ?? []
        }
        #expect(list("limit=2") == ["3", "2"])
        #expect(list("before=\(ids[2])") == ["1", "0"])
        #expect(list("after=\(ids[1])&limit=1") == ["2"])
        #expect(list("around=\(ids[1])&limit=2") == ["1", "0"])
    }

    @Test(arguments: [
        ("%F0%9F%91%8D", 204), ("%F0%9F%91%8D%F0%9F%8F%BD", 204), ("lamp:41771983429993937", 204),
        ("abc", 400), ("5", 400),
    ])
    func `reactions take Unicode emoji and name and id`(emoji: String, status: Int) throws {
        let message = try bench.say("moin")
        let answer = bench.call("PUT", "\(path)/\(message)/reactions/\(emoji)/@me")
        #expect(answer.status == status)
        #expect(bench.events("MESSAGE_REACTION_ADD").count == (status == 204 ? 1 : 0))
        if status == 400 { #expect(answer.body["code"] == 10014) }
    }

    @Test func `files come as a multipart form`() throws {
        let text = [
            "--X", #"Content-Disposition: form-data; name="payload_json""#, "Content-Type: application/json", "",
            #"{"content":"","attachments":[{"id":0,"description":"a list"}]}"#, "--X",
            #"Content-Disposition: form-data; name="files[0]"; filename="a.txt""#, "Content-Type: text/plain", "",
            "12345", "--X--", "",
        ].joined(separator: "\r\n")
        let request = RESTRequest(
            method: "POST", target: "\(RESTService.basePath)\(path)",
            headers: [
                (name: "User-Agent", value: RESTBench.agent),
                (name: "Authorization", value: "Bot \(RESTBench.token)"),
                (name: "Content-Type", value: "multipart/form-data; boundary=X"),
            ], body: ByteBuffer(string: text))
        let answer = RESTBench.json(bench.service.answer(request, at: bench.now))
        let file = try #require(answer["attachments"]?.elements?.first)
        #expect(file["filename"] == "a.txt")
        #expect(file["size"] == 5)
        #expect(file["description"] == "a list")
    }

    @Test func `typing is told`() {
        #expect(bench.call("POST", "/channels/\(RESTBench.general)/typing").status == 204)
        #expect(bench.events("TYPING_START").count == 1)
    }
}
