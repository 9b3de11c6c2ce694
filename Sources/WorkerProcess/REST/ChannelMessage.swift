internal import Shared

/// A message in a channel, as far as it takes to recognise one's own (resources/message.mdx).
struct ChannelMessage: Sendable, Equatable {
    let id: Snowflake
    let author: Snowflake
    let content: String
    /// Titles, descriptions and footers of its embeds.
    var embedTexts: [String] = []
    /// The message it replies to.
    var repliesTo: Snowflake?
}

extension ChannelMessage {
    /// Nil if it lacks an id or an author.
    init?(_ message: JSON) {
        guard let id = message["id"]?.string.flatMap({ Snowflake($0) }),
            let author = message["author"]?["id"]?.string.flatMap({ Snowflake($0) })
        else { return nil }
        self.init(id: id, author: author, content: message["content"]?.string ?? "")
        embedTexts = OutgoingMessage.texts(of: message["embeds"]?.elements ?? [])
        // Type 1 is a forward.
        if let reference = message["message_reference"], reference["type"]?.int ?? 0 == 0 {
            repliesTo = reference["message_id"]?.string.flatMap { Snowflake($0) }
        }
    }
}

extension OutgoingMessage {
    /// Titles, descriptions and footers of embeds.
    static func texts(of embeds: [JSON]) -> [String] {
        embeds.flatMap { embed in
            [embed["title"], embed["description"], embed["footer"]?["text"]].compactMap { $0?.string }
        }
    }
}
