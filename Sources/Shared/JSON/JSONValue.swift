internal import CSimdJSON

/// One value of a parsed text: two words that point into its `JSONParser`, whose rules of validity apply.
public struct JSONValue {
    /// What kind of value this is.
    public enum Kind: Sendable {
        case object, array, string, integer, double, bool, null
    }

    // The C struct's two words, spelled out so that CSimdJSON stays an internal import.
    private let document: UnsafeRawPointer?
    private let index: Int

    init(_ element: olim_json_element) {
        document = element.document
        index = element.index
    }

    fileprivate var element: olim_json_element {
        olim_json_element(document: document, index: index)
    }

    /// The kind of this value.
    public var kind: Kind {
        switch olim_json_element_type(element) {
        case olim_json_object: .object
        case olim_json_array: .array
        case olim_json_string: .string
        case olim_json_int64, olim_json_uint64: .integer
        case olim_json_double: .double
        case olim_json_bool: .bool
        default: .null
        }
    }

    /// Whether this is `null`.
    public var isNull: Bool { olim_json_element_type(element) == olim_json_null }

    /// The member of that name, if this is an object that has one.
    public subscript(key: StaticString) -> JSONValue? {
        var found = olim_json_element()
        let hit = key.utf8Start.withMemoryRebound(to: CChar.self, capacity: key.utf8CodeUnitCount) {
            olim_json_object_find(element, $0, key.utf8CodeUnitCount, &found)
        }
        return hit ? JSONValue(found) : nil
    }

    /// The member of a name that is not known at compile time.
    public func member(named key: String) -> JSONValue? {
        var key = key
        var found = olim_json_element()
        let hit = key.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                olim_json_object_find(element, $0.baseAddress, $0.count, &found)
            }
        }
        return hit ? JSONValue(found) : nil
    }

    /// The text, if this is a string.
    public var string: String? {
        withStringBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Lends the unescaped UTF-8 bytes of a string, which end with the parser's next text.
    public func withStringBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result? {
        var start: UnsafePointer<CChar>?
        var length = 0
        guard olim_json_element_string(element, &start, &length) else { return nil }
        return try body(UnsafeRawBufferPointer(start: start, count: length))
    }

    /// Whether this is exactly that string; compares bytes and allocates nothing.
    public func equals(_ text: StaticString) -> Bool {
        withStringBytes {
            $0.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
            ?? false
    }

    /// The integer, if this is one that fits.
    public var int: Int? {
        var value: Int64 = 0
        return olim_json_element_int64(element, &value) ? Int(value) : nil
    }

    /// The number, if this is one.
    public var double: Double? {
        var value = 0.0
        return olim_json_element_double(element, &value) ? value : nil
    }

    /// The truth value, if this is one.
    public var bool: Bool? {
        var value = false
        return olim_json_element_bool(element, &value) ? value : nil
    }

    /// The snowflake, if this is a decimal string (or, as Discord allows for short ones, an integer).
    public var snowflake: Snowflake? {
        if let id = withStringBytes({ Snowflake(decimal: $0) }) { return id }
        return int.flatMap { $0 >= 0 ? Snowflake(UInt64($0)) : nil }
    }

    /// The values of an array; empty for anything else.
    public var elements: JSONElements { JSONElements(of: self) }

    /// The members of an object, in the text's order; empty for anything else.
    public var members: JSONMembers { JSONMembers(of: self) }
}

/// The values of an array, in order.
public struct JSONElements: Sequence, IteratorProtocol {
    private var iterator = olim_json_iterator()
    private var hasMore: Bool

    fileprivate init(of value: JSONValue) {
        hasMore = olim_json_array_begin(value.element, &iterator)
    }

    /// The next value.
    public mutating func next() -> JSONValue? {
        guard hasMore else { return nil }
        var value = olim_json_element()
        hasMore = olim_json_array_next(&iterator, &value)
        return hasMore ? JSONValue(value) : nil
    }
}

/// The members of an object, in the text's order.
public struct JSONMembers: Sequence, IteratorProtocol {
    private var iterator = olim_json_iterator()
    private var hasMore: Bool

    fileprivate init(of value: JSONValue) {
        hasMore = olim_json_object_begin(value.element, &iterator)
    }

    /// The next member.
    public mutating func next() -> (key: String, value: JSONValue)? {
        guard hasMore else { return nil }
        var start: UnsafePointer<CChar>?
        var length = 0
        var value = olim_json_element()
        hasMore = olim_json_object_next(&iterator, &start, &length, &value)
        guard hasMore else { return nil }
        return (String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self), JSONValue(value))
    }
}
