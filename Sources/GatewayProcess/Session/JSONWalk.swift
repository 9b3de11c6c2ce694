#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Walks over one JSON text (RFC 8259) without building anything, and says where each value ends.
///
/// Positions are offsets from the text's start. Every function takes one and returns that behind what it walked over,
/// or `invalid`. Strings are checked to be UTF-8 (RFC 3629) with valid escapes, numbers to follow the grammar; what a
/// number's value is does not matter here.
struct JSONWalk {
    /// What a function returns when the text is not JSON at that point.
    static let invalid = -1
    /// Deepest nesting accepted: what simdjson, which the workers read with, accepts.
    static let maximumDepth = 1024

    let base: UnsafePointer<UInt8>
    let count: Int
    /// Whether a raw line feed or carriage return stood between the tokens walked over so far.
    private(set) var sawLineBreak = false

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty text has no base address; any address does for a text of which no byte is read.
        base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        count = bytes.count
    }

    mutating func forgetLineBreaks() {
        sawLineBreak = false
    }

    /// Behind any white space.
    @inline(__always)
    mutating func space(_ position: Int) -> Int {
        guard position < count, base[position] <= 0x20 else { return position }
        return spaceSlowly(position)
    }

    @inline(never)
    private mutating func spaceSlowly(_ start: Int) -> Int {
        var position = start
        while position < count {
            switch base[position] {
            case 0x20, 0x09: break
            case 0x0A, 0x0D: sawLineBreak = true
            default: return position
            }
            position += 1
        }
        return position
    }

    /// Behind the value that begins exactly here.
    mutating func value(_ position: Int, depth: Int) -> Int {
        guard position < count else { return Self.invalid }
        switch base[position] {
        case UInt8(ascii: "\""): return string(position + 1)
        case UInt8(ascii: "{"): return object(position + 1, depth: depth + 1)
        case UInt8(ascii: "["): return array(position + 1, depth: depth + 1)
        default: return scalar(position)
        }
    }

    /// Behind the number or the word that begins exactly here.
    @inline(__always)
    func scalar(_ position: Int) -> Int {
        switch base[position] {
        case UInt8(ascii: "t"): literal("true", position)
        case UInt8(ascii: "f"): literal("false", position)
        case UInt8(ascii: "n"): literal("null", position)
        default: number(position)
        }
    }

    /// The first of these bytes at or behind a position; the end if there is none.
    func first(_ byte: UInt8, from position: Int, to end: Int) -> Int {
        guard position < end, let hit = memchr(base + position, Int32(byte), end - position) else { return end }
        return UnsafeRawPointer(hit) - UnsafeRawPointer(base)
    }

    /// Behind an object whose brace has been read.
    private mutating func object(_ start: Int, depth: Int) -> Int {
        guard depth <= Self.maximumDepth else { return Self.invalid }
        var position = space(start)
        if position < count, base[position] == UInt8(ascii: "}") { return position + 1 }
        while true {
            guard position < count, base[position] == UInt8(ascii: "\"") else { return Self.invalid }
            position = string(position + 1)
            guard position >= 0 else { return Self.invalid }
            position = colon(position)
            guard position >= 0 else { return Self.invalid }
            position = value(position, depth: depth)
            guard position >= 0 else { return Self.invalid }
            position = space(position)
            guard position < count else { return Self.invalid }
            if base[position] == UInt8(ascii: "}") { return position + 1 }
            guard base[position] == UInt8(ascii: ",") else { return Self.invalid }
            position = space(position + 1)
        }
    }

    /// Behind an array whose bracket has been read.
    private mutating func array(_ start: Int, depth: Int) -> Int {
        guard depth <= Self.maximumDepth else { return Self.invalid }
        var position = space(start)
        if position < count, base[position] == UInt8(ascii: "]") { return position + 1 }
        while true {
            position = value(position, depth: depth)
            guard position >= 0 else { return Self.invalid }
            position = space(position)
            guard position < count else { return Self.invalid }
            if base[position] == UInt8(ascii: "]") { return position + 1 }
            guard base[position] == UInt8(ascii: ",") else { return Self.invalid }
            position = space(position + 1)
        }
    }

    /// Behind the colon that separates a name from its value, and the space around it.
    @inline(__always)
    mutating func colon(_ start: Int) -> Int {
        let position = space(start)
        guard position < count, base[position] == UInt8(ascii: ":") else { return Self.invalid }
        return space(position + 1)
    }

    /// Behind a string whose opening quote has been read.
    func string(_ start: Int) -> Int {
        var position = start
        while true {
            position = plainText(position)
            guard position < count else { return Self.invalid }
            switch base[position] {
            case UInt8(ascii: "\""): return position + 1
            case UInt8(ascii: "\\"): position = escape(position + 1)
            case 0x80...: position = nonASCII(position)
            default: return Self.invalid
            }
            guard position >= 0 else { return Self.invalid }
        }
    }

    /// The first byte from here on that ends a string, begins an escape, is a control character or is not ASCII.
    ///
    /// Eight bytes at a time: each term has its lowest set bit in the first byte it looks for, since a borrow only
    /// reaches bytes above one that matched.
    @inline(__always)
    private func plainText(_ start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var position = start
        while position &+ 8 <= count {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5C)
            let found =
                (((word &- ones &* 0x20) & ~word) | ((quotes &- ones) & ~quotes)
                    | ((backslashes &- ones) & ~backslashes) | word) & highs
            if found != 0 { return position &+ found.trailingZeroBitCount >> 3 }
            position &+= 8
        }
        while position < count {
            let byte = base[position]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return position }
            position &+= 1
        }
        return position
    }

    /// Behind an escape whose backslash has been read (RFC 8259, section 7).
    private func escape(_ position: Int) -> Int {
        guard position < count else { return Self.invalid }
        switch base[position] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return position + 1
        case UInt8(ascii: "u"):
            guard position + 5 <= count else { return Self.invalid }
            for digit in position + 1...position + 4 where Self.hexadecimal(base[digit]) == nil { return Self.invalid }
            return position + 5
        default:
            return Self.invalid
        }
    }

    /// The value of a hexadecimal digit.
    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    /// Behind a run of characters beyond ASCII, each a well-formed UTF-8 sequence (RFC 3629, section 4).
    private func nonASCII(_ start: Int) -> Int {
        var position = start
        while position < count, base[position] >= 0x80 {
            let length: Int
            var second: ClosedRange<UInt8> = 0x80...0xBF
            switch base[position] {
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: length = 4
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: return Self.invalid
            }
            guard position + length <= count, second.contains(base[position + 1]) else { return Self.invalid }
            if length > 2, base[position + 2] & 0xC0 != 0x80 { return Self.invalid }
            if length > 3, base[position + 3] & 0xC0 != 0x80 { return Self.invalid }
            position += length
        }
        return position
    }

    private func literal(_ text: StaticString, _ position: Int) -> Int {
        let length = text.utf8CodeUnitCount
        guard position + length <= count, memcmp(base + position, text.utf8Start, length) == 0 else {
            return Self.invalid
        }
        return position + length
    }

    private func number(_ start: Int) -> Int {
        var position = start
        if base[position] == UInt8(ascii: "-") { position += 1 }
        guard position < count else { return Self.invalid }
        if base[position] == UInt8(ascii: "0") {
            position += 1
        } else {
            position = digits(position)
            guard position >= 0 else { return Self.invalid }
        }
        if position < count, base[position] == UInt8(ascii: ".") {
            position = digits(position + 1)
            guard position >= 0 else { return Self.invalid }
        }
        if position < count, base[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < count, base[position] == UInt8(ascii: "+") || base[position] == UInt8(ascii: "-") {
                position += 1
            }
            position = digits(position)
        }
        return position
    }

    /// Behind one or more digits.
    private func digits(_ start: Int) -> Int {
        var position = start
        while position < count, base[position] &- 0x30 < 10 { position &+= 1 }
        return position > start ? position : Self.invalid
    }
}

extension JSONWalk {
    /// Whether the string between these offsets (its quotes excluded, already walked over) is `text`.
    @inline(__always)
    func isString(_ text: StaticString, from start: Int, to end: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        if end - start == length { return memcmp(base + start, text.utf8Start, length) == 0 }
        guard end - start > length, memchr(base + start, 0x5C, end - start) != nil else { return false }
        return unescaped(from: start, to: end).utf8.elementsEqual(
            UnsafeBufferPointer(start: text.utf8Start, count: length))
    }

    /// The text of a string that may contain escapes. A lone surrogate becomes U+FFFD.
    func unescaped(from start: Int, to end: Int) -> String {
        var units: [UInt16] = []
        var text = ""
        func flush() {
            text += String(decoding: units, as: UTF16.self)
            units.removeAll(keepingCapacity: true)
        }
        var position = start
        while position < end {
            guard base[position] == 0x5C else {
                flush()
                var next = position
                while next < end, base[next] != 0x5C { next += 1 }
                text += String(
                    decoding: UnsafeBufferPointer(start: base + position, count: next - position), as: UTF8.self)
                position = next
                continue
            }
            position += 2
            switch base[position - 1] {
            case UInt8(ascii: "u"):
                let digits = (position..<position + 4).map { Self.hexadecimal(base[$0]) ?? 0 }
                units.append(UInt16(truncatingIfNeeded: digits.reduce(0) { $0 << 4 | $1 }))
                position += 4
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case let plain: units.append(UInt16(plain))
            }
        }
        flush()
        return text
    }
}
