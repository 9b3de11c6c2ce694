internal import NIOCore
internal import NIOHTTP1

/// Answers the requests of one connection, one at a time: NIO's pipelining handler holds back the next.
final class HealthHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let provider: HealthProvider
    private var head: HTTPRequestHead?

    init(provider: HealthProvider) {
        self.provider = provider
    }

    private struct Answer: Sendable {
        var status: HTTPResponseStatus
        var text: String
        var type = "text/plain; charset=utf-8"
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context: context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO has answered 400 by now if the request was none.
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let provider = provider
        let isHead = head.method == .HEAD
        context.eventLoop.makeFutureWithTask { await Self.answer(to: head, provider) }
            .assumeIsolated()
            .whenSuccess { answer in
                self.write(answer, keepAlive: head.isKeepAlive, withBody: !isHead, context: context)
            }
    }

    private static func answer(to head: HTTPRequestHead, _ provider: HealthProvider) async -> Answer {
        guard head.method == .GET || head.method == .HEAD else {
            return Answer(status: .methodNotAllowed, text: "only GET and HEAD\n")
        }
        switch head.uri.prefix(while: { $0 != "?" }) {
        case "/metrics":
            return Answer(
                status: .ok, text: await provider.metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        case "/healthz": return answer(await provider.health())
        case "/readyz": return answer(await provider.readiness())
        default: return Answer(status: .notFound, text: "there are /metrics, /healthz and /readyz\n")
        }
    }

    private static func answer(_ report: HealthReport) -> Answer {
        Answer(
            status: report.isGood ? .ok : .serviceUnavailable,
            text: (report.lines.isEmpty ? [report.isGood ? "ok" : "not ok"] : report.lines)
                .map { $0 + "\n" }.joined())
    }

    private func write(_ answer: Answer, keepAlive: Bool, withBody: Bool, context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let body = ByteBuffer(string: answer.text)
        var headers: HTTPHeaders = [
            "Content-Type": answer.type, "Content-Length": String(body.readableBytes), "Cache-Control": "no-store",
        ]
        if answer.status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
        if !keepAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if withBody { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !keepAlive {
            let channel = context.channel
            end.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}
