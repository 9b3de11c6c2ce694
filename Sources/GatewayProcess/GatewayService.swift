internal import AsyncHTTPClient
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import ServiceLifecycle
internal import Shared

/// Puts sessions and queue together on one event loop, and takes them down in the order in which nothing is lost.
struct GatewayService: Service, CustomStringConvertible {
    let settings: GatewaySettings
    let logger: Logger

    var description: String { "gateway" }

    func run() async throws {
        // Held until the process ends: whoever comes next finds everything written.
        let lock = try lockStateDirectory()
        defer { withExtendedLifetime(lock) {} }
        let tls = try tlsConfiguration()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(10)
        // Whoever asks tries again itself, and the operator learns at once that a certificate is not trusted.
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await serve(on: group, http: http, tls: tls))
        } catch {
            outcome = .failure(error)
        }
        try? await http.shutdown()
        try? await group.shutdownGracefully()
        try outcome.get()
    }

    private func serve(on group: MultiThreadedEventLoopGroup, http: HTTPClient, tls: TLSConfiguration) async throws {
        let eventLoop = group.next()
        let supervisor = try makeSupervisor(eventLoop: eventLoop, http: http, tls: tls)
        try await failing { () throws(ShardsEnding) in try await supervisor.prepare() }
        let hub = QueueHub(
            settings: QueueSettings(settings), eventLoop: eventLoop, directory: supervisor,
            callback: InteractionCallback(client: http, apiURL: "\(settings.apiURL)"), logger: logger)
        do {
            try await hub.start()
        } catch let failure as QueueFailure {
            throw ServiceFailure(failure.exit, failure.description)
        }
        let watch = GatewayWatch(eventLoop: eventLoop, supervisor: supervisor, hub: hub)
        let endpoint = try await watch.serveHealth(settings.metricsListen, logger: logger)
        await supervisor.start(receiver: hub) { watch.sessionIsLive() }
        watch.start()

        let ending = await withGracefulShutdownHandler {
            await supervisor.ended()
        } onGracefulShutdown: {
            eventLoop.execute { supervisor.assumeIsolated { $0.askToEnd() } }
        }

        watch.stopping()
        logger.info("Ending: workers are told first, the sessions close last")
        await hub.goodbye(reason: "the gateway is going", timeout: settings.drainTimeout)
        await supervisor.shutdown()
        await hub.stop()
        await endpoint?.stop()
        watch.stop()
        if case .fatal(let exit, let message) = ending { throw ServiceFailure(exit, message) }
    }

    private func lockStateDirectory() throws(ServiceFailure) -> StateLock {
        do throws(StateLockFailure) {
            return try StateLock(directory: settings.stateDirectory)
        } catch {
            throw ServiceFailure(.unavailable, "\(error)")
        }
    }

    /// System roots, and `DISCORD_CA_FILE` besides.
    private func tlsConfiguration() throws(ServiceFailure) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        guard let path = settings.certificateAuthorityFile else { return configuration }
        do {
            configuration.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(path))]
        } catch {
            throw ServiceFailure(
                .configuration, "DISCORD_CA_FILE: \(path) cannot be read as PEM certificates: \(error)")
        }
        return configuration
    }

    private func makeSupervisor(
        eventLoop: any EventLoop, http: HTTPClient, tls: TLSConfiguration
    ) throws -> ShardSupervisor {
        let credentials = Credentials(token: settings.token, intents: settings.intents, apiURL: settings.apiURL)
        return ShardSupervisor(
            configuration: ShardConfiguration(
                credentials: credentials, selection: settings.shards, presence: settings.presence,
                stateDirectory: settings.stateDirectory),
            connector: DiscordConnector(
                eventLoop: eventLoop, tls: try NIOSSLContext(configuration: tls), compression: settings.compression,
                userAgent: Version.userAgent),
            client: GatewayBotClient(
                http: http, apiURL: settings.apiURL, token: settings.token, userAgent: Version.userAgent),
            logger: logger)
    }

    private func failing(_ body: () async throws(ShardsEnding) -> Void) async throws(ServiceFailure) {
        do throws(ShardsEnding) {
            try await body()
        } catch {
            guard case .fatal(let exit, let message) = error else { return }
            throw ServiceFailure(exit, message)
        }
    }
}
