internal import GRDB

extension StoreError {
    /// Says what an error of GRDB's means for the work at hand.
    init(sqlite error: any Error, path: String, isOpening: Bool = false) {
        switch error {
        case let error as StoreError:
            self = error
        case let error as DatabaseError where error.isMissingSchema:
            self.init(
                kind: .misconfigured, code: String(error.extendedResultCode.rawValue),
                description: "sqlite:\(path) lacks a part of Olim's schema: \(error.safeMessage)")
        case let error as DatabaseError:
            self.init(
                kind: Self.kind(of: error.resultCode, isOpening: isOpening),
                code: String(error.extendedResultCode.rawValue),
                description: "sqlite:\(path): \(error.extendedResultCode): \(error.safeMessage)")
        case is CancellationError:
            self.init(kind: .unavailable, code: nil, description: "sqlite:\(path): the task was cancelled")
        default:
            self.init(kind: .rejected, code: nil, description: "sqlite:\(path): \(type(of: error))")
        }
    }

    /// Result codes are described at sqlite.org/rescode.html.
    private static func kind(of code: ResultCode, isOpening: Bool) -> Kind {
        switch code {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_PROTOCOL,
            .SQLITE_INTERRUPT, .SQLITE_ABORT:
            .unavailable
        case .SQLITE_CANTOPEN: isOpening ? .misconfigured : .unavailable
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_NOTADB, .SQLITE_CORRUPT: .misconfigured
        default: .rejected
        }
    }
}

extension DatabaseError {
    /// Our statements are proven against the schema by a test, so that this is another schema: no fault of the event.
    fileprivate var isMissingSchema: Bool {
        resultCode == .SQLITE_ERROR
            && (safeMessage.hasPrefix("no such table") || safeMessage.hasPrefix("no such column"))
    }

    /// SQLite's own messages name tables and columns, never values.
    fileprivate var safeMessage: String { message ?? "" }
}
