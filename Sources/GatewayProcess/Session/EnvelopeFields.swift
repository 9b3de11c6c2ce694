internal import Shared

/// Fills an envelope with the members that a scanner comes by.
struct EnvelopeFields {
    let walk: JSONWalk
    private(set) var envelope = Envelope()

    init(_ walk: JSONWalk) {
        self.walk = walk
    }

    /// Keeps `d`, whose value has been walked over.
    mutating func note(data: Range<Int>, hasLineBreaks: Bool) {
        envelope.data = data
        envelope.dataHasLineBreaks = hasLineBreaks
    }

    /// Keeps a member of the envelope other than `d`, whose value has been walked over.
    mutating func note(name: Range<Int>, value: Int, end: Int) throws(EnvelopeError) {
        if walk.isString("op", from: name.lowerBound, to: name.upperBound) {
            guard let number = walk.integer(from: value, to: end) else { throw .badMember("op") }
            envelope.operation = number
        } else if walk.isString("s", from: name.lowerBound, to: name.upperBound) {
            guard walk.base[value] != UInt8(ascii: "n") else { return }
            guard let number = walk.integer(from: value, to: end) else { throw .badMember("s") }
            envelope.sequence = number
        } else if walk.isString("t", from: name.lowerBound, to: name.upperBound) {
            guard walk.base[value] != UInt8(ascii: "n") else { return }
            guard walk.base[value] == UInt8(ascii: "\"") else { throw .badMember("t") }
            envelope.type = Envelope.Text(start: value + 1, end: end - 1)
        }
    }

    /// Whether a member of `d` with such a name may be one that `noteDataMember` looks for: most names are ruled out by their first
    /// byte. One that is looked for may begin with an escape.
    @inline(__always)
    func mayBeWanted(name: Int) -> Bool {
        switch walk.base[name] {
        case UInt8(ascii: "g"), UInt8(ascii: "c"), UInt8(ascii: "i"), UInt8(ascii: "u"), UInt8(ascii: "\\"): true
        default: false
        }
    }

    /// Keeps the ids at the top level of `d`. Where a name occurs twice the first counts, as for the workers' parser.
    mutating func noteDataMember(name: Int, nameEnd: Int, value: Int, end: Int) {
        if walk.isString("guild_id", from: name, to: nameEnd) {
            envelope.guildID = envelope.guildID ?? walk.snowflake(from: value, to: end)
        } else if walk.isString("channel_id", from: name, to: nameEnd) {
            envelope.channelID = envelope.channelID ?? walk.snowflake(from: value, to: end)
        } else if walk.isString("id", from: name, to: nameEnd) {
            envelope.id = envelope.id ?? walk.snowflake(from: value, to: end)
        } else if walk.isString("user_id", from: name, to: nameEnd) {
            envelope.userID = envelope.userID ?? walk.snowflake(from: value, to: end)
        } else if walk.isString("user", from: name, to: nameEnd), walk.base[value] == UInt8(ascii: "{") {
            envelope.userID = envelope.userID ?? walk.identifier(ofObject: value)
        }
    }
}

extension JSONWalk {
    /// The `id` at the top level of an object that has been walked over, and so is known to be well formed.
    fileprivate func identifier(ofObject start: Int) -> Snowflake? {
        var walk = self
        var position = walk.space(start + 1)
        while base[position] == UInt8(ascii: "\"") {
            let name = position + 1
            let nameEnd = walk.string(name) - 1
            let value = walk.colon(nameEnd + 1)
            position = walk.value(value, depth: 3)
            if walk.isString("id", from: name, to: nameEnd) { return snowflake(from: value, to: position) }
            position = walk.space(position)
            guard base[position] == UInt8(ascii: ",") else { return nil }
            position = walk.space(position + 1)
        }
        return nil
    }

    /// A snowflake as a string, or, as Discord allows for short ones, an integer; nil for null and anything else.
    fileprivate func snowflake(from start: Int, to end: Int) -> Snowflake? {
        guard base[start] == UInt8(ascii: "\"") else {
            return Snowflake(decimal: UnsafeRawBufferPointer(start: base + start, count: end - start))
        }
        let content = UnsafeRawBufferPointer(start: base + start + 1, count: end - start - 2)
        if let id = Snowflake(decimal: content) { return id }
        guard content.contains(0x5C) else { return nil }
        return Snowflake(unescaped(from: start + 1, to: end - 1))
    }

    /// A non-negative integer.
    fileprivate func integer(from start: Int, to end: Int) -> Int? {
        guard end - start <= 18 else { return nil }
        var value = 0
        for position in start..<end {
            let digit = base[position] &- 0x30
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
}
