internal import NIOCore
internal import NIOHTTP1

/// Answers the requests of one connection, one at a time. A client that sends the next before it has the answer gets that answer, and
/// is closed: so nothing queues.
final class HealthHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let provider: HealthProvider
    private let guardian: RequestGuard
    private var head: HTTPRequestHead?
    private var isAnswering = false
    private var isPipelining = false

    init(provider: HealthProvider, guardian: RequestGuard) {
        self.provider = provider
        self.guardian = guardian
    }

    private struct Answer: Sendable {
        var status: HTTPResponseStatus
        var page: HealthPage

        init(_ status: HTTPResponseStatus, _ page: HealthPage) {
            self.status = status
            self.page = page
        }

        init(_ status: HTTPResponseStatus, _ text: String) {
            self.init(status, HealthPage(type: "text/plain; charset=utf-8", text: text))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswering else {
            isPipelining = true
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        // Bounded by the guardian; none of the pages takes one.
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            isAnswering = true
            guardian.enter(.answering)
            answer(head, context: context)
        }
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
            return Answer(.methodNotAllowed, "only GET and HEAD\n")
        }
        let path = String(head.uri.prefix { $0 != "?" })
        switch path {
        case "/metrics":
            return Answer(
                .ok, HealthPage(type: "text/plain; version=0.0.4; charset=utf-8", text: await provider.metrics()))
        case "/healthz": return answer(await provider.health())
        case "/readyz": return answer(await provider.readiness())
        default:
            guard let page = provider.pages[path] else {
                let paths = ["/metrics", "/healthz", "/readyz"] + provider.pages.keys.sorted()
                return Answer(.notFound, "there are \(paths.joined(separator: " "))\n")
            }
            return Answer(.ok, await page())
        }
    }

    private static func answer(_ report: HealthReport) -> Answer {
        let lines = report.lines.isEmpty ? [report.isGood ? "ok" : "not ok"] : report.lines
        return Answer(report.isGood ? .ok : .serviceUnavailable, lines.map { $0 + "\n" }.joined())
    }

    private func write(_ answer: Answer, keepAlive: Bool, withBody: Bool, context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let keepAlive = keepAlive && !isPipelining
        let body = ByteBuffer(string: answer.page.text)
        var headers: HTTPHeaders = [
            "Content-Type": answer.page.type, "Content-Length": String(body.readableBytes), "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        ]
        for (name, value) in answer.page.headers { headers.add(name: name, value: value) }
        if answer.status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
        if !keepAlive { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if withBody { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)))
            .assumeIsolated()
            .whenComplete { _ in self.answered(keepAlive: keepAlive, context: context) }
    }

    private func answered(keepAlive: Bool, context: ChannelHandlerContext) {
        isAnswering = false
        guard keepAlive, !isPipelining else { return context.close(promise: nil) }
        guardian.enter(.idle)
    }
}
