/// PostgreSQL's text formats (manual, 8.15.2 for arrays).
enum PostgresText {
    /// A parameter's text; nil is NULL.
    static func encode(_ cell: SQLCell) -> String? {
        switch cell {
        case .null: nil
        case .integer(let value): String(value)
        case .text(let text): text
        case .boolean(let value): value ? "t" : "f"
        case .array(let cells): "{\(cells.map(element).joined(separator: ","))}"
        }
    }

    /// Reads a column; nil if the text is not of that type.
    static func decode(_ text: String?, as type: SQLType) -> SQLCell? {
        guard let text else { return .null }
        return switch type {
        case .bigint, .integer: Int64(text).map { .integer($0) }
        case .text: .text(text)
        case .boolean: text == "t" ? .boolean(true) : text == "f" ? .boolean(false) : nil
        // No statement gives arrays.
        case .bigintArray, .integerArray, .textArray: nil
        }
    }

    private static func element(_ cell: SQLCell) -> String {
        guard case .text(let text) = cell else { return encode(cell) ?? "NULL" }
        var quoted = "\""
        for character in text.unicodeScalars {
            if character == "\"" || character == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }
}

extension SQLType {
    /// The type's number in pg_type, the same in every PostgreSQL.
    var oid: UInt32 {
        switch self {
        case .boolean: 16
        case .bigint: 20
        case .integer: 23
        case .text: 25
        case .integerArray: 1007
        case .textArray: 1009
        case .bigintArray: 1016
        }
    }
}
