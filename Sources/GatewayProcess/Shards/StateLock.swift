#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Why this process may not use the state directory.
enum StateLockFailure: Error, Equatable, CustomStringConvertible {
    case held(path: String, holder: String)
    case unusable(FileFailure)

    var description: String {
        switch self {
        case .held(let path, let holder):
            "another gateway (process \(holder)) uses this state directory: \(path) is locked; "
                + "stop that one, or give this one a STATE_DIRECTORY of its own"
        case .unusable(let failure): failure.description
        }
    }
}

/// The state directory belongs to one gateway at a time. The kernel lets go of the lock with the process, however it ends.
final class StateLock: Sendable {
    private let descriptor: Int32

    /// Locks `gateway.lock` in a directory that is made if need be.
    init(directory: String) throws(StateLockFailure) {
        do throws(FileFailure) {
            try StateFile.makeDirectory(directory)
        } catch {
            throw .unusable(error)
        }
        let path = directory + "/gateway.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unusable(FileFailure("open", path)) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure: StateLockFailure =
                errno == EWOULDBLOCK
                ? .held(path: path, holder: Self.holder(descriptor)) : .unusable(FileFailure("lock", path))
            close(descriptor)
            throw failure
        }
        let line = "\(getpid())\n"
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, line, line.utf8.count, 0) > 0 else {
            let failure = FileFailure("write", path)
            close(descriptor)
            throw .unusable(failure)
        }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(0, count)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
    }
}
