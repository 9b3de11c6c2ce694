internal import Shared

/// Carries out the requests that a bot makes, on the world that the gateway side shows.
final class RESTHandlers {
    typealias Handler = @Sendable (RESTHandlers, RESTCall) throws(APIError) -> RESTResult

    let world: World
    var creates = CommandCreates()
    /// Registered commands as REST gives them, by guild; nil is the global scope.
    var commandBook: [Snowflake?: [JSON]] = [:]
    /// First answers and messages of interactions, by interaction.
    var responses: [Snowflake: InteractionResponse] = [:]
    var nonces = NonceWindow()
    private let handlers: [String: Handler]

    init(world: World) {
        self.world = world
        handlers = Self.identity.merging(Self.guilds) { $1 }.merging(Self.messages) { $1 }
            .merging(Self.history) { $1 }.merging(Self.interactionAnswers) { $1 }.merging(Self.applicationCommands) {
                $1
            }
    }

    /// The bot's token.
    var token: String { world.application.token }

    /// Carries out a request whose form is right.
    func handle(_ call: RESTCall) throws(APIError) -> RESTResult {
        guard let handler = handlers[call.operation.id] else {
            throw APIError(501, 0, "olim-simulator checks \(call.operation.id), but does not carry it out")
        }
        let result = try handler(self, call)
        guard case .json(let status, let value) = result else { return result }
        return .json(status, Self.withUserFlags(value))
    }

    /// REST shows the `flags` of users, which events leave out.
    private static func withUserFlags(_ value: JSON) -> JSON {
        switch value {
        case .array(let values): return .array(values.map(withUserFlags))
        case .object(let members):
            var result = JSON.object(members.map { JSON.Member($0.key, withUserFlags($0.value)) })
            let isUser = value["username"] != nil && value["discriminator"] != nil
            if isUser, value["flags"] == nil { result.set("flags", 0) }
            return result
        default: return value
        }
    }
}
