internal import NIOCore

/// Bounds what a connection may send and how long it may take, so that a client that is slow, or means ill, holds nothing but its own
/// place among the few.
///
/// First in the pipeline: it counts bytes before anything is made of them.
final class RequestGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Limits: Sendable {
        /// A request's line, headers and body. A browser's are below 2 KiB.
        var requestBytes = 8 << 10
        /// Until a connection's first request: who connects and says nothing must not keep others out.
        var first: TimeAmount = .seconds(10)
        /// Between requests; Prometheus asks every 15 s to 60 s.
        var idle: TimeAmount = .seconds(90)
        /// From a request's first byte to its last.
        var reading: TimeAmount = .seconds(5)
        /// From a request's end until the socket has taken the answer.
        var answering: TimeAmount = .seconds(10)
    }

    enum Phase {
        case idle, reading, answering
    }

    private let limits: Limits
    private var phase = Phase.idle
    private var hasAsked = false
    private var receivedBytes = 0
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(_ limits: Limits) {
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        enter(.idle)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receivedBytes += unwrapInboundIn(data).readableBytes
        guard receivedBytes <= limits.requestBytes else { return refuse(context) }
        hasAsked = true
        if phase == .idle { enter(.reading) }
        context.fireChannelRead(data)
    }

    /// The request's end was read, or the answer's end was written.
    func enter(_ phase: Phase) {
        self.phase = phase
        if phase == .idle { receivedBytes = 0 }
        let time =
            switch phase {
            case .idle: hasAsked ? limits.idle : limits.first
            case .reading: limits.reading
            case .answering: limits.answering
            }
        timer?.cancel()
        guard let channel = context?.channel else { return }
        timer = channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    private func refuse(_ context: ChannelHandlerContext) {
        // In the middle of an answer there is nothing that could be said.
        guard phase != .answering else { return context.close(promise: nil) }
        let text = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)))
            .whenComplete { _ in channel.close(promise: nil) }
    }
}
