internal import Glibc
internal import NIOCore
internal import Shared

/// Makes the listening sockets: a Unix socket at a path, or one that systemd passed (sd_listen_fds(3)).
enum UnixListener {
    /// Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
    private static let backlog: Int32 = 512

    struct Socket: Equatable {
        let descriptor: Int32
        /// The file to remove at the end; nil if systemd owns it.
        let path: String?
    }

    /// The socket that systemd passed under that name or path, or else a new one at the path.
    static func open(
        path: String, name: String, mode: UInt32,
        passed: [ServiceManager.ListeningSocket] = ServiceManager.listeningSockets()
    ) throws(QueueFailure) -> Socket {
        if let passed = choose(from: passed.filter(\.isUnix), path: path, name: name) {
            return Socket(descriptor: passed, path: nil)
        }
        try makeParent(of: path)
        try removeStale(path)
        return Socket(descriptor: try bind(path, mode: mode), path: path)
    }

    // MARK: At a path

    private static func makeParent(of path: String) throws(QueueFailure) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        var made = ""
        for part in path[..<slash].split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && !path.hasPrefix("/") ? String(part) : "/\(part)"
            guard !part.isEmpty, mkdir(made, 0o755) != 0, errno != EEXIST else { continue }
            var status = stat()
            guard stat(made, &status) != 0 else { continue }
            throw failure(.unavailable, "cannot make the directory \(made) for the socket \(path)")
        }
    }

    /// Removes what a process that is gone left behind; refuses anything else.
    private static func removeStale(_ path: String) throws(QueueFailure) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw QueueFailure(
                exit: .configuration,
                description: "\(path) exists and is not a socket; remove it or choose another path")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard probe >= 0 else { throw failure(.unavailable, "cannot make a socket") }
        defer { close(probe) }
        var address = try address(of: path)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // Only a refusal says that nobody listens; a socket we may not connect to has an owner.
        if connected == 0 || errno != ECONNREFUSED {
            throw QueueFailure(
                exit: .unavailable,
                description: "another process listens on \(path); stop it, or choose another path for this gateway")
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw failure(.unavailable, "cannot remove the old socket \(path)")
        }
    }

    private static func bind(_ path: String, mode: UInt32) throws(QueueFailure) -> Int32 {
        var address = try address(of: path)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure(.unavailable, "cannot make a socket") }
        // Nobody may connect between bind and chmod who may not afterwards.
        let oldMask = umask(0o177)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        let bindError = errno
        umask(oldMask)
        errno = bindError
        guard bound == 0, chmod(path, mode_t(mode)) == 0, listen(descriptor, backlog) == 0 else {
            let failure = failure(.unavailable, "cannot listen on \(path)")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    private static func address(of path: String) throws(QueueFailure) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        let bytes = Array(path.utf8)
        guard bytes.count < capacity else {
            throw QueueFailure(
                exit: .configuration,
                description: "the socket path \(path) has \(bytes.count) bytes; at most \(capacity - 1) are possible")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func failure(_ exit: ProcessExit, _ what: String) -> QueueFailure {
        QueueFailure(exit: exit, description: "\(what): \(String(cString: strerror(errno)))")
    }

    // MARK: From systemd

    /// The one named `FileDescriptorName=name`, else the one bound to the path, else, for the queue, the only one.
    private static func choose(
        from passed: [ServiceManager.ListeningSocket], path: String, name: String
    ) -> Int32? {
        if let named = passed.first(where: { $0.name == name }) { return named.descriptor }
        if let bound = passed.first(where: { boundPath(of: $0.descriptor) == path }) { return bound.descriptor }
        return name == "queue" && passed.count == 1 && passed[0].name != "control" ? passed[0].descriptor : nil
    }

    private static func boundPath(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let found = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard found == 0 else { return nil }
        return withUnsafeBytes(of: &address.sun_path) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

/// Who the kernel says is on the other side (unix(7), SO_PEERCRED).
struct PeerCredentials: Sendable, Equatable {
    let pid: Int32
    let uid: UInt32
    let gid: UInt32
}
