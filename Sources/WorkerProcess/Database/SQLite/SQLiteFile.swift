internal import CSQLite
internal import Glibc
internal import Shared

/// Making and opening the file.
enum SQLiteFile {
    /// Makes the file and its directory if they are missing.
    ///
    /// SQLite would make it with the mode the umask leaves; its `-wal` and `-shm` files take the mode of the file itself.
    static func create(_ path: String) throws(StoreError) {
        if let directory = Directories.parent(of: path) {
            do throws(Directories.Failure) {
                try Directories.make(directory, mode: 0o700)
            } catch {
                throw StoreError(
                    kind: .misconfigured, code: nil,
                    description: "the directory \(directory) of the SQLite file cannot be made: \(error)")
            }
        }
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let noRoom = errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE || errno == EIO
            throw StoreError(
                kind: noRoom ? .unavailable : .misconfigured, code: nil,
                description: "the SQLite file \(path) cannot be opened for writing: \(String(cString: strerror(errno)))"
            )
        }
        Glibc.close(descriptor)
    }

    /// Opens it in WAL mode. Blocks.
    static func open(_ path: String, patience: Duration) throws -> SQLiteConnection {
        let connection = try SQLiteConnection(path, patience: patience)
        try retryingBusy { try connection.execute("PRAGMA journal_mode = WAL") }
        // An event is acknowledged once its transaction has committed, and less than FULL may lose commits when the power
        // fails. There are no foreign keys of ours, and those of another program's tables must not act on our migration.
        try connection.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF")
        return connection
    }

    /// Switching to WAL does not wait for another process that does the same: SQLite answers SQLITE_BUSY at once.
    private static func retryingBusy(_ body: () throws -> Void) throws {
        for _ in 0..<50 {
            do {
                return try body()
            } catch let error as SQLiteError where error.primaryCode == SQLITE_BUSY {
                usleep(useconds_t.random(in: 10_000...60_000))
            }
        }
        try body()
    }
}
