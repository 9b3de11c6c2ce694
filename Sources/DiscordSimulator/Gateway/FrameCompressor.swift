internal import CZlib
internal import CZstd
internal import NIOCore
internal import Shared

/// Transport compression of one connection (gateway.mdx, Encoding and Compression): one stream for its whole life,
/// flushed after every message.
protocol FrameCompressor: AnyObject {
    /// Compresses one message, given in pieces, and appends it.
    func compress(_ pieces: [ByteBuffer], into output: inout ByteBuffer)

    /// Compresses a dispatch that may have been prepared.
    func compress(_ event: EncodedEvent, sequence: Int, into output: inout ByteBuffer)

    /// Compresses a dispatch that will come when all prepared before have.
    func prepare(_ event: EncodedEvent, sequence: Int)

    /// Whether dispatches are prepared that have not come: nothing else can be sent before them, for the stream is behind them.
    var isAhead: Bool { get }
}

extension FrameCompressor {
    /// Compresses a dispatch of which nothing is prepared.
    fileprivate func compressNow(_ event: EncodedEvent, sequence: Int, into output: inout ByteBuffer) {
        var digits = ByteBuffer()
        digits.writeDecimal(sequence)
        compress([event.prefix, digits, event.suffix], into: &output)
    }

    func prepare(_ event: EncodedEvent, sequence: Int) {}

    var isAhead: Bool { false }
}

/// `zlib-stream`: a deflate stream with Z_SYNC_FLUSH after every message.
///
/// The stream is made as raw deflate behind a zlib header of its own, so that blocks compressed elsewhere can be put
/// into it; its checksum never comes, because the stream never ends.
final class ZlibCompressor: FrameCompressor {
    private var stream = z_stream()
    private var isStarted = false
    /// What it compresses next must not refer to what stood before, for it has not seen that.
    private var mustForget = false

    init() {
        Self.start(&stream, level: 6)
    }

    deinit {
        deflateEnd(&stream)
    }

    private static func start(_ stream: inout z_stream, level: Int32) {
        let result = deflateInit2_(
            &stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        // These constants are valid, so that only the allocator can fail.
        precondition(result == Z_OK, "out of memory")
    }

    func compress(_ pieces: [ByteBuffer], into output: inout ByteBuffer) {
        writeHeaderOnce(into: &output)
        if mustForget { deflateReset(&stream) }
        mustForget = false
        for (position, piece) in pieces.enumerated() {
            let isLast = position == pieces.count - 1
            Self.deflate(&stream, piece, flush: isLast ? Z_SYNC_FLUSH : Z_NO_FLUSH, into: &output)
        }
    }

    func compress(_ event: EncodedEvent, sequence: Int, into output: inout ByteBuffer) {
        guard let prepared = event.deflatedSuffix else {
            return compressNow(event, sequence: sequence, into: &output)
        }
        writeHeaderOnce(into: &output)
        // A stored block for what differs (RFC 1951, 3.2.4), then the prepared one.
        let length = event.prefix.readableBytes + sequence.decimalDigits
        output.writeInteger(UInt8(0))
        output.writeInteger(UInt16(length), endianness: .little)
        output.writeInteger(~UInt16(length), endianness: .little)
        output.writeImmutableBuffer(event.prefix)
        output.writeDecimal(sequence)
        output.writeImmutableBuffer(prepared)
        mustForget = true
    }

    /// Compresses a suffix so that it stands for itself in any stream.
    static func prepare(_ suffix: ByteBuffer) -> ByteBuffer {
        var stream = z_stream()
        start(&stream, level: 6)
        defer { deflateEnd(&stream) }
        var output = ByteBuffer()
        deflate(&stream, suffix, flush: Z_SYNC_FLUSH, into: &output)
        return output
    }

    private func writeHeaderOnce(into output: inout ByteBuffer) {
        guard !isStarted else { return }
        isStarted = true
        // RFC 1950: deflate with a window of 32 KiB, default level.
        output.writeBytes([0x78, 0x9c])
    }

    private static func deflate(
        _ stream: inout z_stream, _ input: ByteBuffer, flush: Int32, into output: inout ByteBuffer
    ) {
        input.withUnsafeReadableBytes { bytes in
            // zlib does not write through this pointer.
            stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(bytes.count)
            var isDone = false
            while !isDone {
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count / 2 + 256) { room in
                    stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.avail_out = UInt32(room.count)
                    _ = CZlib.deflate(&stream, flush)
                    isDone = stream.avail_out > 0
                    return room.count - Int(stream.avail_out)
                }
            }
        }
    }
}

/// `zstd-stream`: one frame that never ends, with a flushed block after every message.
final class ZstdCompressor: FrameCompressor {
    private let context: OpaquePointer
    /// Messages compressed in advance, one behind the other, and where each ends.
    private var prepared = ByteBuffer()
    private var ends: [Int] = []
    private var next = 0
    private var nextSequence = 0

    init() {
        guard let context = ZSTD_createCCtx() else { preconditionFailure("out of memory") }
        self.context = context
        // Level and window of Discord's are not known; this one is quick.
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 17)
    }

    deinit {
        ZSTD_freeCCtx(context)
    }

    var isAhead: Bool { next < ends.count }

    func prepare(_ event: EncodedEvent, sequence: Int) {
        if ends.isEmpty { nextSequence = sequence }
        compressNow(event, sequence: sequence, into: &prepared)
        ends.append(prepared.writerIndex)
    }

    func compress(_ event: EncodedEvent, sequence: Int, into output: inout ByteBuffer) {
        guard isAhead else { return compressNow(event, sequence: sequence, into: &output) }
        precondition(sequence == nextSequence, "what was prepared comes in order, and nothing between")
        if var message = prepared.readSlice(length: ends[next] - prepared.readerIndex) { output.writeBuffer(&message) }
        next += 1
        nextSequence += 1
        guard !isAhead else { return }
        (prepared, ends, next) = (ByteBuffer(), [], 0)
    }

    func compress(_ pieces: [ByteBuffer], into output: inout ByteBuffer) {
        for (position, piece) in pieces.enumerated() {
            let directive = position == pieces.count - 1 ? ZSTD_e_flush : ZSTD_e_continue
            piece.withUnsafeReadableBytes { bytes in
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
                var isDone = false
                while !isDone {
                    output.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count / 2 + 256) { room in
                        var target = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                        let rest = ZSTD_compressStream2(context, &target, &source, directive)
                        precondition(ZSTD_isError(rest) == 0, "zstd cannot compress")
                        isDone = directive == ZSTD_e_flush ? rest == 0 : source.pos == source.size
                        return target.pos
                    }
                }
            }
        }
    }
}
