internal import Shared

/// A message that the simulator keeps.
struct Message: Equatable, Sendable {
    var id: Snowflake
    var channel: Snowflake
    /// Nil in direct messages.
    var guild: Snowflake?
    /// The message as REST gives it.
    var json: JSON
    var isDeleted = false

    /// A message as somebody writes it who sends nothing but text.
    /// - Parameter now: microseconds since 1970.
    static func json(
        id: Snowflake, channel: Snowflake, author: User, content: String, mentions: [User], at now: Int
    ) -> JSON {
        [
            "type": 0, "tts": false, "timestamp": .time(now), "pinned": false,
            "nonce": .string(String(id.rawValue &- 1 << 22)), "mentions": .array(mentions.map(\.json)),
            "mention_roles": [], "mention_everyone": false, "id": .id(id), "flags": 0, "embeds": [],
            "edited_timestamp": nil, "content": .string(content), "components": [], "channel_id": .id(channel),
            "author": author.json, "attachments": [],
        ]
    }

    /// Whether only the one who used the command sees it; then its events name no guild and no member
    /// (gateway-events.mdx, Messages).
    static func isEphemeral(_ message: JSON) -> Bool { (message["flags"]?.int ?? 0) & 1 << 6 != 0 }

    /// The order seen in recorded frames: keys from Z to A, which puts the ids of nested objects in front, and the
    /// guild's at the end.
    static func inRecordedOrder(_ object: JSON) -> JSON {
        guard case .object(let members) = object else { return object }
        let sorted = members.filter { $0.key != "guild_id" }.sorted { $0.key > $1.key }
        return .object(sorted + members.filter { $0.key == "guild_id" })
    }
}
