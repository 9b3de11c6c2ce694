internal import Glibc
internal import NIOCore
internal import Shared

/// A connection to the gateway's control socket that waits for its answers, as a tool for people may.
final class ControlConnection {
    /// How long the gateway may take to answer. It answers within a turn of its loop; what takes longer is stuck.
    static let answerTimeout = Duration.seconds(10)

    private let path: String
    private let descriptor: Int32
    private var splitter = LineSplitter()
    private var lastRef = 0

    /// Connects.
    /// - Throws: `unavailable`, with a line that says why and what to do.
    init(path: String) throws(ControlFailure) {
        self.path = path
        do throws(UnixSocket.Failure) {
            descriptor = try UnixSocket.connect(to: path)
        } catch {
            throw ControlFailure(.unavailable, "cannot reach the gateway at \(path): \(Self.explanation(of: error))")
        }
    }

    deinit {
        close(descriptor)
    }

    /// Sends a request and waits for its result.
    /// - Throws: `usage` with the gateway's own words if it refuses; `unavailable` if no answer comes.
    func request(
        _ action: String, _ arguments: JSON = [:], within limit: Duration = answerTimeout
    ) throws(ControlFailure) -> ControlResult {
        try send(action, arguments)
        return try nextResult(within: limit)
    }

    /// Sends a request whose results are then read with `nextResult`.
    func send(_ action: String, _ arguments: JSON) throws(ControlFailure) {
        lastRef += 1
        try write(["op": "request", "ref": .integer(lastRef), "do": .string(action), "args": arguments])
    }

    private func write(_ frame: JSON) throws(ControlFailure) {
        var line = ByteBuffer()
        line.writeJSON(frame)
        line.writeInteger(UInt8(ascii: "\n"))
        while line.readableBytes > 0 {
            let count = line.withUnsafeReadableBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 || errno == EINTR else { throw lost() }
            line.moveReaderIndex(forwardBy: max(count, 0))
        }
    }

    /// Asks on a queue socket, which answers anybody whom the gateway lets connect, workers or not.
    /// - Returns: the members of the status frame.
    func queueStatus() throws(ControlFailure) -> JSON {
        try write(["op": "status"])
        while true {
            let frame = try nextFrame(within: Self.answerTimeout)
            if frame.value["op"]?.string == "status" { return frame.value }
        }
    }

    /// The next result of the last request, however long that takes if there is no limit.
    func nextResult(within limit: Duration?) throws(ControlFailure) -> ControlResult {
        while true {
            let frame = try nextFrame(within: limit)
            // What a later gateway may send beside is passed over.
            guard frame.value["op"]?.string == "result", frame.value["ref"]?.int == lastRef else { continue }
            guard frame.value["ok"]?.bool == true else {
                throw ControlFailure(.usage, frame.value["message"]?.string ?? "the gateway refused without a reason")
            }
            return frame
        }
    }

    /// - Throws: also what an `error` frame says.
    private func nextFrame(within limit: Duration?) throws(ControlFailure) -> ControlResult {
        let line = try nextLine(within: limit)
        let value: JSON
        do throws(JSONError) {
            value = try JSON(ofText: line)
        } catch {
            throw ControlFailure(.unavailable, "the gateway at \(path) sent a line that is not JSON: \(error)")
        }
        if value["op"]?.string == "error" {
            throw ControlFailure(
                .unavailable, "the gateway refused the connection: \(value["message"]?.string ?? "no reason")")
        }
        return ControlResult(line: line, value: value)
    }

    private func nextLine(within limit: Duration?) throws(ControlFailure) -> ByteBuffer {
        while true {
            do throws(FrameError) {
                if let line = try splitter.nextLine() { return line }
            } catch {
                throw ControlFailure(.unavailable, "the gateway at \(path): \(error.message)")
            }
            splitter.append(try read(within: limit))
        }
    }

    private func read(within limit: Duration?) throws(ControlFailure) -> ByteBuffer {
        var wish = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let ready = poll(&wish, 1, limit.map { Int32(clamping: $0.wholeMilliseconds) } ?? -1)
        guard ready != 0 else {
            throw ControlFailure(
                .unavailable, "the gateway at \(path) does not answer; see its log, and its CPU use")
        }
        var bytes = ByteBuffer()
        let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) {
            max(0, Glibc.recv(descriptor, $0.baseAddress, $0.count, 0))
        }
        guard count > 0 else { throw lost() }
        return bytes
    }

    private func lost() -> ControlFailure {
        ControlFailure(.unavailable, "the gateway at \(path) closed the connection")
    }

    private static func explanation(of failure: UnixSocket.Failure) -> String {
        switch failure.code {
        case ENOENT: "there is no such socket; is olim-gateway running, and with this CONTROL_SOCKET? (--socket PATH)"
        case ECONNREFUSED: "nobody listens there; olim-gateway is not running"
        case EACCES, EPERM: "permission denied; only the gateway's own user and root may"
        case ENAMETOOLONG: "the path is too long for a socket"
        default: failure.description
        }
    }
}

/// A result that the gateway sent.
struct ControlResult {
    /// The line itself, for what must be shown byte for byte.
    let line: ByteBuffer
    let value: JSON

    /// The bytes of one member, as the gateway sent them.
    func raw(_ member: String) throws(ControlFailure) -> String {
        do throws(JSONError) {
            if let bytes = try JSONParser().rawMember(member, of: line) { return String(buffer: bytes) }
        } catch {
            throw ControlFailure(.unavailable, error.description)
        }
        throw ControlFailure(.unavailable, "the gateway's answer lacks \"\(member)\"; is it of another version?")
    }
}

/// Why a command did not do what it was told: one line, and the exit code.
struct ControlFailure: Error, Equatable {
    let exit: ProcessExit
    let message: String

    init(_ exit: ProcessExit, _ message: String) {
        self.exit = exit
        self.message = message
    }
}
