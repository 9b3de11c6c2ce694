internal import Glibc

/// The file of a Unix domain socket that is about to be made.
public enum SocketFile {
    /// Makes way for a socket: makes its directories, and removes a socket that nobody listens on any more. Nothing else is ever
    /// removed.
    /// - Throws: one line that says what stands in the way: `unavailable` for another process, `configuration` for another kind
    ///   of file.
    public static func makeWay(at path: String) throws(ServiceFailure) {
        if let problem = SocketPath.problem(with: path) {
            throw ServiceFailure(.configuration, "cannot listen on \(quoted(path)): it \(problem)")
        }
        try makeDirectory(of: path)
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure(path, String(cString: strerror(errno))) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ServiceFailure(
                .configuration,
                "cannot listen on \(quoted(path)): it exists and is no socket; remove it or choose another path")
        }
        if let owner = try listener(at: path) { throw failure(path, "\(owner) listens there already") }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw failure(path, "a stale socket cannot be removed: \(String(cString: strerror(errno)))")
        }
    }

    /// Removes a socket's file at the end.
    public static func remove(_ path: String) {
        unlink(path)
    }

    private static func failure(_ path: String, _ reason: String) -> ServiceFailure {
        ServiceFailure(.unavailable, "cannot listen on \(quoted(path)): \(reason)")
    }

    private static func makeDirectory(of path: String) throws(ServiceFailure) {
        guard let directory = Directories.parent(of: path) else { return }
        do throws(Directories.Failure) {
            try Directories.make(directory, mode: 0o755)
        } catch {
            throw failure(path, "its directory cannot be made: \(error)")
        }
    }

    /// Who answers at a socket, in words; nil if nobody does.
    private static func listener(at path: String) throws(ServiceFailure) -> String? {
        let descriptor: Int32
        do throws(UnixSocket.Failure) {
            descriptor = try UnixSocket.connect(to: path, isBlocking: false)
        } catch {
            switch error.code {
            case ECONNREFUSED, ENOENT: return nil
            case EAGAIN: return "another process, which is too busy to answer,"
            default: throw failure(path, "a socket is there, but \(error)")
            }
        }
        defer { close(descriptor) }
        // struct ucred of unix(7), which glibc shows to GNU sources only: process, user, group.
        var peer: (process: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: peer))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 else { return "another process" }
        return "process \(peer.process) of user \(peer.user)"
    }
}
