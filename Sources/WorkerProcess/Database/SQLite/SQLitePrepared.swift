internal import CSQLite

/// A prepared statement (sqlite.org/c3ref/stmt.html) of a connection, which must outlive it.
final class SQLitePrepared {
    let pointer: OpaquePointer
    private let connection: OpaquePointer

    fileprivate init(_ pointer: OpaquePointer, of connection: OpaquePointer) {
        self.pointer = pointer
        self.connection = connection
    }

    deinit { sqlite3_finalize(pointer) }

    /// Prepares the first statement of a text.
    /// - Returns: Nil where there is only white space or a comment; and what is left of the text.
    static func first(
        of sql: UnsafePointer<CChar>, on connection: OpaquePointer, isKept: Bool
    ) throws(SQLiteError) -> (SQLitePrepared?, rest: UnsafePointer<CChar>?) {
        var pointer: OpaquePointer?
        var rest: UnsafePointer<CChar>?
        let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        let code = sqlite3_prepare_v3(connection, sql, -1, flags, &pointer, &rest)
        guard code == SQLITE_OK else { throw SQLiteError(code, on: connection) }
        return (pointer.map { SQLitePrepared($0, of: connection) }, rest)
    }

    var parameterCount: Int { Int(sqlite3_bind_parameter_count(pointer)) }
    var columnCount: Int { Int(sqlite3_column_count(pointer)) }

    func columnName(_ index: Int) -> String {
        sqlite3_column_name(pointer, Int32(index)).map { String(cString: $0) } ?? ""
    }

    /// Runs it with the values of its parameters, and hands on each row before the next is made.
    func run(_ values: [SQLiteValue] = [], row: (SQLitePrepared) throws -> Void = { _ in }) throws {
        // Whatever happens: a statement that was not reset keeps its transaction from ending.
        defer { sqlite3_reset(pointer) }
        guard values.count == parameterCount else { throw SQLiteError(SQLITE_RANGE, "wrong number of parameters") }
        for (index, value) in values.enumerated() { try bind(value, to: Int32(index + 1)) }
        while true {
            switch sqlite3_step(pointer) {
            case SQLITE_ROW: try row(self)
            case SQLITE_DONE: return
            case let code: throw SQLiteError(code, on: connection)
            }
        }
    }

    /// All its rows.
    func rows(_ values: [SQLiteValue] = []) throws -> [[SQLiteValue]] {
        var rows: [[SQLiteValue]] = []
        try run(values) { statement in rows.append((0..<statement.columnCount).map(statement.value)) }
        return rows
    }

    /// A column of the row that it stands at.
    func value(_ index: Int) -> SQLiteValue {
        let column = Int32(index)
        switch sqlite3_column_type(pointer, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(pointer, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(pointer, column))
        case SQLITE_TEXT:
            let utf8 = bytes(column, sqlite3_column_text(pointer, column))
            return .text(String(decoding: utf8, as: UTF8.self))
        case SQLITE_BLOB: return .blob([UInt8](bytes(column, sqlite3_column_blob(pointer, column))))
        default: return .null
        }
    }

    /// The length must be asked for after the pointer, which may have converted the value (sqlite.org/c3ref/column_blob.html).
    private func bytes(_ column: Int32, _ start: UnsafeRawPointer?) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(pointer, column)))
    }

    private func bind(_ value: SQLiteValue, to index: Int32) throws(SQLiteError) {
        // SQLITE_TRANSIENT, a macro that Swift does not see: SQLite copies what it is given.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code: Int32
        switch value {
        case .null: code = sqlite3_bind_null(pointer, index)
        case .integer(let number): code = sqlite3_bind_int64(pointer, index, number)
        case .real(let number): code = sqlite3_bind_double(pointer, index, number)
        case .text(let text):
            code = text.withCString {
                sqlite3_bind_text64(pointer, index, $0, UInt64(text.utf8.count), copied, UInt8(SQLITE_UTF8))
            }
        case .blob(let bytes):
            code = bytes.withUnsafeBytes {
                $0.isEmpty
                    ? sqlite3_bind_zeroblob(pointer, index, 0)
                    : sqlite3_bind_blob64(pointer, index, $0.baseAddress, UInt64($0.count), copied)
            }
        }
        guard code == SQLITE_OK else { throw SQLiteError(code, on: connection) }
    }
}
