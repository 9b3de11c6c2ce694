internal import Shared

/// A message that the simulator keeps.
struct Message: Equatable, Sendable {
    var id: Snowflake
    var channel: Snowflake
    /// Nil in direct messages.
    var guild: Snowflake?
    var author: User
    /// The message as REST gives it, except what `World` completes: `id`, `channel_id`, `author` and `timestamp`.
    var fields: JSON
    /// As it was sent: a string or an integer.
    var nonce: JSON?
    /// Whether only one user sees it; then its events name no guild and no member.
    var isEphemeral = false
    /// The interaction that it answers.
    var interaction: Snowflake?
    var isDeleted = false
    /// Microseconds since 1970.
    var createdAt: Int
    var editedAt: Int?

    var content: String { fields["content"]?.string ?? "" }

    /// Every field that Discord always sends, with what a message without anything has.
    static let defaults: JSON = [
        "type": 0, "tts": false, "pinned": false, "mentions": [], "mention_roles": [], "mention_everyone": false,
        "flags": 0, "embeds": [], "edited_timestamp": nil, "content": "", "components": [], "attachments": [],
    ]

    /// The message as REST answers it.
    var json: JSON {
        var own: JSON = [
            "id": .id(id), "channel_id": .id(channel), "author": author.json, "timestamp": .time(createdAt),
            "edited_timestamp": .time(editedAt),
        ]
        if let nonce { own = own.merging(["nonce": nonce]) }
        return Self.ordered(Self.defaults.merging(fields).merging(own))
    }

    /// The message as its events carry it.
    func json(member: Member?, channelType: Int) -> JSON {
        var own: JSON = ["channel_type": .integer(channelType)]
        if !isEphemeral {
            if let member { own = own.merging(["member": member.json]) }
            if let guild { own = own.merging(["guild_id": .id(guild)]) }
        }
        return Self.ordered(json.merging(own))
    }

    /// The order seen in recorded frames: keys from Z to A, which puts nested ids in front, and the guild last.
    private static func ordered(_ object: JSON) -> JSON {
        guard case .object(let members) = object else { return object }
        let sorted = members.filter { $0.key != "guild_id" }.sorted { $0.key > $1.key }
        return .object(sorted + members.filter { $0.key == "guild_id" })
    }
}
