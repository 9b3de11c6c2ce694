internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import Shared

/// A listening socket that serves REST, the gateway and the control API.
struct Listener: Sendable {
    /// Bytes of a client's frame that are read to the end; above 4096 the refusal is the gateway's.
    private static let maximumFrame = 1 << 20

    let simulator: NIOLoopBound<Simulator>
    /// Whether this is where READY sends those who resume.
    let isResumeURL: Bool
    let tls: NIOSSLContext?

    /// Listens.
    /// - Returns: the channel, which knows its port.
    func bind(host: String, port: Int, on loop: any EventLoop) -> EventLoopFuture<any NIOCore.Channel> {
        ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try set(up: channel) }
            }
            .bind(host: host, port: port)
    }

    private var upgrader: NIOWebSocketServerUpgrader {
        NIOWebSocketServerUpgrader(
            maxFrameSize: Self.maximumFrame,
            // What may be upgraded is decided before.
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let connection = simulator.value.makeConnection(head.uri, isResumeURL: isResumeURL)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            })
    }

    private func set(up channel: any NIOCore.Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        // NIO's own set-up looks for an upgrade in a connection's first request only; clients that use one connection
        // pool for REST and gateway ask for it later.
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        let order = HTTPServerPipelineHandler()
        let errors = HTTPServerProtocolErrorHandler()
        let http = HTTPConnection(
            simulator: simulator.value, upgrader: upgrader,
            removeHTTP: { pipeline in
                pipeline.removeHandler(order, promise: nil)
                pipeline.removeHandler(errors, promise: nil)
                pipeline.removeHandler(decoder, promise: nil)
                pipeline.removeHandler(encoder, promise: nil)
            })
        try pipeline.addHandlers([encoder, decoder, order, errors, http])
    }
}
