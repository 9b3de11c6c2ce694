internal import Logging
internal import Shared

/// Registers the slash commands with Discord when their definition has changed, and only then.
///
/// The hash of what was registered last is in the database. If it differs, one worker at a time compares with what Discord has
/// and overwrites that only if it is something else: each overwrite costs, and deletes settings of commands that are missing.
final class CommandRegistrar: Sendable {
    private let commands: [CommandDeclaration]
    private let api: any DiscordAPI
    private let store: any Store
    private let logger: Logger
    private let applications: AsyncStream<Snowflake>
    private let found: AsyncStream<Snowflake>.Continuation
    private let firstBackoff: Backoff

    init(
        _ commands: [CommandDeclaration], api: any DiscordAPI, store: any Store, logger: Logger,
        backoff: Backoff = Backoff(first: .seconds(1), maximum: .seconds(300))
    ) {
        self.commands = commands
        self.api = api
        self.store = store
        self.logger = logger
        firstBackoff = backoff
        (applications, found) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The gateway or READY has told which application this is.
    func found(application: Snowflake) {
        found.yield(application)
    }

    /// Registers for each application found, once, until cancelled.
    /// - Throws: `ServiceFailure` if Discord does not accept the token.
    func run() async throws(ServiceFailure) {
        var registered: Snowflake?
        for await application in applications where application != registered {
            try await registerUntilDone(application)
            registered = application
        }
    }

    private func registerUntilDone(_ application: Snowflake) async throws(ServiceFailure) {
        var backoff = firstBackoff
        while !Task.isCancelled {
            do {
                return try await register(application)
            } catch {
                guard !Task.isCancelled else { return }
                switch HandlerFailure(error) {
                case .unauthorized(let reason):
                    throw ServiceFailure(.rejected, "Discord does not accept DISCORD_TOKEN: \(reason)")
                case .pointless(let reason):
                    // Repeating changes nothing; the next release may.
                    return logger.error("Discord refuses the commands", metadata: ["reason": "\(reason)"])
                case let failure:
                    logger.warning("The commands are not registered yet", metadata: ["reason": "\(failure)"])
                }
            }
            try? await Task.sleep(for: backoff.nextWait())
        }
    }

    /// Registers if that is needed.
    func register(_ application: Snowflake) async throws {
        let hash = CommandRegistration.hash(commands)
        guard try await store.registeredCommandsHash(of: application) != hash else { return }
        let (api, commands, logger) = (api, commands, logger)
        try await store.registeringCommands(of: application) { registered in
            // Another worker may have been first.
            guard registered != hash else { return hash }
            let ours = CommandRegistration.json(commands)
            let theirs = try await api.globalCommands(of: application)
            if CommandRegistration.normalForm(theirs) != CommandRegistration.normalForm(ours) {
                try await api.overwriteGlobalCommands(of: application, with: ours)
                logger.notice("Commands registered with Discord", metadata: ["commands": "\(commands.count)"])
            }
            return hash
        }
    }
}
