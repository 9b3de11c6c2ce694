internal import CSystemd
internal import Glibc

/// Unix domain stream sockets without an event loop.
public enum UnixSocket {
    /// Why a system call failed: `errno`.
    public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// The number, as in errno(3).
        public let code: Int32

        /// The system's words for it.
        public var description: String { String(cString: strerror(code)) }
    }

    /// Longest path, in bytes: `sun_path` has 108, the last of which is zero (unix(7)).
    public static let maximumPathBytes = 107

    /// Connects and returns the descriptor, closed on exec, which the caller owns.
    /// - Parameter isBlocking: whether to wait while the listener's backlog is full; otherwise that fails with `EAGAIN`.
    public static func connect(to path: String, isBlocking: Bool = true) throws(Failure) -> Int32 {
        try open(path, isBlocking: isBlocking) { Glibc.connect($0, $1, $2) }
    }

    /// Makes a socket's file and listens; returns the descriptor, blocking and closed on exec, which the caller owns.
    /// - Parameters:
    ///   - mode: the file's mode.
    ///   - backlog: connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
    public static func listen(at path: String, mode: UInt32, backlog: Int32) throws(Failure) -> Int32 {
        // Nobody may connect between bind and chmod who may not afterwards.
        let oldMask = umask(0o177)
        defer { umask(oldMask) }
        let descriptor = try open(path, isBlocking: true) { Glibc.bind($0, $1, $2) }
        guard chmod(path, mode_t(mode)) == 0, Glibc.listen(descriptor, backlog) == 0 else {
            let failure = Failure(code: errno)
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    private static func open(
        _ path: String, isBlocking: Bool, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(Failure) -> Int32 {
        guard var address = address(of: path) else { throw Failure(code: ENAMETOOLONG) }
        let flags = Int32(SOCK_CLOEXEC.rawValue) | (isBlocking ? 0 : Int32(SOCK_NONBLOCK.rawValue))
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | flags, 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        let status = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            let failure = Failure(code: errno)
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    static func address(of path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            guard path.utf8.count <= maximumPathBytes else { return false }
            bytes.copyBytes(from: path.utf8)
            return true
        }
        return fits ? address : nil
    }
}
