internal import Shared

/// Reads the envelope in one pass over the payload that also proves it to be one JSON object, without allocating.
struct EnvelopeScanner {
    private var walk: JSONWalk
    private var fields: EnvelopeFields

    private init(_ bytes: UnsafeRawBufferPointer) {
        walk = JSONWalk(bytes)
        fields = EnvelopeFields(walk)
    }

    /// - Parameter indexer: finds the tokens of texts that are not too long for it, which is three times as fast.
    static func scan(
        _ bytes: UnsafeRawBufferPointer, with indexer: JSONIndexer? = nil
    ) throws(EnvelopeError) -> Envelope {
        if let tokens = indexer?.tokens(of: bytes), let envelope = TokenScanner.scan(bytes, tokens: tokens) {
            return envelope
        }
        // Long texts, and those that something is wrong with, of which this finds out what.
        var scanner = EnvelopeScanner(bytes)
        try scanner.scanEnvelope()
        return scanner.fields.envelope
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
        guard fields.envelope.operation >= 0 else { throw .badMember("op") }
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
        try fields.note(name: name..<nameEnd, value: value, end: end)
        return end
    }

    private mutating func scanData(_ start: Int) -> Int {
        walk.forgetLineBreaks()
        let end = walk.base[start] == UInt8(ascii: "{") ? scanDataObject(start + 1) : walk.value(start, depth: 1)
        guard end >= 0 else { return JSONWalk.invalid }
        fields.note(data: start..<end, hasLineBreaks: walk.sawLineBreak)
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
            if fields.mayBeWanted(name: name) {
                fields.noteDataMember(name: name, nameEnd: nameEnd, value: value, end: position)
            }
            position = walk.space(position)
            guard position < walk.count else { return JSONWalk.invalid }
            if walk.base[position] == UInt8(ascii: "}") { return position + 1 }
            guard walk.base[position] == UInt8(ascii: ",") else { return JSONWalk.invalid }
            position = walk.space(position + 1)
        }
    }
}
