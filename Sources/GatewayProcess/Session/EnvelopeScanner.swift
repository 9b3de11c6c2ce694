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

/// Reads the envelope in one pass over the payload that also proves it to be one JSON object, without allocating.
struct EnvelopeScanner {
    private var walk: JSONWalk
    private var envelope = Envelope()

    private init(_ bytes: UnsafeRawBufferPointer) {
        walk = JSONWalk(bytes)
    }

    static func scan(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> Envelope {
        var scanner = EnvelopeScanner(bytes)
        try scanner.scanEnvelope()
        return scanner.envelope
    }

    private mutating func scanEnvelope() throws(EnvelopeError) {
        var position = walk.space(0)
        guard position < walk.count, walk.base[position] == UInt8(ascii: "{") else { throw .notJSON(near: position) }
        position = walk.space(position + 1)
        if position < walk.count, walk.base[position] == UInt8(ascii: "}") { throw .badMember("op") }
        while true {
            let member = position
            position = try scanMember(position)
            guard position >= 0 else { throw .notJSON(near: member) }
            position = walk.space(position)
            guard position < walk.count else { throw .notJSON(near: position) }
            if walk.base[position] == UInt8(ascii: "}") { break }
            guard walk.base[position] == UInt8(ascii: ",") else { throw .notJSON(near: position) }
            position = walk.space(position + 1)
        }
        guard walk.space(position + 1) == walk.count else { throw .notJSON(near: position + 1) }
        guard envelope.operation >= 0 else { throw .badMember("op") }
    }

    /// One member of the envelope.
    private mutating func scanMember(_ start: Int) throws(EnvelopeError) -> Int {
        let name = start + 1
        guard start < walk.count, walk.base[start] == UInt8(ascii: "\"") else { return JSONWalk.invalid }
        let nameEnd = walk.string(name) - 1
        guard nameEnd >= 0 else { return JSONWalk.invalid }
        let value = walk.colon(nameEnd + 1)
        guard value >= 0, value < walk.count else { return JSONWalk.invalid }
        if walk.isString("d", from: name, to: nameEnd) { return scanData(value) }
        let end = walk.value(value, depth: 1)
        guard end >= 0 else { return JSONWalk.invalid }
        if walk.isString("op", from: name, to: nameEnd) {
            guard let number = integer(from: value, to: end) else { throw .badMember("op") }
            envelope.operation = number
        } else if walk.isString("s", from: name, to: nameEnd) {
            guard walk.base[value] != UInt8(ascii: "n") else { return end }
            guard let number = integer(from: value, to: end) else { throw .badMember("s") }
            envelope.sequence = number
        } else if walk.isString("t", from: name, to: nameEnd) {
            guard walk.base[value] != UInt8(ascii: "n") else { return end }
            guard walk.base[value] == UInt8(ascii: "\"") else { throw .badMember("t") }
            envelope.type = Envelope.Text(start: value + 1, end: end - 1)
        }
        return end
    }

    private mutating func scanData(_ start: Int) -> Int {
        walk.forgetLineBreaks()
        let end = walk.base[start] == UInt8(ascii: "{") ? scanDataObject(start + 1) : walk.value(start, depth: 1)
        guard end >= 0 else { return JSONWalk.invalid }
        envelope.data = start..<end
        envelope.dataHasLineBreaks = walk.sawLineBreak
        return end
    }

    private mutating func scanDataObject(_ start: Int) -> Int {
        var position = walk.space(start)
        if position < walk.count, walk.base[position] == UInt8(ascii: "}") { return position + 1 }
        while true {
            let name = position + 1
            guard position < walk.count, walk.base[position] == UInt8(ascii: "\"") else { return JSONWalk.invalid }
            let nameEnd = walk.string(name) - 1
            guard nameEnd >= 0 else { return JSONWalk.invalid }
            let value = walk.colon(nameEnd + 1)
            guard value >= 0 else { return JSONWalk.invalid }
            position = walk.value(value, depth: 2)
            guard position >= 0 else { return JSONWalk.invalid }
            noteDataMember(name: name, nameEnd: nameEnd, value: value, end: position)
            position = walk.space(position)
            guard position < walk.count else { return JSONWalk.invalid }
            if walk.base[position] == UInt8(ascii: "}") { return position + 1 }
            guard walk.base[position] == UInt8(ascii: ",") else { return JSONWalk.invalid }
            position = walk.space(position + 1)
        }
    }

    /// Keeps the ids at the top level of `d`. Where a name occurs twice the first counts, as for the workers' parser.
    @inline(__always)
    private mutating func noteDataMember(name: Int, nameEnd: Int, value: Int, end: Int) {
        // Most names are ruled out by their first byte, the others looked for may begin with an escape.
        switch walk.base[name] {
        case UInt8(ascii: "g"), UInt8(ascii: "c"), UInt8(ascii: "i"), UInt8(ascii: "u"), UInt8(ascii: "\\"): break
        default: return
        }
        if walk.isString("guild_id", from: name, to: nameEnd) {
            envelope.guildID = envelope.guildID ?? snowflake(from: value, to: end)
        } else if walk.isString("channel_id", from: name, to: nameEnd) {
            envelope.channelID = envelope.channelID ?? snowflake(from: value, to: end)
        } else if walk.isString("id", from: name, to: nameEnd) {
            envelope.id = envelope.id ?? snowflake(from: value, to: end)
        } else if walk.isString("user_id", from: name, to: nameEnd) {
            envelope.userID = envelope.userID ?? snowflake(from: value, to: end)
        } else if walk.isString("user", from: name, to: nameEnd), walk.base[value] == UInt8(ascii: "{") {
            envelope.userID = envelope.userID ?? identifier(ofObject: value)
        }
    }

    /// The `id` at the top level of an object that has been walked over, and so is known to be well formed.
    private mutating func identifier(ofObject start: Int) -> Snowflake? {
        var position = walk.space(start + 1)
        while walk.base[position] == UInt8(ascii: "\"") {
            let name = position + 1
            let nameEnd = walk.string(name) - 1
            let value = walk.colon(nameEnd + 1)
            position = walk.value(value, depth: 3)
            if walk.isString("id", from: name, to: nameEnd) { return snowflake(from: value, to: position) }
            position = walk.space(position)
            guard walk.base[position] == UInt8(ascii: ",") else { return nil }
            position = walk.space(position + 1)
        }
        return nil
    }

    /// A snowflake as a string, or, as Discord allows for short ones, an integer; nil for null and anything else.
    private func snowflake(from start: Int, to end: Int) -> Snowflake? {
        guard walk.base[start] == UInt8(ascii: "\"") else {
            return Snowflake(decimal: UnsafeRawBufferPointer(start: walk.base + start, count: end - start))
        }
        let content = UnsafeRawBufferPointer(start: walk.base + start + 1, count: end - start - 2)
        if let id = Snowflake(decimal: content) { return id }
        guard content.contains(0x5C) else { return nil }
        return Snowflake(walk.unescaped(from: start + 1, to: end - 1))
    }

    /// A non-negative integer.
    private func integer(from start: Int, to end: Int) -> Int? {
        guard end - start <= 18 else { return nil }
        var value = 0
        for position in start..<end {
            let digit = walk.base[position] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
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
