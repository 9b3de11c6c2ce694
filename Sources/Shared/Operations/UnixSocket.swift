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

    /// Connects and returns the descriptor, blocking and closed on exec, which the caller owns.
    public static func connect(to path: String) throws(Failure) -> Int32 {
        guard var address = address(of: path) else { throw Failure(code: ENAMETOOLONG) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        let isConnected = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else {
            let failure = Failure(code: errno)
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    private static func address(of path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            guard path.utf8.count < bytes.count else { return false }
            bytes.copyBytes(from: path.utf8)
            return true
        }
        return fits ? address : nil
    }
}
