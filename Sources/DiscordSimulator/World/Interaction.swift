internal import Shared

/// An interaction on its way from a user to the bot and back.
struct Interaction: Equatable, Sendable {
    /// One thing that the bot did about it, in the order of doing.
    struct Answer: Equatable, Sendable {
        /// What the bot did.
        enum Kind: String, Sendable {
            /// The first answer; `type` is the callback's.
            case callback
            case editOriginal = "edit_original"
            case deleteOriginal = "delete_original"
            case followUp = "follow_up"
            case editFollowUp = "edit_follow_up"
            case deleteFollowUp = "delete_follow_up"
        }

        var kind: Kind
        /// Callback type, if it is one.
        var type: Int?
        /// What was sent.
        var data: JSON
        /// The message made or changed.
        var message: Snowflake?
        /// Microseconds since 1970.
        var at: Int
    }

    var id: Snowflake
    /// The credential of every answer.
    var token: String
    /// 1 to 5, as in `type` of the event.
    var type: Int
    /// `d` of INTERACTION_CREATE.
    var fields: JSON
    var guild: Snowflake?
    var channel: Snowflake
    var user: User
    /// The message whose component was used.
    var message: Snowflake?
    /// Microseconds since 1970.
    var createdAt: Int
    /// What the bot did, accepted or not accepted ones left out.
    var answers: [Answer] = []
    /// The message that the first answer made, also while it only says "thinking".
    var original: Snowflake?
    /// How often an answer was refused, by JSON code.
    var refusals: [Int: Int] = [:]

    /// Type of the accepted first answer.
    var callbackType: Int? { answers.first { $0.kind == .callback }?.type }

    /// The command with its subcommands, `config show`, or the custom id.
    var name: String {
        guard let data = fields["data"] else { return "" }
        guard var path = data["name"]?.string else { return data["custom_id"]?.string ?? "" }
        var options = data["options"]?.elements ?? []
        while let option = options.first, let type = option["type"]?.int, type <= 2 {
            path += " " + (option["name"]?.string ?? "")
            options = option["options"]?.elements ?? []
        }
        return path
    }
}
