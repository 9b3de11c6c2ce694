public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The server behind `METRICS_LISTEN`: `/metrics`, `/healthz`, `/readyz` and whatever pages a program adds, over HTTP/1.1.
///
/// On a thread of its own: what it makes of an answer, and clients that are slow, hold up no event.
public final class HealthEndpoint: Sendable {
    /// Most connections at once: a scraper or two, a health check, and some people with browsers.
    static let maximumConnections = 64
    /// How old the metrics may be that a scrape gets.
    public static let metricsLifetime: Duration = .milliseconds(250)

    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let connections: ConnectionSet
    /// Removed at the end, if it is a Unix domain socket.
    private let address: ListenAddress

    /// The TCP port it listens on; nil for a Unix domain socket.
    public var port: Int? { listener.localAddress?.port }

    private init(
        group: MultiThreadedEventLoopGroup, listener: any Channel, connections: ConnectionSet, address: ListenAddress
    ) {
        self.group = group
        self.listener = listener
        self.connections = connections
        self.address = address
    }

    /// Listens. Warns once if machines other than this one can connect.
    /// - Throws: `unavailable` if the address is taken or not to be had.
    public static func start(
        on address: ListenAddress, provider: HealthProvider, logger: Logger
    ) async throws(ServiceFailure) -> HealthEndpoint {
        try await start(on: address, provider: provider, logger: logger, limits: .init())
    }

    static func start(
        on address: ListenAddress, provider: HealthProvider, logger: Logger, limits: RequestGuard.Limits
    ) async throws(ServiceFailure) -> HealthEndpoint {
        if case .unix(let path) = address { try SocketFile.makeWay(at: path) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connections = ConnectionSet(maximum: maximumConnections)
        let bootstrap = bootstrap(group, connections, provider, limits)
        let listener: any Channel
        do {
            listener =
                switch address {
                case .unix(let path): try await bootstrap.bind(unixDomainSocketPath: path).get()
                case .tcp(let host, let port): try await bootstrap.bind(host: host, port: port).get()
                }
        } catch {
            try? await group.shutdownGracefully()
            throw ServiceFailure(.unavailable, "METRICS_LISTEN: cannot listen on \(address): \(error)")
        }
        if !address.isLocal {
            logger.warning(
                "Metrics can be read from other machines: METRICS_LISTEN is not a loopback address",
                metadata: ["address": "\(address)"])
        }
        return HealthEndpoint(group: group, listener: listener, connections: connections, address: address)
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ connections: ConnectionSet, _ provider: HealthProvider,
        _ limits: RequestGuard.Limits
    ) -> ServerBootstrap {
        let metrics = Recent(for: metricsLifetime, provider.metrics)
        var provider = provider
        provider.metrics = { await metrics.value() }
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [provider] channel in
                connections.admit(channel)
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let guardian = RequestGuard(limits)
                    try pipeline.addHandler(guardian)
                    // Without NIO's help for pipelining, which nobody who scrapes or browses needs: see HealthHandler.
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(HealthHandler(provider: provider, guardian: guardian))
                }
            }
    }

    /// Open connections.
    var connectionCount: Int { connections.count }

    /// Stops listening and closes what is open.
    public func stop() async {
        try? await listener.close()
        connections.closeAll()
        if case .unix(let path) = address { SocketFile.remove(path) }
        try? await group.shutdownGracefully()
    }
}
