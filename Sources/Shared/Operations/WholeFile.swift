internal import Glibc

/// Reading a file as a whole.
public enum WholeFile {
    /// Why a file could not be read.
    public enum Failure: Error, Equatable {
        case missing
        /// `errno`.
        case unreadable(Int32)
        case larger(thanBytes: Int)
    }

    /// The bytes of a file, which is not ours if it has more than the maximum.
    public static func read(_ path: String, maximumBytes: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw errno == ENOENT ? .missing : .unreadable(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(errno) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= maximumBytes else { throw .larger(thanBytes: maximumBytes) }
        }
    }
}
