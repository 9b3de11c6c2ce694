internal import CSQLite

/// One connection to a file (sqlite.org/c3ref/sqlite3.html), and the statements it has prepared. For one thread at a time.
final class SQLiteConnection {
    private let handle: OpaquePointer
    private var kept: [String: SQLitePrepared] = [:]

    /// Opens the file, which must be there.
    /// - Parameter patience: how long a statement waits for another connection's lock.
    init(_ path: String, patience: Duration) throws(SQLiteError) {
        var handle: OpaquePointer?
        // No lock of SQLite's own around each call: a connection has one thread at a time.
        let code = sqlite3_open_v2(
            path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let handle else {
            defer { sqlite3_close(handle) }
            throw handle.map { SQLiteError(code, on: $0) } ?? SQLiteError(SQLITE_NOMEM, "out of memory")
        }
        self.handle = handle
        sqlite3_busy_timeout(handle, Int32(clamping: patience.milliseconds))
    }

    deinit {
        // A connection with statements does not close.
        kept.removeAll()
        sqlite3_close(handle)
    }

    /// The statement of a text, prepared the first time.
    func prepared(_ sql: String) throws(SQLiteError) -> SQLitePrepared {
        if let statement = kept[sql] { return statement }
        let statement = try prepare(sql, isKept: true)
        kept[sql] = statement
        return statement
    }

    /// Prepares a statement that runs once or a few times.
    func prepare(_ sql: String) throws(SQLiteError) -> SQLitePrepared { try prepare(sql, isKept: false) }

    /// Runs all statements of a text and drops their rows.
    func execute(_ sql: String) throws {
        _ = try rows(ofAll: sql)
    }

    /// Runs all statements of a text.
    func rows(ofAll sql: String) throws -> [[SQLiteValue]] {
        try sql.withCString { start in
            var rows: [[SQLiteValue]] = []
            var next: UnsafePointer<CChar>? = start
            while let text = next, text.pointee != 0 {
                let (statement, rest) = try SQLitePrepared.first(of: text, on: handle, isKept: false)
                rows += try statement?.rows() ?? []
                next = rest
            }
            return rows
        }
    }

    /// Runs `body` in a transaction, which is undone if it throws.
    func transaction<Value>(_ begin: SQLiteTransaction, _ body: () throws -> Value) throws -> Value {
        try prepared(begin.rawValue).run()
        do {
            let value = try body()
            try prepared("COMMIT").run()
            return value
        } catch {
            // Some errors have undone it already (sqlite.org/lang_transaction.html, 3).
            if sqlite3_get_autocommit(handle) == 0 { try? prepared("ROLLBACK").run() }
            throw error
        }
    }

    private func prepare(_ sql: String, isKept: Bool) throws(SQLiteError) -> SQLitePrepared {
        let result = sql.withCString { text -> Result<SQLitePrepared?, SQLiteError> in
            do throws(SQLiteError) {
                return .success(try SQLitePrepared.first(of: text, on: handle, isKept: isKept).0)
            } catch {
                return .failure(error)
            }
        }
        guard let statement = try result.get() else { throw SQLiteError(SQLITE_MISUSE, "no statement") }
        return statement
    }
}

/// How a transaction begins.
enum SQLiteTransaction: String, Sendable {
    /// Sees one state of the file, and writes nothing.
    case reading = "BEGIN"
    /// Has the file to itself from the start, so that it never finds out half-way that another was first.
    case writing = "BEGIN IMMEDIATE"
}
