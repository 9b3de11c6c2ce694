internal import Shared

/// The column and parameter types that the statements of this program use.
enum SQLType: Sendable, Hashable {
    case bigint, integer, text, boolean
    case bigintArray, integerArray, textArray

    /// The type of an array of these; an array has none.
    var array: SQLType? {
        switch self {
        case .bigint: .bigintArray
        case .integer: .integerArray
        case .text: .textArray
        case .boolean, .bigintArray, .integerArray, .textArray: nil
        }
    }
}

/// A value on its way to or from a database, in the form both engines share.
enum SQLCell: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case boolean(Bool)
    case array([SQLCell])
}

/// A Swift type that a statement may take or give.
protocol SQLValue: Sendable {
    /// The type of its column or parameter.
    static var sqlType: SQLType { get }
    /// Whether NULL is one of its values.
    static var isNullable: Bool { get }
    /// The value as a cell.
    var cell: SQLCell { get }
    /// Reads a cell; nil if it holds something else.
    init?(cell: SQLCell)
}

extension SQLValue {
    static var isNullable: Bool { false }
}

extension Int64: SQLValue {
    static var sqlType: SQLType { .bigint }
    var cell: SQLCell { .integer(self) }

    init?(cell: SQLCell) {
        guard case .integer(let value) = cell else { return nil }
        self = value
    }
}

extension Int32: SQLValue {
    static var sqlType: SQLType { .integer }
    var cell: SQLCell { .integer(Int64(self)) }

    init?(cell: SQLCell) {
        guard case .integer(let value) = cell else { return nil }
        self.init(exactly: value)
    }
}

extension Bool: SQLValue {
    static var sqlType: SQLType { .boolean }
    var cell: SQLCell { .boolean(self) }

    init?(cell: SQLCell) {
        guard case .boolean(let value) = cell else { return nil }
        self = value
    }
}

extension String: SQLValue {
    static var sqlType: SQLType { .text }

    /// PostgreSQL has no place for U+0000 in a text and both engines' C interfaces end at it; a member can put one into a name.
    var cell: SQLCell {
        .text(utf8.contains(0) ? String(map { $0 == "\0" ? "\u{FFFD}" : $0 }) : self)
    }

    init?(cell: SQLCell) {
        guard case .text(let value) = cell else { return nil }
        self = value
    }
}

/// Stored as a signed 64-bit number: Discord's ids stay below 2^63 until 2084, and beyond that the same bits come back.
extension Snowflake: SQLValue {
    static var sqlType: SQLType { .bigint }
    var cell: SQLCell { .integer(Int64(bitPattern: rawValue)) }

    init?(cell: SQLCell) {
        guard case .integer(let value) = cell else { return nil }
        self.init(UInt64(bitPattern: value))
    }
}

extension EventID: SQLValue {
    static var sqlType: SQLType { .bigint }
    var cell: SQLCell { .integer(rawValue) }

    init?(cell: SQLCell) {
        guard case .integer(let value) = cell else { return nil }
        self.init(value)
    }
}

extension LocalDate: SQLValue {
    static var sqlType: SQLType { .text }
    var cell: SQLCell { .text(description) }

    init?(cell: SQLCell) {
        guard case .text(let text) = cell else { return nil }
        self.init(text)
    }
}

extension Optional: SQLValue where Wrapped: SQLValue {
    static var sqlType: SQLType { Wrapped.sqlType }
    static var isNullable: Bool { true }
    var cell: SQLCell { self?.cell ?? .null }

    init?(cell: SQLCell) {
        if case .null = cell {
            self = Optional.none
        } else {
            guard let value = Wrapped(cell: cell) else { return nil }
            self = value
        }
    }
}

extension Array: SQLValue where Element: SQLValue {
    static var sqlType: SQLType {
        guard let type = Element.sqlType.array else {
            preconditionFailure("no statement takes arrays of \(Element.self)")
        }
        return type
    }

    var cell: SQLCell { .array(map(\.cell)) }

    init?(cell: SQLCell) {
        guard case .array(let cells) = cell else { return nil }
        self = []
        for cell in cells {
            guard let element = Element(cell: cell) else { return nil }
            append(element)
        }
    }
}
