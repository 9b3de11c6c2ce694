import CPostgreSQL
import CSQLite
import Testing

@testable import WorkerProcess

/// Compares what a statement says it takes and gives with what a migrated database makes of it.
enum StatementCheck {
    /// What does not fit, in words; with `nullability`, also columns that are NULL other than the statement says.
    static func problems(
        of shape: StatementShape, on connection: PostgresConnection, notNull: Set<String>? = nil
    ) async throws -> [String] {
        let description: (parameters: [Oid], columns: [Oid], origins: [String])
        do throws(PostgresError) {
            description = try await connection.perform(.single) { session throws(PostgresError) in
                let found = try session.describe(shape)
                return (found.parameterTypes, found.columnTypes, found.columnOrigins.map { "\($0.table)|\($0.column)" })
            }
        } catch {
            return ["\(shape.name): \(error.message)"]
        }
        var problems: [String] = []
        if description.parameters != shape.parameters.map(\.oid) { problems.append("\(shape.name): parameters") }
        if description.columns != shape.columns.map(\.type.oid) { problems.append("\(shape.name): columns") }
        if let notNull {
            // What comes straight from a column is NULL where that may be.
            for (column, origin) in zip(shape.columns, description.origins)
            where origin != "0|0" && column.isNullable == notNull.contains(origin) {
                problems.append("\(shape.name): nullability of \(origin)")
            }
        }
        return problems
    }

    static func problems(of shape: StatementShape, on connection: SQLiteConnection) throws -> [String] {
        let found: SQLiteShape
        do {
            found = try SQLiteShape(shape.sql, connection)
        } catch let error as SQLiteError {
            return ["\(shape.name): \(error.message)"]
        }
        var problems: [String] = []
        if found.parameterCount != shape.parameters.count { problems.append("\(shape.name): parameters") }
        if found.columns.count != shape.columns.count { problems.append("\(shape.name): columns") }
        for (column, declared) in zip(shape.columns, found.columns) {
            guard let declared else { continue }
            if declared.type != column.type.sqliteType { problems.append("\(shape.name): type of a column") }
            if declared.isNullable != column.isNullable { problems.append("\(shape.name): nullability of a column") }
        }
        return problems
    }
}

/// What SQLite makes of a statement. Only a bare column of a table has a declared type.
private struct SQLiteShape: Sendable {
    let parameterCount: Int
    let columns: [(type: String, isNullable: Bool)?]

    init(_ sql: String, _ connection: SQLiteConnection) throws {
        let statement = try connection.prepare(sql)
        parameterCount = statement.parameterCount
        let owner = try connection.tables.first { sql.contains($0) }
        let ofOwner = try owner.map { try connection.columns(of: $0) } ?? []
        columns = (0..<statement.columnCount).map { index in
            guard let declared = sqlite3_column_decltype(statement.pointer, Int32(index)) else { return nil }
            let column = ofOwner.first { $0.name == statement.columnName(index) }
            return column.map { (String(cString: declared), $0.isNullable) }
        }
    }
}

extension SQLiteConnection {
    var tables: [String] {
        get throws { try prepare("SELECT name FROM sqlite_master WHERE type = 'table'").rows().map { $0[0].text } }
    }

    /// Number, name, type, NOT NULL, default, place in the key (sqlite.org/pragma.html#pragma_table_info).
    func columns(of table: String) throws -> [(name: String, type: String, isNullable: Bool)] {
        try prepare("PRAGMA table_info(\(table))").rows().map {
            ($0[1].text, $0[2].text, $0[3] == .integer(0) && $0[5] == .integer(0))
        }
    }
}

extension SQLType {
    /// PostgreSQL's.
    var name: String {
        switch self {
        case .bigint: "bigint"
        case .integer: "integer"
        case .text: "text"
        case .boolean: "boolean"
        case .bigintArray: "bigint[]"
        case .integerArray: "integer[]"
        case .textArray: "text[]"
        }
    }

    var sqliteType: String {
        switch self {
        case .bigint, .integer, .boolean: "INTEGER"
        case .text, .bigintArray, .integerArray, .textArray: "TEXT"
        }
    }
}
