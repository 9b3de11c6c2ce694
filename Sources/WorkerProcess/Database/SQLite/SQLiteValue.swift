internal import Shared

/// A value as SQLite stores it (sqlite.org/datatype3.html).
enum SQLiteValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    /// As text, whatever it is.
    var text: String {
        switch self {
        case .null: ""
        case .integer(let value): String(value)
        case .real(let value): String(value)
        case .text(let text): text
        case .blob(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }
}

extension SQLCell {
    /// As bound to a statement. Arrays are JSON texts for `json_each`.
    var sqlite: SQLiteValue {
        switch self {
        case .null: .null
        case .integer(let value): .integer(value)
        case .text(let text): .text(text)
        case .boolean(let value): .integer(value ? 1 : 0)
        case .array(let cells): .text(JSON.array(cells.map(\.json)).text)
        }
    }

    /// As an element of such an array.
    private var json: JSON {
        switch self {
        case .null: .null
        case .integer(let value): .integer(Int(value))
        case .text(let text): .string(text)
        case .boolean(let value): .bool(value)
        case .array(let cells): .array(cells.map(\.json))
        }
    }

    /// Reads what SQLite has stored; nil if it is of another type, which SQLite's tables allow.
    init?(_ value: SQLiteValue, as type: SQLType) {
        switch (value, type) {
        case (.null, _): self = .null
        case (.integer(let number), .bigint), (.integer(let number), .integer): self = .integer(number)
        case (.integer(let number), .boolean): self = .boolean(number != 0)
        case (.text(let text), .text): self = .text(text)
        default: return nil
        }
    }
}
