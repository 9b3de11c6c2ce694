internal import NIOCore

/// A frame that the protocol does not allow.
enum FrameFailure: Error, Equatable, CustomStringConvertible {
    case tooLarge(limit: Int)
    /// A server must not mask (RFC 6455, section 5.1).
    case masked
    /// No extension was agreed on (section 5.2).
    case reservedBits
    /// A control frame in fragments, or of more than 125 bytes (section 5.5).
    case badControlFrame

    var description: String {
        switch self {
        case .tooLarge(let limit): "a WebSocket frame is larger than \(limit) bytes"
        case .masked: "a WebSocket frame is masked"
        case .reservedBits: "a WebSocket frame has reserved bits set"
        case .badControlFrame: "a WebSocket control frame is fragmented or too long"
        }
    }
}

/// Takes apart what a WebSocket server sends (RFC 6455, section 5.2).
///
/// NIO's own decoder makes an object of each frame and sends it through the pipeline, at ten times what this costs.
struct FrameReader {
    struct Frame: Equatable {
        enum Opcode: UInt8 {
            case continuation = 0, text = 1, binary = 2, connectionClose = 8, ping = 9, pong = 10
        }

        /// Nil for one that no document names.
        let opcode: Opcode?
        /// Whether the message ends with it.
        let isLast: Bool
        /// A slice of what was read.
        let data: ByteBuffer
    }

    private let limit: Int
    private var unread = ByteBuffer()

    /// - Parameter limit: largest payload of a frame taken, in bytes.
    init(limit: Int) {
        self.limit = limit
    }

    /// Takes in what was read from the socket.
    mutating func append(_ bytes: ByteBuffer) {
        guard unread.readableBytes > 0 else { return unread = bytes }
        // Frames that were handed out keep the memory that they are in; what is left of it is copied once.
        var bytes = bytes
        if unread.readerIndex > 0 { unread = ByteBuffer(buffer: unread) }
        unread.writeBuffer(&bytes)
    }

    /// The next frame, once it is whole.
    mutating func next() throws(FrameFailure) -> Frame? {
        guard let header = try header() else { return nil }
        guard unread.readableBytes >= header.size + header.length else { return nil }
        unread.moveReaderIndex(forwardBy: header.size)
        guard let data = unread.readSlice(length: header.length) else { return nil }
        // The last frame of what was read must not keep it alive here until more comes.
        if unread.readableBytes == 0 { unread = ByteBuffer() }
        return Frame(
            opcode: Frame.Opcode(rawValue: header.first & 0x0F), isLast: header.first & 0x80 != 0, data: data)
    }

    /// `size`: what the header itself takes.
    private func header() throws(FrameFailure) -> (first: UInt8, size: Int, length: Int)? {
        let start = unread.readerIndex
        guard let two = unread.getInteger(at: start, as: UInt16.self) else { return nil }
        let first = UInt8(two >> 8)
        guard first & 0x70 == 0 else { throw .reservedBits }
        guard two & 0x80 == 0 else { throw .masked }
        var size = 2
        var length = UInt64(two & 0x7F)
        if first & 0x08 != 0, first & 0x80 == 0 || length > 125 { throw .badControlFrame }
        switch length {
        case 126:
            guard let word = unread.getInteger(at: start + 2, as: UInt16.self) else { return nil }
            (size, length) = (4, UInt64(word))
        case 127:
            guard let word = unread.getInteger(at: start + 2, as: UInt64.self) else { return nil }
            (size, length) = (10, word)
        default: break
        }
        guard length <= UInt64(limit) else { throw .tooLarge(limit: limit) }
        return (first, size, Int(length))
    }
}
