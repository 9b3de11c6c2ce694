internal import Logging

/// Runs statements on a connection, inside a transaction of its.
struct SQLiteSession {
    let connection: SQLiteConnection
    var logger: Logger?

    /// All rows of a statement's result.
    func rows<Input, Row>(_ statement: Statement<Input, Row>, _ input: Input) throws -> [Row] {
        let columns = statement.shape.columns
        var rows: [Row] = []
        try connection.prepared(statement.shape.sql).run(statement.encode(input).map(\.sqlite)) { row in
            let cells = columns.indices.map { SQLCell(row.value($0), as: columns[$0].type) }
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
        try connection.prepared(statement.shape.sql).run(statement.encode(input).map(\.sqlite))
        logger?.debug("A statement was run", metadata: ["statement": "\(statement.shape.name)"])
    }
}
