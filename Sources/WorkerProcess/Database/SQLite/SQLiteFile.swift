internal import Foundation
internal import GRDB
internal import Glibc

/// Making and opening the file.
enum SQLiteFile {
    /// Makes the file and its directory if they are missing.
    ///
    /// SQLite would make it with the mode the umask leaves; its `-wal` and `-shm` files take the mode of the file itself.
    static func create(_ path: String) throws(StoreError) {
        let directory = (path as NSString).deletingLastPathComponent
        if !directory.isEmpty {
            do {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw StoreError(
                    kind: .misconfigured, code: nil,
                    description: "the directory \(directory) of the SQLite file cannot be made: \(reason)")
            }
        }
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let noRoom = errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE || errno == EIO
            throw StoreError(
                kind: noRoom ? .unavailable : .misconfigured, code: nil,
                description: "the SQLite file \(path) cannot be opened for writing: \(reason)")
        }
        Glibc.close(descriptor)
    }

    /// Opens it in WAL mode. Blocks.
    static func open(_ path: String, _ configuration: Configuration) throws -> DatabasePool {
        let pool = try retryingBusy { try DatabasePool(path: path, configuration: configuration) }
        // After opening, because DatabasePool sets NORMAL itself when it switches to WAL. An event is acknowledged once
        // its transaction has committed, and NORMAL may lose commits when the power fails; FULL costs 0.2 ms each.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return pool
    }

    /// Switching to WAL does not wait for another process that does the same: SQLite answers SQLITE_BUSY at once.
    private static func retryingBusy<Value>(_ body: () throws -> Value) throws -> Value {
        for _ in 0..<50 {
            do {
                return try body()
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                usleep(useconds_t.random(in: 10_000...60_000))
            }
        }
        return try body()
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
