internal import Shared

/// An interaction on its way from a user to the bot and back.
struct Interaction: Equatable, Sendable {
    /// One request of the bot's about it, as it came over REST.
    struct Answer: Equatable, Sendable {
        /// The request's method and what it was about: `callback`, `@original`, `follow-up` or a message's id.
        var method: String
        var about: String
        /// The request's body, if it was JSON.
        var body: JSON
        /// What the simulator answered.
        var status: Int
        /// JSON code of a refusal.
        var code: Int?
        /// Microseconds since 1970.
        var at: Int

        var isAccepted: Bool { status < 300 }
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
    /// Microseconds since 1970.
    var createdAt: Int
    /// Everything the bot tried, in order.
    var answers: [Answer] = []

    /// Type of the accepted first answer.
    var callbackType: Int? {
        answers.first { $0.about == "callback" && $0.isAccepted }?.body["type"]?.int
    }

    /// Whether the user sees more than "thinking": a first answer that is none but a deferral, or one after that.
    var isAnswered: Bool {
        answers.contains { answer in
            guard answer.isAccepted, answer.method != "GET", answer.method != "DELETE" else { return false }
            return answer.about != "callback" || answer.body["type"]?.int != 5
        }
    }

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
