internal import Glibc
internal import TestKit
internal import Testing

@testable internal import GatewayProcess
@testable internal import Shared

@Suite struct UnixListenerTests {
    let directory: TestKit.TemporaryDirectory

    init() throws { directory = try TestKit.TemporaryDirectory() }

    private func failure(_ path: String) -> QueueFailure? {
        do throws(QueueFailure) {
            close(try UnixListener.open(path: path, name: "queue", mode: 0o660).descriptor)
            return nil
        } catch { return error }
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test(arguments: [0o660, 0o600, 0o666] as [UInt32])
    func `A socket has the mode asked for, and its directory is made`(mode: UInt32) throws {
        let path = directory.path("a/b/queue.sock")
        let socket = try UnixListener.open(path: path, name: "queue", mode: mode)
        defer { close(socket.descriptor) }
        #expect(socket.path == path)
        #expect(self.mode(path) == mode)
        _ = try RawPeer(path: path)
    }

    @Test func `What a dead process left is replaced`() throws {
        let path = directory.path("queue.sock")
        #expect(failure(path) == nil)
        #expect(mode(path) != 0, "the file is still there")
        #expect(failure(path) == nil)
    }

    @Test func `A path that a live process listens on is taken`() throws {
        let path = directory.path("queue.sock")
        let socket = try UnixListener.open(path: path, name: "queue", mode: 0o660)
        defer { close(socket.descriptor) }
        let failure = failure(path)
        #expect(failure?.exit == .unavailable)
        #expect(failure?.description.contains(path) ?? false)
        _ = try RawPeer(path: path)
    }

    @Test func `A file that is no socket is not touched`() throws {
        let path = try directory.write("mine", to: "queue.sock")
        #expect(failure(path)?.exit == .configuration)
        #expect(mode(path) == 0o600)
    }

    @Test func `A path must fit into an address`() throws {
        let path = directory.path(String(repeating: "x", count: 120))
        let failure = failure(path)
        #expect(failure?.exit == .configuration)
        #expect(failure?.description.contains("at most 107") ?? false)
        let longest = directory.path(String(repeating: "x", count: 107 - directory.path.utf8.count - 1))
        #expect(self.failure(longest) == nil)
    }

    @Test func `A directory that cannot be made is named`() throws {
        let file = try directory.write("", to: "file")
        #expect(failure(file + "/queue.sock")?.exit == .unavailable)
    }

    @Test func `A socket that systemd passed wins, by its name, by its path, or as the only one`() throws {
        let path = directory.path("passed.sock")
        let own = try UnixListener.open(path: path, name: "queue", mode: 0o660, passed: [])
        defer { close(own.descriptor) }
        func opened(_ names: String..., path: String, as name: String) throws -> UnixListener.Socket {
            let passed = names.map {
                ServiceManager.ListeningSocket(name: $0, descriptor: own.descriptor, isUnix: $0 != "tcp")
            }
            let socket = try UnixListener.open(path: path, name: name, mode: 0o660, passed: passed)
            if socket.path != nil { close(socket.descriptor) }
            return socket
        }
        let other = directory.path("other.sock")
        let inherited = UnixListener.Socket(descriptor: own.descriptor, path: nil)
        #expect(try opened("x", "queue", path: other, as: "queue") == inherited)
        #expect(try opened("x", "y", path: path, as: "queue") == inherited)
        #expect(try opened("olim.socket", path: other, as: "queue") == inherited)
        #expect(try opened("control", path: other, as: "control") == inherited)
        #expect(try opened("control", path: other, as: "queue").path == other)
        #expect(try opened("tcp", path: other, as: "queue").path == other)
        #expect(try opened("olim.socket", path: other, as: "control").path == other)
    }
}
