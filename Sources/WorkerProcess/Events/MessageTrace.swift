internal import Shared

/// By what a message of the bot's own is recognised in a channel. Discord does not tell nonces of older messages.
enum MessageTrace: Sendable, Equatable {
    /// It replies to this message.
    case reply(to: Snowflake)
    /// It is the one since it was begun that speaks of this user.
    case mention(of: Snowflake)
    /// It is the one since it was begun that says the same.
    case text
    /// It is the one since it was begun whose embed has this footer.
    case footer(String)

    /// Whether a message of the bot's own is the one that was to be sent.
    func recognises(_ found: ChannelMessage, as message: OutgoingMessage) -> Bool {
        switch self {
        case .reply(let id): found.repliesTo == id
        case .mention(let user): found.content.contains("<@\(user)>") || found.content.contains("<@!\(user)>")
        case .footer(let footer): found.embedTexts.contains(footer)
        case .text:
            Self.essence([found.content] + found.embedTexts)
                == Self.essence([message.content ?? ""] + OutgoingMessage.texts(of: message.embeds))
        }
    }

    /// Discord strips some characters: letters and digits stay.
    private static func essence(_ texts: [String]) -> [String] {
        texts.map { text in
            let kept = text.unicodeScalars.filter { $0.properties.isAlphabetic || $0.properties.numericType != nil }
            return kept.isEmpty ? text.filter { !$0.isWhitespace } : String(String.UnicodeScalarView(kept))
        }
    }
}
