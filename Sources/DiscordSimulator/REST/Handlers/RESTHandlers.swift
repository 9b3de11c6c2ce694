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
        return try handler(self, call)
    }
}
