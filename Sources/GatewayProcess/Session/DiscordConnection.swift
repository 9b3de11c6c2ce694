internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import Shared

/// What becomes of a connection.
enum ConnectionEvent: Sendable {
    case connected
    /// What arrived cannot be read.
    case unreadable(InflateError)
    /// It could not be made, or is over. `code`: of Discord's close frame, if there was one.
    case ended(code: UInt16?, why: String)
}

/// Whoever owns connections; told on the event loop.
protocol ConnectionOwner: AnyObject, Sendable {
    /// Payloads of one read burst, whole and decompressed, in order.
    nonisolated func received(_ payloads: [ByteBuffer], on connection: Int)
    nonisolated func happened(_ event: ConnectionEvent, to connection: Int)
}

/// Makes WebSocket connections to Discord's gateway.
struct DiscordConnector: Sendable {
    /// Largest WebSocket frame taken, in bytes: a guild can take several MiB in one frame, no limit is published.
    static let maximumFrameBytes = 16 << 20

    /// Most bytes of one read. The loop reads once before it looks at its other sockets, and so takes in no more in one round
    /// than the workers' sockets take: what it reads beyond that only waits in memory. Text of Discord's is compressed to a
    /// sixth or so.
    private var maximumReadBytes: Int { compression == .none ? 64 << 10 : 32 << 10 }

    let eventLoop: any EventLoop
    let tls: NIOSSLContext
    let compression: GatewayCompression
    let userAgent: String

    /// Begins to connect; `owner` learns what becomes of it, and of this connection by `number`.
    func connect(to url: GatewayURL, number: Int, timeout: TimeAmount, owner: any ConnectionOwner) -> DiscordConnection
    {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: maximumReadBytes)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel, url: url, number: number, owner: owner) }
            }
        let connecting = bootstrap.connect(host: url.host, port: url.port)
        connecting.hop(to: eventLoop).whenFailure { error in
            owner.happened(.ended(code: nil, why: "cannot connect to \(url.host): \(error)"), to: number)
        }
        return DiscordConnection(number: number, opening: connecting)
    }

    private func configure(_ channel: any Channel, url: GatewayURL, number: Int, owner: any ConnectionOwner) throws {
        let pipeline = channel.pipeline.syncOperations
        if url.isSecure {
            // A server name is a name, never an address (RFC 6066, section 3).
            let isAddress = (try? SocketAddress(ipAddress: url.host, port: 0)) != nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : url.host))
        }
        var headers = HTTPHeaders()
        headers.add(name: "Host", value: url.hostHeader)
        headers.add(name: "User-Agent", value: userAgent)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: url.requestTarget, headers: headers)
        let upgrader = DiscordUpgrader { DiscordFrameHandler(number: number, compression: compression, owner: owner) }
        let upgrade = NIOTypedHTTPClientUpgradeConfiguration(
            upgradeRequestHead: head, upgraders: [upgrader]
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(RefusalHandler(number: number, owner: owner))
            }
        }
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: upgrade)
        // Hello may come in one segment with the answer to the upgrade.
        configuration.leftOverBytesStrategy = .forwardBytes
        let negotiation = try pipeline.configureUpgradableHTTPClientPipeline(configuration: configuration)
        negotiation.whenFailure { error in
            owner.happened(.ended(code: nil, why: "the WebSocket upgrade at \(url.host) failed: \(error)"), to: number)
            channel.close(promise: nil)
        }
    }
}

/// Upgrades to a WebSocket as NIO does, but leaves the reading of frames to our own handler.
private struct DiscordUpgrader: NIOTypedHTTPClientProtocolUpgrader {
    private let handshake = NIOTypedWebSocketClientUpgrader<Void> { channel, _ in
        channel.eventLoop.makeSucceededVoidFuture()
    }
    let makeHandler: @Sendable () -> DiscordFrameHandler

    var supportedProtocol: String { handshake.supportedProtocol }
    var requiredUpgradeHeaders: [String] { handshake.requiredUpgradeHeaders }

    func addCustom(upgradeRequestHeaders: inout HTTPHeaders) {
        handshake.addCustom(upgradeRequestHeaders: &upgradeRequestHeaders)
    }

    func shouldAllowUpgrade(upgradeResponse: HTTPResponseHead) -> Bool {
        handshake.shouldAllowUpgrade(upgradeResponse: upgradeResponse)
    }

    func upgrade(channel: any Channel, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(WebSocketFrameEncoder())
            try channel.pipeline.syncOperations.addHandler(makeHandler())
        }
    }
}

/// One connection, connecting or open. Its owner learns by number what happens to it.
struct DiscordConnection: Sendable {
    /// How long the other side gets to answer a close frame.
    static let closeTimeout: TimeAmount = .seconds(1)

    let number: Int
    fileprivate let opening: EventLoopFuture<any Channel>

    /// Sends one payload as a text frame.
    func send(_ payload: ByteBuffer) -> EventLoopFuture<Void> {
        opening.flatMap { channel in
            let frame = WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: payload)
            return channel.writeAndFlush(frame)
        }
    }

    /// Sends a close frame, then closes once it is answered, or soon. Done when the socket is closed.
    @discardableResult
    func close(code: UInt16) -> EventLoopFuture<Void> {
        opening.flatMap { channel in
            channel.triggerUserOutboundEvent(DiscordFrameHandler.CloseRequest(code: code)).whenFailure { _ in
                // The upgrade is not done: there is nobody to send a close frame to.
                channel.close(promise: nil)
            }
            return channel.closeFuture
        }
        .recover { _ in }
    }
}

/// Reads WebSocket frames, turns them into payloads, and hands over those of one read burst together.
final class DiscordFrameHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    struct CloseRequest: Sendable {
        let code: UInt16
    }

    /// A burst is handed over early at this size, so that the memory it is in stays bounded.
    private static let burstBytes = 1 << 20

    private let number: Int
    private let owner: any ConnectionOwner
    private var reader = FrameReader(limit: DiscordConnector.maximumFrameBytes)
    private var inflater: StreamInflater?
    /// Where the payloads of this burst are decompressed to, one behind the other; they are handed out as slices of it.
    private var output = ByteBuffer()
    /// Where each payload in `output` ends.
    private var ends: [Int] = []
    /// What the last burst took: the next one's room, so that it does not grow step by step, each a copy.
    private var usualBytes = 0
    private var texts: [ByteBuffer] = []
    private var textBytes = 0
    /// The fragments so far of a text message that comes in several frames.
    private var fragments: ByteBuffer?
    private var isOver = false
    private var sentClose = false

    init(number: Int, compression: GatewayCompression, owner: any ConnectionOwner) {
        self.number = number
        self.owner = owner
        inflater = StreamInflater(compression)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        owner.happened(.connected, to: number)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.append(unwrapInboundIn(data))
        do throws(FrameFailure) {
            while !isOver, let frame = try reader.next() { take(frame, context: context) }
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        deliver()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deliver()
        finish(code: nil, why: "the connection was lost")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        deliver()
        // Not a clean end of TLS, but an end: what came before it was whole.
        finish(code: nil, why: "the connection failed: \(error)")
        context.close(promise: nil)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let request = event as? CloseRequest else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        isOver = true
        sendClose(code: request.code, context: context)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: DiscordConnection.closeTimeout) { channel.close(promise: nil) }
        promise?.succeed()
    }
}

extension DiscordFrameHandler {
    private func take(_ frame: FrameReader.Frame, context: ChannelHandlerContext) {
        switch frame.opcode {
        case .binary, .text, .continuation: read(frame, context: context)
        case .ping: pong(frame.data, context: context)
        case .connectionClose: closed(by: frame.data, context: context)
        case .pong, nil: break
        }
        if output.readableBytes + textBytes > Self.burstBytes { deliver() }
    }

    private func read(_ frame: FrameReader.Frame, context: ChannelHandlerContext) {
        guard inflater != nil else { return readText(frame.data, isLast: frame.isLast, context: context) }
        do throws(InflateError) {
            if try inflate(frame.data, isLast: frame.isLast) { ends.append(output.writerIndex) }
        } catch {
            fail(error, context: context)
        }
    }

    private func inflate(_ data: ByteBuffer, isLast: Bool) throws(InflateError) -> Bool {
        if output.capacity == 0 { output.reserveCapacity(usualBytes) }
        let outcome: Result<Bool, InflateError> = data.withUnsafeReadableBytes { bytes in
            do throws(InflateError) {
                return .success(try inflater?.inflate(bytes, endsMessage: isLast, into: &output) ?? false)
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private func readText(_ data: ByteBuffer, isLast: Bool, context: ChannelHandlerContext) {
        var whole = data
        if var begun = fragments {
            var piece = data
            begun.writeBuffer(&piece)
            whole = begun
        }
        guard whole.readableBytes <= StreamInflater.maximumPayloadBytes else {
            return fail(.tooLarge(limit: StreamInflater.maximumPayloadBytes), context: context)
        }
        guard isLast else { return fragments = whole }
        fragments = nil
        textBytes += whole.readableBytes
        texts.append(whole)
    }

    /// Hands over the whole payloads so far. What is handed out keeps `output`'s memory; a new one is begun, with what
    /// is there of a payload not yet whole.
    private func deliver() {
        if !texts.isEmpty {
            let payloads = texts
            texts.removeAll(keepingCapacity: true)
            textBytes = 0
            owner.received(payloads, on: number)
        }
        guard !ends.isEmpty else { return }
        var payloads: [ByteBuffer] = []
        payloads.reserveCapacity(ends.count)
        for end in ends {
            if let payload = output.readSlice(length: end - output.readerIndex) { payloads.append(payload) }
        }
        ends.removeAll(keepingCapacity: true)
        usualBytes = min(output.writerIndex, Self.burstBytes)
        output = output.readableBytes == 0 ? ByteBuffer() : ByteBuffer(buffer: output)
        owner.received(payloads, on: number)
    }

    private func fail(_ error: InflateError, context: ChannelHandlerContext) {
        deliver()
        guard !isOver else { return }
        isOver = true
        owner.happened(.unreadable(error), to: number)
    }

    private func finish(code: UInt16?, why: String) {
        guard !isOver else { return }
        isOver = true
        owner.happened(.ended(code: code, why: why), to: number)
    }

    private func pong(_ data: ByteBuffer, context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    /// Discord's close frame: two bytes of code and a reason, or nothing (RFC 6455, section 5.5.1).
    private func closed(by data: ByteBuffer, context: ChannelHandlerContext) {
        var data = data
        deliver()
        let code = data.readInteger(as: UInt16.self)
        let reason = String(buffer: data)
        finish(
            code: code,
            why: reason.isEmpty ? "Discord closed the connection" : "Discord closed the connection: \(reason)")
        sendClose(code: code, context: context)
        context.close(promise: nil)
    }

    private func sendClose(code: UInt16?, context: ChannelHandlerContext) {
        guard !sentClose else { return }
        sentClose = true
        var data = ByteBuffer()
        if let code { data.writeInteger(code) }
        let frame = WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }
}

/// Reports the status of a server that answers the upgrade request with anything else.
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let number: Int
    private let owner: any ConnectionOwner

    init(number: Int, owner: any ConnectionOwner) {
        self.number = number
        self.owner = owner
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        owner.happened(
            .ended(code: nil, why: "the WebSocket upgrade was answered with HTTP \(head.status.code)"), to: number)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        owner.happened(.ended(code: nil, why: "the WebSocket upgrade was refused"), to: number)
        context.fireChannelInactive()
    }
}
