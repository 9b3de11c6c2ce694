import Shared
import Testing

@testable import DiscordSimulator
@testable import WorkerProcess
@testable import enum WorkerProcess.InteractionResponse

/// What the worker sends, held against Discord's OpenAPI document by the simulator's own validator.
@Suite struct RequestSchemaTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let route: Route
        let body: JSON?
        var testDescription: String { name }
    }

    private static let interaction = InteractionReference(
        id: Snowflake(1_534_992_241_184_342_021), applicationID: Snowflake(1_102_885_740_326_682_627), token: "aW50")

    private static var message: OutgoingMessage {
        var message = OutgoingMessage(String(repeating: "👋", count: 3000))
        message.embeds = [["title": "t", "description": "d", "color": 5]]
        message.components = [
            ["type": 1, "components": [["type": 2, "style": 1, "label": "go", "custom_id": "go"]]]
        ]
        message.pings = [Snowflake(647_709_301_943_042_060)]
        message.replyTo = Snowflake(1_534_992_209_336_991_765)
        message.isEphemeral = true
        return message
    }

    private static func answer(_ name: String, _ response: InteractionResponse) -> Case {
        Case(name: name, route: .callback(of: interaction), body: MessageBody.callback(response))
    }

    static let cases: [Case] = [
        Case(
            name: "message", route: .createMessage(in: Snowflake(888_832_427_026_415_625)),
            body: MessageBody.creation(message, nonce: String(repeating: "n", count: 25))),
        Case(
            name: "short message", route: .createMessage(in: Snowflake(888_832_427_026_415_625)),
            body: MessageBody.creation(OutgoingMessage("x"), nonce: "n")),
        Case(
            name: "edit", route: .editOriginalResponse(of: interaction), body: MessageBody.edit(message)),
        Case(
            name: "emptying edit", route: .editOriginalResponse(of: interaction),
            body: MessageBody.edit(OutgoingMessage())),
        Case(
            name: "reading messages",
            route: .messages(in: Snowflake(888_832_427_026_415_625), after: Snowflake(1), limit: 100), body: nil),
        Case(name: "own user", route: .ownUser, body: nil),
        Case(name: "reading an answer", route: .originalResponse(of: interaction), body: nil),
        Case(
            name: "reading commands", route: .globalCommands(of: interaction.applicationID), body: nil),
        Case(
            name: "commands", route: .overwriteGlobalCommands(of: interaction.applicationID),
            body: [["name": "ping", "description": "Asks whether the bot is there", "type": 1]]),
        answer("answer", .message(message)), answer("deferral", .deferredMessage(ephemeral: true)),
        answer("plain deferral", .deferredMessage(ephemeral: false)), answer("deferred update", .deferredUpdate),
        answer("update", .update(message)), answer("choices", .autocomplete([["name": "a", "value": "b"]])),
    ]

    @Test(arguments: cases)
    func `Every request is one that Discord's own document allows`(_ case: Case) throws {
        let document = try OpenAPIDocument()
        let path = `case`.route.path.split(separator: "?")[0]
        let segments = path.split(separator: "/").map(String.init)
        guard case .operation(let operation, _) = document.routes.match(method: `case`.route.method, segments: segments)
        else {
            Issue.record("\(`case`.route) is no route of Discord's")
            return
        }
        #expect(operation.isOpen == (`case`.route.routeClass != .bot))
        guard let body = `case`.body else { return }
        let schema = try #require(operation.bodies.first { $0.contentType == "application/json" }?.schema)
        var errors = FormErrors()
        try SchemaValidator(library: document.library).validate(body, against: schema, at: [], into: &errors)
        #expect(errors.leaves == [])
    }
}
