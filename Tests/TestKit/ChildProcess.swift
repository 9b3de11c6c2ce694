internal import Glibc
internal import Synchronization

/// A program that a test runs: its lines can be waited for, it can be sent signals, and it never outlives the test process.
public final class ChildProcess: Sendable {
    /// One of the two streams that are read.
    public enum Stream: Sendable {
        /// Standard output.
        case output
        /// Standard error.
        case error
    }

    /// How a process ended.
    public enum Termination: Sendable, Equatable {
        /// It exited with this status.
        case exited(Int32)
        /// A signal killed it.
        case killed(by: Int32)
    }

    private struct State {
        var lines: [Stream: [String]] = [.output: [], .error: []]
        var openStreams: Set<Stream> = [.output, .error]
        var termination: Termination?
        var input: CInt?
    }

    /// Its process id.
    public let pid: Int32
    /// What it is called in errors.
    public let name: String
    private let state: Mutex<State>

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: the name of one of the package's executables (`olim-worker`) or an absolute path.
    ///   - environment: what it gets besides `PATH`, `HOME`, `LANG` and `LD_LIBRARY_PATH`; nothing else is inherited, so that
    ///     a developer's own settings cannot change a test.
    ///   - directory: its working directory, where `.env` would be read from and `./state` made.
    public init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], in directory: String
    ) throws {
        name = program
        let executable = program.hasPrefix("/") ? program : BuildDirectory.executable(program)
        var variables = environment
        for name in ["PATH", "HOME", "LANG", "LD_LIBRARY_PATH"] where variables[name] == nil {
            variables[name] = getenv(name).map { String(cString: $0) }
        }
        let input = try Pipe()
        let output = try Pipe()
        let error = try Pipe()
        let reaper = try ProcessReaper.shared.get()
        pid = try Spawn(
            executable: executable, arguments: arguments, environment: variables, directory: directory,
            input: input.readEnd, output: output.writeEnd, error: error.writeEnd
        ).run()
        reaper.came("\(pid)")
        close(input.readEnd)
        close(output.writeEnd)
        close(error.writeEnd)
        state = Mutex(State(input: input.writeEnd))
        startThread { self.read(output.readEnd, as: .output) }
        startThread { self.read(error.readEnd, as: .error) }
        startThread { self.waitForEnd(reaper) }
    }

    deinit {
        // The threads hold the object while the process lives, so that it has ended here.
        state.withLock { if let input = $0.input { close(input) } }
    }

    /// The whole lines that a stream has brought so far, without their line breaks.
    public func lines(_ stream: Stream = .output) -> [String] {
        state.withLock { $0.lines[stream] ?? [] }
    }

    /// Waits for a line for which `matches` holds and returns it; lines that were there before count.
    @discardableResult
    public func waitForLine(
        _ what: String, on stream: Stream = .output, within limit: Duration = .seconds(20),
        where matches: (String) -> Bool
    ) async throws -> String {
        var seen = 0
        do {
            return try await eventually("\(name) prints \(what)", within: limit) { () -> String? in
                // Both streams, so that the error can say what it printed last.
                let (lines, isOpen) = state.withLock { ($0.lines[stream] ?? [], !$0.openStreams.isEmpty) }
                if let line = lines[seen...].first(where: matches) { return line }
                seen = lines.count
                guard isOpen else { throw ChildProcessError("\(name) ended before it printed \(what).\n\(tail)") }
                return nil
            }
        } catch is DeadlineExceeded {
            throw ChildProcessError("\(name) has not printed \(what) within \(limit).\n\(tail)")
        }
    }

    /// Waits for a line that contains a text.
    @discardableResult
    public func waitForLine(
        containing text: String, on stream: Stream = .output, within limit: Duration = .seconds(20)
    ) async throws -> String {
        try await waitForLine("\"\(text)\"", on: stream, within: limit) { $0.contains(text) }
    }

    /// Writes a line to its standard input.
    public func send(_ line: String) throws {
        var line = line + "\n"
        try state.withLock { state in
            guard let input = state.input else { throw ChildProcessError("\(name) has no standard input any more") }
            let written = line.withUTF8 { Glibc.send(input, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard written == line.utf8.count else { throw SystemError("write to \(name)") }
        }
    }

    /// Closes its standard input.
    public func closeInput() {
        state.withLock { state in
            if let input = state.input { close(input) }
            state.input = nil
        }
    }

    /// Sends it a signal; nothing happens if it has ended.
    public func signal(_ signal: Int32) {
        // The waiting thread frees the id only under this lock, so that it cannot be another process's by now.
        state.withLock { if $0.termination == nil { _ = kill(pid, signal) } }
    }

    /// How it ended; nil while it runs.
    public var termination: Termination? { state.withLock { $0.termination } }

    /// Waits until it has ended and all its output is read.
    @discardableResult
    public func waitForTermination(within limit: Duration = .seconds(20)) async throws -> Termination {
        do {
            return try await eventually("\(name) ends", within: limit) {
                state.withLock { $0.openStreams.isEmpty ? $0.termination : nil }
            }
        } catch is DeadlineExceeded {
            throw ChildProcessError("\(name) has not ended within \(limit).\n\(tail)")
        }
    }

    /// Sends SIGTERM, waits, and sends SIGKILL if that was not enough. Returns how it ended.
    @discardableResult
    public func stop(within limit: Duration = .seconds(10)) async throws -> Termination {
        signal(SIGTERM)
        if let termination = try? await waitForTermination(within: limit) { return termination }
        signal(SIGKILL)
        return try await waitForTermination(within: limit)
    }

    /// The last lines of both streams, for the message of a failed test.
    public var tail: String {
        let lines = state.withLock { $0.lines }
        return [(Stream.output, "stdout"), (.error, "stderr")]
            .flatMap { stream, label in (lines[stream] ?? []).suffix(20).map { "  \(name) \(label): \($0)" } }
            .joined(separator: "\n")
    }

    private func read(_ descriptor: CInt, as stream: Stream) {
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest.append(contentsOf: buffer[..<count])
            guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
            let lines = rest[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            rest.removeSubrange(...end)
            state.withLock { $0.lines[stream, default: []] += lines }
        }
        close(descriptor)
        state.withLock { state in
            if !rest.isEmpty { state.lines[stream, default: []].append(String(decoding: rest, as: UTF8.self)) }
            state.openStreams.remove(stream)
        }
    }

    private func waitForEnd(_ reaper: ProcessReaper) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        state.withLock { state in
            var status: CInt = 0
            reaper.went("\(pid)")
            waitpid(pid, &status, 0)
            let signal = status & 0x7f
            state.termination = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(by: signal)
        }
    }
}

/// A child process did not do what a test needed.
public struct ChildProcessError: Error, CustomStringConvertible {
    /// What was missing, with the last lines it printed.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Runs `body` on a thread of its own, for calls that block.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(ThreadBody(run: body))
    var thread = pthread_t()
    let status = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, box.toOpaque())
    precondition(status == 0, "pthread_create failed with \(status)")
    pthread_detach(thread)
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
}
