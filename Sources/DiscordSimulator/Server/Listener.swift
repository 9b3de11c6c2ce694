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
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try set(up: channel) }
            }
            .bind(host: host, port: port)
    }

    private func set(up channel: any NIOCore.Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        let http = HTTPConnection(simulator: simulator.value)
        let boundHTTP = NIOLoopBound(http, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: Self.maximumFrame,
            shouldUpgrade: { channel, head in
                let isWelcome = simulator.value.mayUpgrade(head.uri)
                return channel.eventLoop.makeSucceededFuture(isWelcome ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let connection = simulator.value.makeConnection(head.uri, isResumeURL: isResumeURL)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            })
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: true,
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(boundHTTP.value, promise: nil)
                }
            ))
        try pipeline.addHandler(http)
    }
}
