internal import ArgumentParser
internal import CMalloc
internal import Logging
internal import ServiceLifecycle
internal import Shared
internal import UnixSignals

/// The gateway: holds the sessions with Discord and serves the queue.
@main
struct GatewayProcess: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "olim-gateway",
        abstract: "Holds the bot's sessions with Discord and serves their events to workers.",
        version: Version.current)

    @OptionGroup var options: ServiceOptions

    func serve(_ settings: GatewaySettings, logger: Logger) async throws {
        // Large buffers, such as a segment that is rewritten, go back to the system at once; by itself malloc would learn to keep them.
        mallopt(M_MMAP_THRESHOLD, 1 << 20)
        let service = GatewayService(settings: settings, logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    // It also ends by itself: when Discord accepts neither token nor intents.
                    .init(
                        service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}
