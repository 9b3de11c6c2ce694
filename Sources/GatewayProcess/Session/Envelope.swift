internal import NIOCore
internal import Shared

/// A gateway payload that is not one.
enum EnvelopeError: Error, Equatable, CustomStringConvertible {
    /// Not one JSON object; the offset of the first member that could not be read.
    case notJSON(near: Int)
    /// A member of the envelope is missing or has the wrong type.
    case badMember(String)

    var description: String {
        switch self {
        case .notJSON(let offset): "not one JSON object (near byte \(offset))"
        case .badMember(let name): "its \"\(name)\" is missing or of the wrong type"
        }
    }
}

/// What the gateway reads of a payload (gateway-events.mdx, Payload Structure): its envelope, and of `d` the ids that
/// stand at its top level. Nested objects have ids of their own, often before the outer one.
struct Envelope: Equatable {
    /// Offsets of a string's content, quotes excluded.
    struct Text: Equatable {
        var start: Int
        var end: Int
    }

    var operation = -1
    var sequence: Int?
    var type: Text?
    /// Where the value of `d` stands; empty if there is none.
    var data = 0..<0
    /// Whether raw line breaks stand between the tokens of `d`.
    var dataHasLineBreaks = false
    var guildID: Snowflake?
    var channelID: Snowflake?
    /// `d.user.id` or `d.user_id`.
    var userID: Snowflake?
    /// `d.id`: the guild's in GUILD_CREATE, the interaction's in INTERACTION_CREATE, a channel's, a user's …
    var id: Snowflake?
}

extension Envelope {
    /// What the dispatch is ordered by (docs/queue-protocol.md): the guild it happened in, else the channel of a direct
    /// message, else the user it is about, else the shard; an interaction stands for itself.
    func key(role: EventRole, shard: Int) -> QueueKey {
        switch role {
        case .interaction:
            if let id { return QueueKey(keyClass: .interaction, number: id.rawValue) }
        // READY bears the bot's user, but is about the whole shard.
        case .ready, .resumed: return QueueKey(keyClass: .shard, number: UInt64(shard))
        case .ordinary, .rateLimited, .guild, .channel, .user: break
        }
        if let guild = guild(role: role) { return QueueKey(keyClass: .guild, number: guild.rawValue) }
        if let channel = channelID ?? (role == .channel ? id : nil) {
            return QueueKey(keyClass: .channel, number: channel.rawValue)
        }
        if let user = userID ?? (role == .user ? id : nil) {
            return QueueKey(keyClass: .user, number: user.rawValue)
        }
        return QueueKey(keyClass: .shard, number: UInt64(shard))
    }

    /// The guild it happened in.
    func guild(role: EventRole) -> Snowflake? {
        role == .guild ? id ?? guildID : guildID
    }
}

extension ByteBuffer {
    /// The bytes of `d` to forward: a slice, or, if raw line breaks stand between tokens, a copy without them. In valid
    /// JSON they stand nowhere else.
    func data(of envelope: Envelope) -> ByteBuffer {
        guard !envelope.data.isEmpty else { return ByteBuffer(staticString: "null") }
        let start = readerIndex + envelope.data.lowerBound
        guard var slice = getSlice(at: start, length: envelope.data.count) else { return ByteBuffer() }
        guard envelope.dataHasLineBreaks else { return slice }
        let bytes = slice.readableBytesView.lazy.filter { $0 != 0x0A && $0 != 0x0D }
        var copy = ByteBuffer()
        copy.reserveCapacity(slice.readableBytes)
        copy.writeBytes(bytes)
        slice = copy
        return slice
    }
}
