internal import Shared

/// Reads the envelope from token to token of a text whose tokens have been found, and proves it to be one JSON object as
/// `EnvelopeScanner` does.
///
/// Takes nothing that `EnvelopeScanner` would not take. Positions are offsets from the text's start, places are indices of tokens;
/// a function that walks over something returns the place behind it, or `invalid`.
struct TokenScanner {
    private static let invalid = JSONWalk.invalid

    private let walk: JSONWalk
    private let base: UnsafePointer<UInt8>
    private let tokens: UnsafePointer<UInt32>
    /// How many tokens there are; one more offset is behind them, that of the text's end.
    private let count: Int
    /// The first backslash that no string walked over so far contains; the text's end if there is none.
    private var nextBackslash: Int
    private var fields: EnvelopeFields

    /// Nil if the text is not one that can be taken.
    static func scan(_ bytes: UnsafeRawBufferPointer, tokens: UnsafeBufferPointer<UInt32>) -> Envelope? {
        guard let first = tokens.baseAddress, tokens.count > 1 else { return nil }
        var scanner = TokenScanner(JSONWalk(bytes), tokens: first, count: tokens.count - 1)
        guard scanner.scanEnvelope(), scanner.fields.envelope.operation >= 0 else { return nil }
        return scanner.fields.envelope
    }

    private init(_ walk: JSONWalk, tokens: UnsafePointer<UInt32>, count: Int) {
        self.walk = walk
        base = walk.base
        self.tokens = tokens
        self.count = count
        nextBackslash = walk.first(UInt8(ascii: "\\"), from: 0, to: walk.count)
        fields = EnvelopeFields(walk)
    }

    private mutating func scanEnvelope() -> Bool {
        guard isToken(0, UInt8(ascii: "{")) else { return false }
        var place = 1
        repeat {
            place = scanMember(place)
            guard place >= 0 else { return false }
            place += 1
        } while isToken(place - 1, UInt8(ascii: ","))
        return isToken(place - 1, UInt8(ascii: "}")) && place == count
    }

    /// One member of the envelope.
    private mutating func scanMember(_ place: Int) -> Int {
        guard place + 2 < count, isName(place) else { return Self.invalid }
        let name = position(place) + 1..<end(of: place + 1) - 1
        let value = position(place + 2)
        if walk.isString("d", from: name.lowerBound, to: name.upperBound) {
            let next = isToken(place + 2, UInt8(ascii: "{")) ? dataObject(place + 3) : self.value(place + 2)
            guard next >= 0 else { return Self.invalid }
            let end = end(of: next)
            let hasLineBreaks =
                walk.first(UInt8(ascii: "\n"), from: value, to: end) < end
                || walk.first(UInt8(ascii: "\r"), from: value, to: end) < end
            fields.note(data: value..<end, hasLineBreaks: hasLineBreaks)
            return next
        }
        let next = self.value(place + 2)
        guard next >= 0, (try? fields.note(name: name, value: value, end: end(of: next))) != nil else {
            return Self.invalid
        }
        return next
    }

    /// `d`, whose brace has been walked over.
    private mutating func dataObject(_ start: Int) -> Int {
        if isToken(start, UInt8(ascii: "}")) { return start + 1 }
        var place = start
        while true {
            let name = place
            place = value(afterName: place)
            guard place >= 0, place < count else { return Self.invalid }
            if fields.mayBeWanted(name: position(name) + 1) {
                fields.noteDataMember(
                    name: position(name) + 1, nameEnd: end(of: name + 1) - 1, value: position(name + 2),
                    end: end(of: place))
            }
            switch byte(place) {
            case UInt8(ascii: ","): place &+= 1
            case UInt8(ascii: "}"): return place + 1
            default: return Self.invalid
            }
        }
    }
}

extension TokenScanner {
    @inline(__always)
    private func position(_ place: Int) -> Int { Int(tokens[place]) }

    /// Whether the token at a place, if there is one, begins with a byte.
    @inline(__always)
    private func isToken(_ place: Int, _ byte: UInt8) -> Bool { place < count && base[position(place)] == byte }

    /// Behind the last byte of the token before a place: between the two stands only white space.
    @inline(__always)
    private func end(of next: Int) -> Int {
        var end = position(next)
        while Self.isSpace(base[end - 1]) { end -= 1 }
        return end
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
    }

    @inline(__always)
    private func byte(_ place: Int) -> UInt8 { base[position(place)] }

    /// Whether a member's name and its colon are here. The caller has made sure that two tokens are.
    @inline(__always)
    private mutating func isName(_ place: Int) -> Bool {
        byte(place) == UInt8(ascii: "\"") && byte(place &+ 1) == UInt8(ascii: ":") && hasGoodEscapes(place)
    }

    /// Behind the value of the member whose name is here.
    @inline(__always)
    private mutating func value(afterName place: Int) -> Int {
        guard place &+ 2 < count, isName(place) else { return Self.invalid }
        return value(place &+ 2)
    }

    /// Whether the escapes in the string at a place, which may have none, are right.
    @inline(__always)
    private mutating func hasGoodEscapes(_ place: Int) -> Bool {
        nextBackslash >= position(place &+ 1) || readsEscapes(place)
    }

    @inline(never)
    private mutating func readsEscapes(_ place: Int) -> Bool {
        let end = end(of: place + 1)
        guard walk.string(position(place) + 1) == end else { return false }
        nextBackslash = walk.first(UInt8(ascii: "\\"), from: end, to: walk.count)
        return true
    }

    /// Behind the value that begins here.
    @inline(__always)
    private mutating func value(_ place: Int) -> Int {
        guard place < count else { return Self.invalid }
        switch byte(place) {
        case UInt8(ascii: "\""): return hasGoodEscapes(place) ? place &+ 1 : Self.invalid
        case UInt8(ascii: "{"), UInt8(ascii: "["): return container(place)
        default: return isScalar(place) ? place &+ 1 : Self.invalid
        }
    }

    /// Whether the whole token here is a number or a word. Most are words or of one digit.
    @inline(__always)
    private mutating func isScalar(_ place: Int) -> Bool {
        let start = position(place)
        switch position(place &+ 1) &- start {
        case 1: return base[start] &- UInt8(ascii: "0") < 10
        case 4 where isWord("null", start) || isWord("true", start): return true
        default: return isAnyScalar(place)
        }
    }

    @inline(__always)
    private func isWord(_ word: StaticString, _ start: Int) -> Bool {
        UnsafeRawPointer(base + start).loadUnaligned(as: UInt32.self)
            == UnsafeRawPointer(word.utf8Start).loadUnaligned(as: UInt32.self)
    }

    /// Mutating only so that it is called on this value itself, not on a copy.
    @inline(never)
    private mutating func isAnyScalar(_ place: Int) -> Bool {
        let end = walk.scalar(position(place))
        let next = position(place &+ 1)
        return end >= 0 && (end == next || (end < next && Self.isSpace(base[end])))
    }

    /// Behind the object or array that begins here.
    ///
    /// `kinds` has a bit for each container that has begun and not ended, the innermost lowest, 1 for an object; one more bit stands
    /// above them. What is nested deeper than it has bits is left to `EnvelopeScanner`.
    @inline(never)
    private mutating func container(_ start: Int) -> Int {
        var place = start
        var kinds: UInt64 = 1
        beginning: while kinds >> 63 == 0, place &+ 1 < count {
            kinds = kinds << 1 | (byte(place) == UInt8(ascii: "{") ? 1 : 0)
            place &+= 1
            var ends = byte(place) == Self.end(of: kinds)
            while true {
                if ends {
                    kinds >>= 1
                    place &+= 1
                    if kinds == 1 { return place }
                    guard place < count else { return Self.invalid }
                } else {
                    if kinds & 1 == 1 {
                        guard place &+ 2 < count, isName(place) else { return Self.invalid }
                        place &+= 2
                    }
                    guard place &+ 1 < count else { return Self.invalid }
                    switch byte(place) {
                    case UInt8(ascii: "\""): guard hasGoodEscapes(place) else { return Self.invalid }
                    case UInt8(ascii: "{"), UInt8(ascii: "["): continue beginning
                    default: guard isScalar(place) else { return Self.invalid }
                    }
                    place &+= 1
                }
                ends = byte(place) != UInt8(ascii: ",")
                if ends {
                    guard byte(place) == Self.end(of: kinds) else { return Self.invalid }
                } else {
                    place &+= 1
                }
            }
        }
        return Self.invalid
    }

    @inline(__always)
    private static func end(of kinds: UInt64) -> UInt8 { kinds & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]") }
}
