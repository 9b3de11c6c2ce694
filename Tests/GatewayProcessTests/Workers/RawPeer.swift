internal import Glibc
internal import NIOCore
internal import Shared
internal import TestKit

/// The other side of a Unix socket, byte by byte: what a worker or an operator in any language is.
final class RawPeer {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32
    private var splitter = LineSplitter(maximumLineBytes: 64 << 20)
    private var lines: [ByteBuffer] = []
    private(set) var isAtEnd = false

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw Failure(description: "connect \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { if isOpen { Glibc.close(descriptor) } }

    private var isOpen = true

    /// As a kill does it: nothing is read any more, nothing said.
    func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    /// Ends what this side says; it still reads.
    func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ line: String) throws { try send(bytes: Array((line + "\n").utf8)) }

    /// Writes all bytes; a peer that has closed is no error here, because what it said is what matters.
    func send(bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EPIPE || errno == ECONNRESET { return }
            guard count > 0 else { throw Failure(description: "send: \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(count)
        }
    }

    /// The next line as it came.
    func line(within limit: Duration = .seconds(5)) async throws -> ByteBuffer {
        try await eventually("a line from the gateway", within: limit) {
            try readAvailable()
            if lines.isEmpty, isAtEnd { throw Failure(description: "the gateway closed the connection") }
            return lines.isEmpty ? nil : lines.removeFirst()
        }
    }

    /// The next frame, pings apart.
    func frame(within limit: Duration = .seconds(5)) async throws -> JSON {
        while true {
            let frame = try JSON(ofText: try await line(within: limit))
            if frame["op"]?.string != "ping" { return frame }
        }
    }

    /// The next frame with that `op`; others before it are skipped.
    func frame(_ op: String, within limit: Duration = .seconds(5)) async throws -> JSON {
        while true {
            let frame = try JSON(ofText: try await line(within: limit))
            if frame["op"]?.string == op { return frame }
        }
    }

    /// Whatever has arrived by now.
    func framesSoFar() throws -> [JSON] {
        try readAvailable()
        defer { lines = [] }
        return try lines.map { try JSON(ofText: $0) }
    }

    /// Waits for the end of what the gateway says.
    func end(within limit: Duration = .seconds(5)) async throws {
        try await eventually("the end of the connection", within: limit) {
            try readAvailable()
            return isAtEnd
        }
    }

    private func readAvailable() throws {
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while !isAtEnd {
            let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                splitter.append(ByteBuffer(bytes: chunk[..<count]))
                while let line = try splitter.nextLine() { lines.append(line) }
            } else if count == 0 || errno == ECONNRESET {
                isAtEnd = true
            } else {
                return
            }
        }
    }
}
