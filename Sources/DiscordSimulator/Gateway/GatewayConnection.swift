internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import Shared

/// One WebSocket connection: frames in and out, and what can go wrong with them on purpose.
///
/// Not `Sendable`: it lives on the simulator's one event loop.
final class GatewayConnection: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    /// Bytes gathered before they are written.
    private static let writeSize = 128 << 10

    let number: Int
    let parameters: GatewayServerSession.Parameters
    /// Whether it came by the URL that READY names.
    let isResumeURL: Bool
    var rules: GatewayServerSession
    /// The session that is live here.
    var session: String?
    private(set) var isStalled = false
    /// Whether a close frame came or went, or the connection broke.
    private(set) var isClosing = false

    private let server: GatewayServer
    private let compressor: (any FrameCompressor)?
    private let parser = JSONParser(maximumBytes: 2 << 20)
    /// In front of NIO's frame encoder, so that many frames go out in one piece.
    private var raw: ChannelHandlerContext?
    private var context: ChannelHandlerContext?
    private var pending = ByteBuffer()
    private var scratch = ByteBuffer()
    private var isFlushScheduled = false
    private var fragments: ByteBuffer?
    /// What waits until prepared dispatches have been sent.
    private var held: [ByteBuffer] = []

    init(number: Int, parameters: GatewayServerSession.Parameters, isResumeURL: Bool, server: GatewayServer) {
        self.number = number
        self.parameters = parameters
        self.isResumeURL = isResumeURL
        self.server = server
        rules = GatewayServerSession(
            limits: server.world.limits, heartbeatCloseCode: server.settings.heartbeatCloseCode,
            at: server.world.clock())
        compressor =
            switch parameters.compress {
            case "zlib-stream": ZlibCompressor()
            case "zstd-stream": ZstdCompressor()
            default: nil
            }
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        raw = try? context.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
        server.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        raw = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosing = true
        server.ended(self)
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isWritable { server.resumeFlood() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard !isStalled else { return }
        guard frame.maskKey != nil else {
            server.violate("an unmasked frame (RFC 6455, 5.1)")
            return close(code: 1002, reason: "unmasked frame")
        }
        switch frame.opcode {
        case .text, .binary, .continuation: receive(frame)
        case .ping: writeFrame(opcode: 0xa, frame.unmaskedData)
        case .connectionClose: peerCloses(frame.unmaskedData)
        default: break
        }
    }

    private func receive(_ frame: WebSocketFrame) {
        var whole = fragments ?? ByteBuffer()
        whole.writeImmutableBuffer(frame.unmaskedData)
        guard frame.fin else { return fragments = whole }
        fragments = nil
        let payload = (try? parser.parse(whole)).map { JSON($0) }
        server.received(payload, byteCount: whole.readableBytes, on: self)
    }

    private func peerCloses(_ data: ByteBuffer) {
        let code = data.getInteger(at: data.readerIndex, as: UInt16.self).map(Int.init)
        let wasClosing = isClosing
        isClosing = true
        if !wasClosing {
            server.peerClosed(self, code: code)
            flush()
            writeFrame(opcode: 0x8, data)
            flush()
        }
        context?.close(promise: nil)
    }

    // MARK: - Sending

    /// Whether the client keeps up.
    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Sends a dispatch.
    func send(_ event: EncodedEvent, sequence: Int) {
        guard !isClosing, !isStalled else { return }
        if let compressor {
            scratch.clear()
            compressor.compress(event, sequence: sequence, into: &scratch)
            pending.writeFrameHeader(opcode: 0x2, length: scratch.readableBytes)
            pending.writeImmutableBuffer(scratch)
            if !held.isEmpty, !isAhead { sendHeld() }
        } else {
            pending.writeFrameHeader(opcode: 0x1, length: event.byteCount(sequence: sequence))
            pending.writeImmutableBuffer(event.prefix)
            pending.writeDecimal(sequence)
            pending.writeImmutableBuffer(event.suffix)
        }
        flushSoon()
    }

    /// Compresses a dispatch that will be sent when all prepared before have been; nothing else goes out before it.
    func prepare(_ event: EncodedEvent, sequence: Int) { compressor?.prepare(event, sequence: sequence) }

    /// Whether prepared dispatches are still to be sent.
    var isAhead: Bool { compressor?.isAhead ?? false }

    private func sendHeld() {
        let payloads = held
        held = []
        for payload in payloads { send(payload) }
    }

    /// Sends a payload that is no dispatch.
    func send(_ payload: String) {
        send(ByteBuffer(string: payload))
    }

    /// Sends any bytes as one message.
    func send(_ payload: ByteBuffer) {
        guard !isClosing, !isStalled else { return }
        guard !isAhead else { return held.append(payload) }
        if let compressor {
            scratch.clear()
            compressor.compress([payload], into: &scratch)
            writeFrame(opcode: 0x2, scratch)
        } else {
            writeFrame(opcode: 0x1, payload)
        }
        flushSoon()
    }

    private func writeFrame(opcode: UInt8, _ payload: ByteBuffer) {
        pending.writeFrameHeader(opcode: opcode, length: payload.readableBytes)
        pending.writeImmutableBuffer(payload)
        flushSoon()
    }

    private func flushSoon() {
        if pending.readableBytes >= Self.writeSize { return flush() }
        guard !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    /// Writes what has gathered.
    func flush() {
        guard pending.readableBytes > 0, let raw else { return }
        let bytes = pending
        pending = ByteBuffer()
        pending.reserveCapacity(Self.writeSize + 8192)
        raw.writeAndFlush(NIOAny(bytes), promise: nil)
    }

    // MARK: - Ending

    /// Closes: with that code, or (nil) without a close frame.
    func close(code: Int?, reason: String) {
        guard !isClosing else { return }
        guard let code else { return breakOff(resets: false) }
        flush()
        var data = ByteBuffer()
        data.writeInteger(UInt16(clamping: code))
        data.writeString(String(reason.prefix(100)))
        writeFrame(opcode: 0x8, data)
        flush()
        isClosing = true
        rules.end()
        // A client that does not answer is not waited for.
        context?.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { [weak self] in
            self?.context?.close(promise: nil)
        }
    }

    /// Ends the TCP connection without a word, also below TLS.
    /// - Parameter resets: whether the other side sees RST instead of FIN.
    func breakOff(resets: Bool) {
        flush()
        isClosing = true
        rules.end()
        guard let context else { return }
        if resets, let socket = context.channel as? any SocketOptionProvider {
            // Executed at once, for this is the channel's event loop.
            _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
        (tls ?? raw ?? context).close(promise: nil)
    }

    // MARK: - Trouble

    /// From now on nothing is read or written, but the connection stays.
    func stall() {
        flush()
        isStalled = true
        _ = try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    /// Sends the beginning of a frame and resets the connection.
    func resetWithinFrame() {
        pending.writeFrameHeader(opcode: compressor == nil ? 0x1 : 0x2, length: 4000)
        pending.writeString("{\"t\":\"MESSAGE_CREATE\",\"s\":")
        flush()
        context?.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { [weak self] in
            self?.breakOff(resets: true)
        }
    }

    /// Sends a message whose compressed bytes are broken (or, without compression, JSON that is).
    /// - Parameter isTruncated: whether its end is missing, rather than its middle wrong.
    func sendCorrupt(isTruncated: Bool) {
        guard !isClosing, !isStalled else { return }
        var bytes = ByteBuffer(string: "{\"t\":\"TYPING_START\",\"s\":1,\"op\":0,\"d\":{\"a\":[1,2,3,\"abcdefgh\"]}}")
        if let compressor {
            scratch.clear()
            compressor.compress([bytes], into: &scratch)
            bytes = scratch
        }
        if isTruncated {
            bytes.moveWriterIndex(to: bytes.writerIndex - bytes.readableBytes / 3)
        } else {
            // 0xff begins neither a block of deflate (type 3 is reserved) nor one of zstd, nor JSON.
            for index in bytes.readerIndex..<(bytes.readerIndex + bytes.readableBytes / 2) {
                bytes.setInteger(UInt8(0xff), at: index)
            }
        }
        writeFrame(opcode: compressor == nil ? 0x1 : 0x2, bytes)
    }
}

extension ByteBuffer {
    /// Appends the header of an unmasked final frame (RFC 6455, 5.2).
    fileprivate mutating func writeFrameHeader(opcode: UInt8, length: Int) {
        writeInteger(0x80 | opcode)
        if length < 126 {
            writeInteger(UInt8(length))
        } else if length <= Int(UInt16.max) {
            writeInteger(UInt8(126))
            writeInteger(UInt16(length))
        } else {
            writeInteger(UInt8(127))
            writeInteger(UInt64(length))
        }
    }
}
