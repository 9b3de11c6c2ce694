import Shared
import Testing

@testable import DiscordSimulator

@Suite struct OpenAPIDocumentTests {
    let document: OpenAPIDocument

    init() throws {
        document = try OpenAPIDocument()
    }

    @Test func `the bundled document has every operation`() {
        #expect(document.routes.operations.count == 242)
    }

    @Test func `every schema of every request can be read`() throws {
        for operation in document.routes.operations {
            for (_, schema) in operation.bodies { try readAll(schema) }
            for parameter in operation.queryParameters + operation.pathParameters { try readAll(parameter.schema) }
        }
        #expect(seen.names.count > 150)
    }

    @Test(arguments: [
        ("GET", "users/@me", "get_my_user"),
        ("GET", "users/5", "get_user"),
        ("PATCH", "webhooks/1/token/messages/@original", "update_original_webhook_message"),
        ("PATCH", "webhooks/1/token/messages/7", "update_webhook_message"),
        ("GET", "channels/1/messages/pins", "list_pins"),
        ("GET", "channels/1/messages/2", "get_message"),
        ("PUT", "channels/1/messages/2/reactions/👍/@me", "add_my_message_reaction"),
        ("DELETE", "channels/1/messages/2/reactions/👍/9", "delete_user_message_reaction"),
    ])
    func `a literal segment wins over a parameter`(method: String, path: String, expected: String) {
        let match = document.routes.match(method: method, segments: path.split(separator: "/").map(String.init))
        guard case .operation(let operation, _) = match else {
            Issue.record("\(method) \(path) leads nowhere")
            return
        }
        #expect(operation.id == expected)
    }

    @Test func `path parameters are named as in the template`() {
        let match = document.routes.match(method: "POST", segments: ["interactions", "11", "secret", "callback"])
        guard case .operation(let operation, let parameters) = match else {
            Issue.record("the callback leads nowhere")
            return
        }
        #expect(operation.isOpen)
        #expect(parameters == ["interaction_id": "11", "interaction_token": "secret"])
    }

    @Test func `an unknown path and a wrong method are told apart`() {
        guard case .unknown = document.routes.match(method: "GET", segments: ["nothing", "here"]) else {
            Issue.record("an unknown path matched")
            return
        }
        guard case .wrongMethod = document.routes.match(method: "DELETE", segments: ["gateway", "bot"]) else {
            Issue.record("a wrong method matched")
            return
        }
    }

    private final class Seen { var names: Set<String> = [] }
    private let seen = Seen()

    private func readAll(_ schema: Schema) throws {
        if let name = schema.reference {
            guard seen.names.insert(name).inserted else { return }
            return try readAll(document.library.schema(named: name))
        }
        for part in schema.alternatives + schema.allOf + schema.properties.map(\.schema) { try readAll(part) }
        if let items = schema.items { try readAll(items) }
        if case .matching(let additional) = schema.additionalProperties { try readAll(additional) }
    }
}
