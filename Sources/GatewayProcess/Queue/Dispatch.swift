internal import NIOCore
internal import Shared

/// What one dispatch is ordered by: events of one key reach workers in Discord's order, one worker at a time.
struct QueueKey: Hashable, Sendable, CustomStringConvertible {
    enum Class: UInt8, Sendable, CaseIterable {
        case guild, channel, interaction, user, shard
    }

    let keyClass: Class
    /// A snowflake, or the shard's number.
    let number: UInt64

    var description: String { "\(keyClass):\(number)" }
}

/// What the gateway must know of an interaction to defer it (receiving-and-responding.mdx).
struct InteractionHead: Sendable, Equatable {
    enum Kind: Int, Sendable {
        case command = 2, component = 3, autocomplete = 4, modalSubmit = 5
    }

    let id: Snowflake
    let token: String
    let kind: Kind
    /// Full path of a command (`config welcome`), or the custom id of a component or modal.
    let name: String
    /// Whether it bears a message: a component's, or that from which a modal was opened.
    let hasMessage: Bool
}

/// One dispatch as a session received it, before it has an id.
struct Dispatch: Sendable {
    let shard: Int
    /// Discord's session id, which with `sequence` names this dispatch for ever.
    let session: String
    let sequence: Int
    /// Discord's name for it.
    let type: String
    let key: QueueKey
    let guildID: Snowflake?
    /// Present on INTERACTION_CREATE only.
    let interaction: InteractionHead?
    /// When its bytes were read, in microseconds since 1970.
    let receivedAt: Int64
    /// The bytes of `d`, less line breaks between tokens.
    let data: ByteBuffer
}

extension QueueKey {
    /// Reads `guild:1`; nil if it is no key.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = UInt64(parts[1]),
            let keyClass = Class.allCases.first(where: { "\($0)" == parts[0] })
        else { return nil }
        self.init(keyClass: keyClass, number: number)
    }
}

extension QueueKey.Class {
    var name: StaticString {
        switch self {
        case .guild: "guild"
        case .channel: "channel"
        case .interaction: "interaction"
        case .user: "user"
        case .shard: "shard"
        }
    }
}
