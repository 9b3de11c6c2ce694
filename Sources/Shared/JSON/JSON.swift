public import NIOCore

/// A JSON value of one's own, for the paths that are not hot: request bodies, status, reports, control results.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case double(Double)
    case string(String)
    case array([JSON])
    /// Members in the order in which they are written.
    case object([Member])

    /// One member of an object.
    public struct Member: Sendable, Equatable {
        /// The member's name.
        public var key: String
        /// The member's value.
        public var value: JSON

        /// Names a value.
        public init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }

    /// Copies a parsed value, which thereby outlives its parser.
    public init(_ value: JSONValue) {
        switch value.kind {
        case .null: self = .null
        case .bool: self = .bool(value.bool ?? false)
        case .integer: self = value.int.map(JSON.integer) ?? .double(value.double ?? 0)
        case .double: self = .double(value.double ?? 0)
        case .string: self = .string(value.string ?? "")
        case .array: self = .array(value.elements.map(JSON.init))
        case .object: self = .object(value.members.map { Member($0.key, JSON($0.value)) })
        }
    }

    /// Parses a text of its own; for texts that are too rare to keep a `JSONParser` for.
    public init(ofText text: ByteBuffer, maximumBytes: Int = 32 << 20) throws(JSONError) {
        let parser = JSONParser(maximumBytes: maximumBytes)
        let value = try parser.parse(text)
        // What `value` points into goes with the parser.
        self = withExtendedLifetime(parser) { JSON(value) }
    }

    /// Parses a text of its own; for texts that are too rare to keep a `JSONParser` for.
    public init(ofText text: String, maximumBytes: Int = 32 << 20) throws(JSONError) {
        try self.init(ofText: ByteBuffer(string: text), maximumBytes: maximumBytes)
    }

    /// An object without the members that are nil or null, so that optional fields are absent rather than null.
    ///
    /// Null goes too because the compiler reads the `nil` of `isSet ? value : nil` as the literal for it.
    public static func compact(_ members: KeyValuePairs<String, JSON?>) -> JSON {
        .object(members.compactMap { key, value in value.flatMap { $0 == .null ? nil : Member(key, $0) } })
    }

    /// The member of that name, if this is an object that has one.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The text, if this is a string.
    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The integer, if this is one.
    public var int: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The number, if this is one.
    public var double: Double? {
        switch self {
        case .double(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }

    /// The truth value, if this is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The values of an array; nil for anything else.
    public var elements: [JSON]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// The members of an object; nil for anything else.
    public var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// This value as one line of JSON text.
    public var text: String {
        var buffer = ByteBuffer()
        buffer.writeJSON(self)
        return String(buffer: buffer)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// Null.
    public init(nilLiteral: ()) { self = .null }
    /// An array.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// An object, its members in the order written.
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map(Member.init)) }
}

extension ByteBuffer {
    /// Appends a value as JSON text on one line.
    public mutating func writeJSON(_ value: JSON) {
        switch value {
        case .null: writeStaticString("null")
        case .bool(let value): writeStaticString(value ? "true" : "false")
        case .integer(let value): writeDecimal(value)
        // JSON knows neither infinity nor NaN (RFC 8259, section 6).
        case .double(let value): if value.isFinite { writeString(value.description) } else { writeStaticString("null") }
        case .string(let text): writeJSONString(text)
        case .array(let values):
            writeInteger(UInt8(ascii: "["))
            for (position, value) in values.enumerated() {
                if position > 0 { writeInteger(UInt8(ascii: ",")) }
                writeJSON(value)
            }
            writeInteger(UInt8(ascii: "]"))
        case .object(let members):
            writeInteger(UInt8(ascii: "{"))
            for (position, member) in members.enumerated() {
                if position > 0 { writeInteger(UInt8(ascii: ",")) }
                writeJSONString(member.key)
                writeInteger(UInt8(ascii: ":"))
                writeJSON(member.value)
            }
            writeInteger(UInt8(ascii: "}"))
        }
    }

    /// Appends a string in quotes, escaped as RFC 8259, section 7 asks; line breaks never appear raw.
    public mutating func writeJSONString(_ text: String) {
        var text = text
        writeInteger(UInt8(ascii: "\""))
        text.withUTF8 { bytes in
            var start = 0
            for position in bytes.indices {
                let byte = bytes[position]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                writeBytes(bytes[start..<position])
                writeEscape(of: byte)
                start = position + 1
            }
            writeBytes(bytes[start...])
        }
        writeInteger(UInt8(ascii: "\""))
    }

    private mutating func writeEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): writeStaticString("\\\"")
        case UInt8(ascii: "\\"): writeStaticString("\\\\")
        case UInt8(ascii: "\n"): writeStaticString("\\n")
        case UInt8(ascii: "\r"): writeStaticString("\\r")
        case UInt8(ascii: "\t"): writeStaticString("\\t")
        default:
            let digits = Array("0123456789abcdef".utf8)
            writeStaticString("\\u00")
            writeInteger(digits[Int(byte >> 4)])
            writeInteger(digits[Int(byte & 15)])
        }
    }

    /// Appends an integer in decimal digits, without a `String` in between.
    public mutating func writeDecimal(_ value: some FixedWidthInteger) {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { digits in
            var position = 24
            var rest = value.magnitude
            repeat {
                position -= 1
                let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
                digits[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: remainder)
                rest = quotient
            } while rest > 0
            if value < 0 {
                position -= 1
                digits[position] = UInt8(ascii: "-")
            }
            _ = writeBytes(UnsafeRawBufferPointer(rebasing: digits[position...]))
        }
    }
}
