internal import Glibc
internal import NIOCore
internal import Shared

/// A blocking connection to the queue socket: one process that does nothing else needs no event loop.
struct QueueConnection {
    /// One read takes at most this many bytes.
    private static let chunkBytes = 256 << 10

    private let descriptor: CInt
    private let allocator = ByteBufferAllocator()

    /// Connects.
    /// - Throws: the system's reason, with the path.
    init(path: String) throws {
        descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw ConnectionFailure(description: "the path \(path) is too long for a socket")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let outcome = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard outcome == 0 else { throw ConnectionFailure(description: "\(path): \(String(cString: strerror(errno)))") }
    }

    /// Waits for the next bytes.
    /// - Returns: nil if a signal came first.
    func receive() throws -> ByteBuffer? {
        var buffer = allocator.buffer(capacity: Self.chunkBytes)
        let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.chunkBytes) {
            max(0, read(descriptor, $0.baseAddress, $0.count))
        }
        if count == 0, errno == EINTR { return nil }
        guard count > 0 else { throw ConnectionFailure(description: "the gateway closed the connection") }
        return buffer
    }

    /// Sends frames with one write.
    func send(_ frames: [WorkerFrame]) throws {
        var buffer = ByteBuffer()
        for frame in frames { buffer.writeFrame(frame) }
        while buffer.readableBytes > 0 {
            let count = buffer.readWithUnsafeReadableBytes { max(0, write(descriptor, $0.baseAddress, $0.count)) }
            guard count > 0 else { throw ConnectionFailure(description: "the gateway closed the connection") }
        }
    }
}

/// The connection cannot be made or is gone.
struct ConnectionFailure: Error, CustomStringConvertible {
    let description: String
}
