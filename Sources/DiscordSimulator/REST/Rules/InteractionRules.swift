internal import Shared

/// What came of an interaction.
struct InteractionResponse: Equatable, Sendable {
    /// Callback type of the first answer.
    var type: Int
    /// The first answer's message, or that of the component.
    var original: Snowflake?
    var followUps: [Snowflake] = []
}

/// The life of one interaction's token, by receiving-and-responding.mdx: one first answer within three seconds, then
/// fifteen minutes for everything else.
enum InteractionRules {
    /// A refusal: HTTP status, JSON code and message.
    struct Refusal: Error, Equatable {
        var status: Int
        var code: Int
        var message: String

        static let unknown = Refusal(status: 404, code: 10062, message: "Unknown interaction")
        static let acknowledged = Refusal(
            status: 400, code: 40060, message: "Interaction has already been acknowledged.")
        static let unknownWebhook = Refusal(status: 404, code: 10015, message: "Unknown Webhook")
        static let invalidToken = Refusal(status: 401, code: 50027, message: "Invalid Webhook Token")
    }

    /// Callback types that an interaction may be answered with.
    /// - Parameters:
    ///   - type: the interaction's: 1 ping, 2 command, 3 component, 4 autocomplete, 5 modal submit.
    ///   - hasMessage: whether it comes from a component's message.
    static func answers(to type: Int, hasMessage: Bool) -> [Int] {
        switch type {
        case 1: [1]
        case 2: [4, 5, 9, 12]
        case 3: [4, 5, 6, 7, 9, 12]
        case 4: [8]
        case 5: hasMessage ? [4, 5, 6, 7, 12] : [4, 5, 12]
        default: []
        }
    }

    /// Whether a first answer may be given now.
    static func mayAnswer(
        _ interaction: Interaction, _ response: InteractionResponse?, _ limits: TimeLimits, at now: Int
    ) throws(Refusal) {
        if response != nil { throw .acknowledged }
        if now - interaction.createdAt > limits.interactionAnswer { throw .unknown }
    }

    /// Whether the routes on the token may be used now.
    static func mayUseToken(
        _ interaction: Interaction, _ response: InteractionResponse?, _ limits: TimeLimits, at now: Int
    ) throws(Refusal) {
        if now - interaction.createdAt > limits.interactionToken { throw .invalidToken }
        // Choices and modals are first answers that leave no message to work on.
        guard let response, response.type != 8, response.type != 9 else { throw .unknownWebhook }
    }
}
