internal import Glibc
public import NIOCore

/// Cuts a byte stream into lines.
///
/// A line that lies within one chunk is handed out as a slice of it; only a line that spans chunks is copied, once.
/// Nothing beyond the unfinished line is kept, and never more of that than `maximumLineBytes`.
///
///     splitter.append(chunk)
///     while let line = try splitter.nextLine() { … }
public struct LineSplitter: Sendable {
    /// Longest line, in bytes, without its line break.
    public let maximumLineBytes: Int

    /// Bytes not yet looked at.
    private var chunk = ByteBuffer()
    /// The line that the chunks so far began and did not end.
    private var begun = ByteBuffer()
    /// Set by the first line that was too long: where the next one begins is then not looked for.
    private var hasFailed = false

    /// Makes a splitter that refuses longer lines than `maximumLineBytes`.
    public init(maximumLineBytes: Int = QueueProtocol.maximumLineBytes) {
        self.maximumLineBytes = maximumLineBytes
    }

    /// Bytes held of a line whose end has not come. Not zero at the end of a stream means that its last line was cut off.
    public var unfinishedBytes: Int { begun.readableBytes + chunk.readableBytes }

    /// Takes the next bytes of the stream. Take all lines with `nextLine` before the next call, or bytes are copied.
    public mutating func append(_ bytes: ByteBuffer) {
        guard !hasFailed else { return }
        if chunk.readableBytes == 0 {
            chunk = bytes
        } else {
            chunk.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole line without its line break; nil if it has not ended yet.
    /// - Throws: `too_long`, then and ever after, as soon as a line is known to exceed the limit. Nothing is kept by then.
    public mutating func nextLine() throws(FrameError) -> ByteBuffer? {
        guard !hasFailed else { throw tooLong }
        guard chunk.readableBytes > 0 else { return nil }
        guard let length = chunk.bytesBeforeLineBreak else {
            try keepBeginning()
            return nil
        }
        guard begun.readableBytes + length <= maximumLineBytes else { throw fail() }
        guard begun.readableBytes > 0 else {
            let line = chunk.readSlice(length: length)
            dropLineBreak()
            return line
        }
        var line = begun
        begun = ByteBuffer()
        if var end = chunk.readSlice(length: length) { line.writeBuffer(&end) }
        dropLineBreak()
        return line
    }

    /// Lets go of all that is held and of all that comes: there will be no line any more.
    public mutating func giveUp() { _ = fail() }

    /// Copies what is left of the chunk behind the line begun, so that the chunk's memory can go.
    private mutating func keepBeginning() throws(FrameError) {
        guard begun.readableBytes + chunk.readableBytes <= maximumLineBytes else { throw fail() }
        begun.writeBuffer(&chunk)
        chunk = ByteBuffer()
    }

    private mutating func dropLineBreak() {
        chunk.moveReaderIndex(forwardBy: 1)
        // The last line of a chunk must not keep the whole of it alive here until more bytes come.
        if chunk.readableBytes == 0 { chunk = ByteBuffer() }
    }

    private mutating func fail() -> FrameError {
        hasFailed = true
        chunk = ByteBuffer()
        begun = ByteBuffer()
        return tooLong
    }

    private var tooLong: FrameError {
        FrameError(.tooLong, "the line is longer than \(maximumLineBytes) bytes")
    }
}

extension ByteBuffer {
    /// How many readable bytes stand before the first line break; nil if there is none.
    fileprivate var bytesBeforeLineBreak: Int? {
        withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress, let hit = memchr(start, 0x0A, bytes.count) else { return nil }
            return UnsafeRawPointer(hit) - start
        }
    }
}
