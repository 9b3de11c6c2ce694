internal import CZlib
internal import CZstd
internal import NIOCore
internal import Shared

/// A compressed stream that cannot be read on; the connection is of no use any more.
enum InflateError: Error, Equatable, CustomStringConvertible {
    case corrupt(String)
    case tooLarge(limit: Int)
    /// The compressor ended the stream, which Discord never does.
    case ended
    /// A WebSocket message ended in the middle of a gateway message.
    case incomplete

    var description: String {
        switch self {
        case .corrupt(let reason): "the compressed stream is broken: \(reason)"
        case .tooLarge(let limit): "a payload is larger than \(limit) bytes"
        case .ended: "the compressed stream was ended by the other side"
        case .incomplete: "a compressed payload is incomplete"
        }
    }
}

/// Decompresses what one connection receives. One context lives as long as the connection; a new connection, also one
/// that resumes, is a new context.
struct StreamInflater {
    /// Most bytes of one payload: what fits a line of the queue protocol with room for the rest of its frame.
    static let maximumPayloadBytes = QueueProtocol.maximumLineBytes - 4096

    private enum Engine {
        case zlib(ZlibStream)
        case zstd(ZstdStream)
    }

    private let engine: Engine
    private let limit: Int
    /// Bytes of the payload under way that were already put out.
    private var produced = 0

    /// Nil if nothing is compressed.
    init?(_ compression: GatewayCompression, limit: Int = maximumPayloadBytes) {
        switch compression {
        case .zlibStream: engine = .zlib(ZlibStream())
        case .zstdStream: engine = .zstd(ZstdStream())
        case .none: return nil
        }
        self.limit = limit
    }

    /// Decompresses a piece of a WebSocket message to the end of `output`.
    /// - Returns: whether a payload ends here; `endsMessage` says whether the WebSocket message does.
    mutating func inflate(
        _ input: UnsafeRawBufferPointer, endsMessage: Bool, into output: inout ByteBuffer
    ) throws(InflateError) -> Bool {
        let room = limit - produced
        switch engine {
        case .zlib(let stream): produced += try stream.inflate(input, room: room, into: &output)
        case .zstd(let stream): produced += try stream.inflate(input, room: room, into: &output)
        }
        guard produced <= limit else { throw .tooLarge(limit: limit) }
        guard endsMessage else { return false }
        switch engine {
        // A payload ends with the suffix of Z_SYNC_FLUSH, and may take several WebSocket messages until then.
        case .zlib(let stream): guard stream.endsWithFlush else { return false }
        // Every WebSocket message is one payload, flushed, without an end of the frame.
        case .zstd: if produced == 0 { throw .incomplete }
        }
        produced = 0
        return true
    }
}

/// One `z_stream`, which must not move while in use.
private final class ZlibStream {
    private let stream: UnsafeMutablePointer<z_stream>
    /// The last four bytes fed, the most recent in the lowest byte.
    private var tail: UInt32 = .max

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let code = inflateInit_(stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        // Only the allocator, or a library other than the one compiled against, can make this fail.
        precondition(code == Z_OK, "zlib cannot start: code \(code)")
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    var endsWithFlush: Bool { tail == 0x0000_FFFF }

    func inflate(
        _ input: UnsafeRawBufferPointer, room: Int, into output: inout ByteBuffer
    ) throws(InflateError) -> Int {
        guard let base = input.baseAddress, input.count > 0 else { return 0 }
        for byte in input.suffix(4) { tail = tail << 8 | UInt32(byte) }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        var total = 0
        while true {
            let stream = stream
            var code = Z_OK
            var hadRoomLeft = false
            total += output.writeWithUnsafeMutableBytes(minimumWritableBytes: min(max(512, input.count * 4), 1 << 20)) {
                space in
                stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(clamping: space.count)
                let offered = Int(stream.pointee.avail_out)
                code = CZlib.inflate(stream, Z_SYNC_FLUSH)
                hadRoomLeft = stream.pointee.avail_out > 0
                return offered - Int(stream.pointee.avail_out)
            }
            switch code {
            case Z_OK: break
            // No progress was possible: everything was read and put out before.
            case Z_BUF_ERROR: return total
            case Z_STREAM_END: throw .ended
            default: throw .corrupt(stream.pointee.msg.map { String(cString: $0) } ?? "zlib code \(code)")
            }
            if total > room { return total }
            if hadRoomLeft, stream.pointee.avail_in == 0 { return total }
        }
    }
}

/// One `ZSTD_DStream` with the library's default bound for the window.
private final class ZstdStream {
    private let stream: OpaquePointer

    init() {
        guard let stream = ZSTD_createDStream() else {
            // Only the allocator can fail here, and nothing else could be allocated either.
            preconditionFailure("out of memory")
        }
        self.stream = stream
    }

    deinit {
        ZSTD_freeDStream(stream)
    }

    func inflate(
        _ bytes: UnsafeRawBufferPointer, room: Int, into output: inout ByteBuffer
    ) throws(InflateError) -> Int {
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        var total = 0
        while true {
            let stream = stream
            var code = 0
            var hadRoomLeft = false
            total += output.writeWithUnsafeMutableBytes(minimumWritableBytes: min(max(512, bytes.count * 4), 1 << 20)) {
                space in
                var target = ZSTD_outBuffer(dst: space.baseAddress, size: space.count, pos: 0)
                code = ZSTD_decompressStream(stream, &target, &input)
                hadRoomLeft = target.pos < target.size
                return target.pos
            }
            guard ZSTD_isError(code) == 0 else { throw .corrupt(String(cString: ZSTD_getErrorName(code))) }
            if total > room { return total }
            if hadRoomLeft, input.pos == input.size { return total }
        }
    }
}
