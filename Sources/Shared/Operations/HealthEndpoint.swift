public import Logging
public import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// What a health check found.
public struct HealthReport: Sendable, Equatable {
    /// Whether all is well: 200 or 503.
    public var isGood: Bool
    /// One line each: what is wrong, or how things are.
    public var lines: [String]

    /// Makes a report.
    public init(isGood: Bool, lines: [String]) {
        self.isGood = isGood
        self.lines = lines
    }
}

/// What the endpoint asks at each request; nothing is latched.
public struct HealthProvider: Sendable {
    /// Prometheus text (version 0.0.4).
    public var metrics: @Sendable () async -> String
    /// Whether the process works: what a restart could mend.
    public var health: @Sendable () async -> HealthReport
    /// Whether it does its job now: connected and serving.
    public var readiness: @Sendable () async -> HealthReport

    /// Makes a provider.
    public init(
        metrics: @escaping @Sendable () async -> String, health: @escaping @Sendable () async -> HealthReport,
        readiness: @escaping @Sendable () async -> HealthReport
    ) {
        self.metrics = metrics
        self.health = health
        self.readiness = readiness
    }
}

/// The server behind `METRICS_LISTEN`: `/metrics`, `/healthz` and `/readyz` over HTTP/1.1.
public final class HealthEndpoint: Sendable {
    /// A connection without a request for this long is closed; Prometheus asks every 15 s to 60 s.
    static let idleTimeout: TimeAmount = .seconds(90)
    /// Most connections at once: a scraper or two, a health check, and a person with curl.
    static let maximumConnections = 64

    private let listener: any Channel
    private let connections: ConnectionSet
    /// Removed at the end, if it is a Unix domain socket.
    private let address: ListenAddress

    /// The TCP port it listens on; nil for a Unix domain socket.
    public var port: Int? { listener.localAddress?.port }

    private init(listener: any Channel, connections: ConnectionSet, address: ListenAddress) {
        self.listener = listener
        self.connections = connections
        self.address = address
    }

    /// Listens. Warns once if machines other than this one can connect.
    /// - Throws: `unavailable` if the address is taken or not to be had.
    public static func start(
        on address: ListenAddress, group: any EventLoopGroup, provider: HealthProvider, logger: Logger
    ) async throws(ServiceFailure) -> HealthEndpoint {
        let connections = ConnectionSet(maximum: maximumConnections)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                connections.admit(channel)
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(readTimeout: idleTimeout))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(HealthHandler(provider: provider))
                }
            }
        if case .unix(let path) = address { try SocketFile.makeWay(at: path) }
        let listener: any Channel
        do {
            listener =
                switch address {
                case .unix(let path): try await bootstrap.bind(unixDomainSocketPath: path).get()
                case .tcp(let host, let port): try await bootstrap.bind(host: host, port: port).get()
                }
        } catch {
            throw ServiceFailure(.unavailable, "METRICS_LISTEN: cannot listen on \(address): \(error)")
        }
        if !address.isLocal {
            logger.warning(
                "Metrics can be read from other machines: METRICS_LISTEN is not a loopback address",
                metadata: ["address": "\(address)"])
        }
        return HealthEndpoint(listener: listener, connections: connections, address: address)
    }

    /// Stops listening and closes what is open.
    public func stop() async {
        try? await listener.close()
        connections.closeAll()
        if case .unix(let path) = address { SocketFile.remove(path) }
    }
}
