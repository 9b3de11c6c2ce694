internal import ArgumentParser
internal import Logging
internal import ServiceLifecycle
internal import Shared
internal import UnixSignals

/// The worker: takes events off the queue and does what they ask for.
@main
struct WorkerProcess: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "olim-worker",
        abstract: "Takes Discord's events off the gateway's queue: commands, event handlers, database.",
        version: Version.current)

    @OptionGroup var options: ServiceOptions

    /// What Discord would refuse of the commands.
    static var problems: [String] { CommandRules.problems(with: CommandList.standard.declarations) }

    static var logMetadata: Logger.MetadataProvider? { EventContext.metadata }

    func serve(_ settings: WorkerSettings, logger: Logger) async throws {
        let service = WorkerService(settings: settings, logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    // It also ends by itself: when an operator asks for it, or Discord does not accept the token.
                    .init(
                        service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}
