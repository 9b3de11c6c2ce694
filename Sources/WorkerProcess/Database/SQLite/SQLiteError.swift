internal import CSQLite

/// What SQLite has against a call.
struct SQLiteError: Error, Equatable {
    /// With its details in the upper bits (sqlite.org/rescode.html).
    let code: Int32
    /// SQLite's own messages name tables and columns, never values.
    let message: String

    init(_ code: Int32, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A call's result on a connection that has had no other call since.
    init(_ code: Int32, on connection: OpaquePointer) {
        self.init(code, String(cString: sqlite3_errmsg(connection)))
    }

    /// Without the details.
    var primaryCode: Int32 { code & 0xFF }

    /// Our statements are proven against the schema by a test, so that this is another schema: no fault of the event.
    fileprivate var isMissingSchema: Bool {
        primaryCode == SQLITE_ERROR && (message.hasPrefix("no such table") || message.hasPrefix("no such column"))
    }
}

extension StoreError {
    /// Says what an error means for the work at hand.
    init(sqlite error: any Error, path: String, isOpening: Bool = false) {
        switch error {
        case let error as StoreError:
            self = error
        case let error as SQLiteError where error.isMissingSchema:
            self.init(
                kind: .misconfigured, code: String(error.code),
                description: "sqlite:\(path) lacks a part of Olim's schema: \(error.message)")
        case let error as SQLiteError:
            self.init(
                kind: Self.kind(of: error.primaryCode, isOpening: isOpening), code: String(error.code),
                description: "sqlite:\(path): \(error.message) (\(error.code))")
        default:
            self.init(kind: .rejected, code: nil, description: "sqlite:\(path): \(type(of: error))")
        }
    }

    private static func kind(of code: Int32, isOpening: Bool) -> Kind {
        switch code {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM, SQLITE_PROTOCOL, SQLITE_INTERRUPT,
            SQLITE_ABORT:
            .unavailable
        case SQLITE_CANTOPEN: isOpening ? .misconfigured : .unavailable
        case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH, SQLITE_NOTADB, SQLITE_CORRUPT: .misconfigured
        default: .rejected
        }
    }
}
