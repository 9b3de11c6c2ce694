import Glibc
import NIOCore
import NIOPosix
import Shared
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct SocketFileTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func listen(_ path: String) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(unixDomainSocketPath: path).get()
    }

    private func problem(_ path: String, exit: ProcessExit = .unavailable) -> String? {
        do throws(ServiceFailure) {
            try SocketFile.makeWay(at: path)
            return nil
        } catch {
            #expect(error.exit == exit)
            return error.description
        }
    }

    @Test func `nothing there is fine, and the directories are made`() throws {
        #expect(problem(directory.path("s")) == nil)
        #expect(problem(directory.path("a//b/s")) == nil)
        #expect(access(directory.path("a/b"), W_OK) == 0)
        #expect(problem(directory.path("a/b/other")) == nil)
        #expect(problem("s-that-is-not-there") == nil)
        try directory.write("", to: "file")
        let path = directory.path("file/s")
        #expect(problem(path) == "cannot listen on \"\(path)\": Not a directory")
        #expect(problem("/proc/x/s")?.contains("its directory cannot be made: No such file or directory") == true)
    }

    @Test func `a stale socket is removed`() async throws {
        let path = directory.path("s")
        // NIO removes the file of a listener that it closes, unless the file has got another name meanwhile.
        let listener = try await listen(directory.path("first"))
        rename(directory.path("first"), path)
        try await listener.close()
        #expect(access(path, F_OK) == 0)
        // A child that another test is just starting holds the listener's descriptor until it executes its program.
        try await eventually("nobody listens") { problem(path) == nil }
        #expect(access(path, F_OK) != 0)
    }

    @Test func `a socket in use is left alone, and its owner is named`() async throws {
        let path = directory.path("s")
        let listener = try await listen(path)
        #expect(
            problem(path)
                == "cannot listen on \"\(path)\": process \(getpid()) of user \(getuid()) listens there already")
        #expect(access(path, F_OK) == 0)
        try await listener.close()
    }

    @Test func `another kind of file is left alone`() throws {
        let path = directory.path("file")
        close(creat(path, 0o600))
        let reason = "it exists and is no socket; remove it or choose another path"
        #expect(problem(path, exit: .configuration) == "cannot listen on \"\(path)\": \(reason)")
        #expect(problem(directory.path, exit: .configuration) == "cannot listen on \"\(directory.path)\": \(reason)")
        symlink(path, directory.path("link"))
        #expect(
            problem(directory.path("link"), exit: .configuration)
                == "cannot listen on \"\(directory.path)/link\": \(reason)")
        #expect(access(path, F_OK) == 0)
    }

    @Test func `a path that fits no address is refused`() {
        let path = directory.path(String(repeating: "x", count: 120))
        #expect(problem(path, exit: .configuration)?.contains("a socket's path has at most 107") == true)
    }
}
