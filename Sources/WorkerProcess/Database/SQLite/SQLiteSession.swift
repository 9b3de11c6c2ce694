internal import GRDB
internal import Logging
internal import Shared

/// Runs statements on GRDB's connection, inside one transaction of its.
struct SQLiteSession {
    let database: Database
    var logger: Logger?

    /// All rows of a statement's result.
    func rows<Input, Row>(_ statement: Statement<Input, Row>, _ input: Input) throws -> [Row] {
        let prepared = try database.cachedStatement(sql: statement.shape.sql)
        try prepared.setArguments(StatementArguments(statement.encode(input).map(\.databaseValue)))
        let columns = statement.shape.columns
        var rows: [Row] = []
        let cursor = try GRDB.Row.fetchCursor(prepared)
        while let row = try cursor.next() {
            let cells = columns.indices.map { SQLCell(row[$0] as DatabaseValue, as: columns[$0].type) }
            guard let decoded = statement.decode(cells.compactMap(\.self)) else {
                throw SQLiteStore.mismatch(statement.shape)
            }
            rows.append(decoded)
        }
        logger?.debug(
            "A statement was run", metadata: ["statement": "\(statement.shape.name)", "rows": "\(rows.count)"])
        return rows
    }

    /// Runs a statement that has no result.
    func run<Input>(_ statement: Statement<Input, Void>, _ input: Input) throws {
        let prepared = try database.cachedStatement(sql: statement.shape.sql)
        try prepared.execute(arguments: StatementArguments(statement.encode(input).map(\.databaseValue)))
        logger?.debug("A statement was run", metadata: ["statement": "\(statement.shape.name)"])
    }
}

extension SQLCell {
    /// As bound to a statement. Arrays are JSON texts for `json_each`.
    var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let value): value.databaseValue
        case .text(let text): text.databaseValue
        case .boolean(let value): value.databaseValue
        case .array(let cells): JSON.array(cells.map(\.json)).text.databaseValue
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
    init?(_ value: DatabaseValue, as type: SQLType) {
        switch (value.storage, type) {
        case (.null, _): self = .null
        case (.int64(let number), .bigint), (.int64(let number), .integer): self = .integer(number)
        case (.int64(let number), .boolean): self = .boolean(number != 0)
        case (.string(let text), .text): self = .text(text)
        default: return nil
        }
    }
}
