public import NIOCore

extension JSONParser {
    /// The bytes of one member's value, as they stand in a text that is an object; nil if it has no such member.
    public func rawMember(_ name: String, of text: ByteBuffer) throws(JSONError) -> ByteBuffer? {
        let keys = try parse(text).members.map(\.key)
        guard let place = keys.firstIndex(of: name) else { return nil }
        return text.rawMember(place, isLast: place == keys.count - 1)
    }
}

extension ByteBuffer {
    /// The bytes of the value of an object's member, found by its place. These readable bytes must have been parsed as
    /// an object that has this member, so nothing is checked again here.
    ///
    /// The last member's end is the object's end, so that a value of any size costs nothing there.
    func rawMember(_ place: Int, isLast: Bool) -> ByteBuffer {
        let range = withUnsafeReadableBytes { bytes in
            var scanner = ObjectScanner(bytes: bytes)
            return scanner.range(ofMember: place, isLast: isLast)
        }
        return getSlice(at: readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    /// A copy of what stands before the value of an object's member of that name; nil if no such member is found. What comes
    /// before it is taken for JSON, and what comes behind it is not looked at.
    func textBefore(member name: StaticString) -> ByteBuffer? {
        let end = withUnsafeReadableBytes { bytes in
            var scanner = ObjectScanner(bytes: bytes)
            return scanner.valueStart(ofMember: name)
        }
        return end.flatMap { getSlice(at: readerIndex, length: $0) }
    }
}

/// Walks the top level of a JSON text that is known to be a valid object.
private struct ObjectScanner {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func range(ofMember place: Int, isLast: Bool) -> Range<Int> {
        skipWhitespace()
        position += 1
        for _ in 0..<place {
            skipName()
            skipValue()
            skipWhitespace()
            position += 1
        }
        skipName()
        let start = position
        guard !isLast else { return start..<lastValueEnd(from: start) }
        skipValue()
        return start..<min(position, bytes.count)
    }

    mutating func valueStart(ofMember name: StaticString) -> Int? {
        skipWhitespace()
        position += 1
        while position < bytes.count {
            skipWhitespace()
            let start = position
            skipString()
            guard position <= bytes.count else { return nil }
            let isFound = bytes[start..<position].dropFirst().dropLast()
                .elementsEqual(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            position = start
            skipName()
            if isFound { return position <= bytes.count ? position : nil }
            skipValue()
            skipWhitespace()
            position += 1
        }
        return nil
    }

    /// Where the value ends that only white space and the object's brace follow.
    private func lastValueEnd(from start: Int) -> Int {
        var end = bytes.count
        while end > start, isWhitespace(bytes[end - 1]) { end -= 1 }
        end -= 1
        while end > start, isWhitespace(bytes[end - 1]) { end -= 1 }
        return max(start, end)
    }

    /// A member's name, the colon, and the white space around them.
    private mutating func skipName() {
        skipWhitespace()
        skipString()
        skipWhitespace()
        position += 1
        skipWhitespace()
    }

    private mutating func skipValue() {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                skipString()
                if depth == 0 { return }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // At depth 0 it is the object's own brace, behind a number or a word.
                if depth == 0 { return }
                depth -= 1
                position += 1
                if depth == 0 { return }
            case let byte where depth == 0 && (byte == UInt8(ascii: ",") || isWhitespace(byte)):
                return
            default: position += 1
            }
        }
    }

    private mutating func skipString() {
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
    }

    private mutating func skipWhitespace() {
        while position < bytes.count, isWhitespace(bytes[position]) { position += 1 }
    }

    private func isWhitespace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
