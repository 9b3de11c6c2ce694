internal import Glibc
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
        do throws(ServiceFailure) {
            try SocketFile.makeWay(at: path)
        } catch {
            throw QueueFailure(exit: error.exit, description: error.description)
        }
        do throws(UnixSocket.Failure) {
            return Socket(descriptor: try UnixSocket.listen(at: path, mode: mode, backlog: backlog), path: path)
        } catch {
            throw QueueFailure(exit: .unavailable, description: "cannot listen on \(path): \(error)")
        }
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
