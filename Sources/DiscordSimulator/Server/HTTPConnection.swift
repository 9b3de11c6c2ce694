internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import Shared

/// One HTTP connection: gathers requests and writes answers.
///
/// Not `Sendable`: it lives on the simulator's one event loop.
final class HTTPConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of a request's body: above Discord's 25 MiB, so that the refusal is Discord's, and enough to inject a guild of
    /// several MB.
    private static let maximumBody = 64 << 20

    private let simulator: Simulator
    private let upgrader: NIOWebSocketServerUpgrader
    private let removeHTTP: (ChannelPipeline.SynchronousOperations) -> Void
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    /// - Parameter removeHTTP: takes all other HTTP handlers out of the pipeline.
    init(
        simulator: Simulator, upgrader: NIOWebSocketServerUpgrader,
        removeHTTP: @escaping (ChannelPipeline.SynchronousOperations) -> Void
    ) {
        self.simulator = simulator
        self.upgrader = upgrader
        self.removeHTTP = removeHTTP
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ByteBuffer()
        case .body(let part):
            guard body.readableBytes + part.readableBytes <= Self.maximumBody else {
                return context.close(promise: nil)
            }
            body.writeImmutableBuffer(part)
        case .end:
            guard let head else { return }
            self.head = nil
            if isUpgrade(head) { return upgrade(head, context) }
            let request = RESTRequest(
                method: head.method.rawValue, target: head.uri,
                headers: head.headers.map { (name: $0.name, value: $0.value) }, body: body,
                address: context.remoteAddress?.ipAddress ?? "127.0.0.1")
            body = ByteBuffer()
            answer(request, keepAlive: head.isKeepAlive, context)
        }
    }

    /// RFC 6455, 4.2.1; what more it asks for is checked by the upgrader.
    private func isUpgrade(_ head: HTTPRequestHead) -> Bool {
        head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            && simulator.mayUpgrade(head.uri)
    }

    private func upgrade(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let response = upgrader.buildUpgradeResponse(
            channel: context.channel, upgradeRequest: request, initialResponseHeaders: HTTPHeaders())
        response.assumeIsolated().whenComplete { [self] result in
            guard case .success(var headers) = result else {
                let head = HTTPResponseHead(version: .http1_1, status: .badRequest, headers: ["Content-Length": "0"])
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
            headers.add(name: "Upgrade", value: "websocket")
            headers.add(name: "Connection", value: "Upgrade")
            let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            let pipeline = context.pipeline.syncOperations
            removeHTTP(pipeline)
            _ = upgrader.upgrade(context: context, upgradeRequest: request)
            pipeline.removeHandler(self, promise: nil)
        }
    }

    private func answer(_ request: RESTRequest, keepAlive: Bool, _ context: ChannelHandlerContext) {
        simulator.answer(request) { [self] answer in
            guard answer.delay > 0 else { return write(answer, to: request, keepAlive: keepAlive, context) }
            context.eventLoop.assumeIsolated().scheduleTask(in: .microseconds(Int64(answer.delay))) { [self] in
                write(answer, to: request, keepAlive: keepAlive, context)
            }
        }
    }

    private func write(
        _ answer: RESTAnswer, to request: RESTRequest, keepAlive: Bool, _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        if answer.resetsConnection { return reset(context) }
        var headers = HTTPHeaders(answer.headers.map { ($0.name, $0.value) })
        if answer.status != 204 { headers.add(name: "Content-Length", value: String(answer.body.readableBytes)) }
        if !keepAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if answer.body.readableBytes > 0, request.method != "HEAD" {
            context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        }
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        // Closing discards what the socket has not taken yet, which of a large answer is most.
        if !keepAlive { written.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
    }

    /// RST instead of an answer, also below TLS.
    private func reset(_ context: ChannelHandlerContext) {
        if let socket = context.channel as? any SocketOptionProvider {
            // Executed at once, for this is the channel's event loop.
            _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
        (tls ?? context).close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
