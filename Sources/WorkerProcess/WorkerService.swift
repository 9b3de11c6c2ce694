internal import Logging
internal import ServiceLifecycle
internal import Shared

/// A worker's parts, and the order in which they begin and end.
///
/// The database comes first, then the queue, so that no event comes that could not be handled. At the end the queue goes first,
/// with everything it held finished; only then REST and the database.
struct WorkerService: Service {
    let settings: WorkerSettings
    let logger: Logger

    /// Runs until it is shut down, an operator wants this worker gone, or Discord does not accept the token.
    func run() async throws {
        let health = WorkerHealth()
        let api = try discord()
        let endpoint: HealthEndpoint?
        do {
            endpoint = try await serve(health)
        } catch {
            await api.shutdown()
            throw error
        }
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await run(api, health))
        } catch {
            outcome = .failure(error)
        }
        await endpoint?.stop()
        await api.shutdown()
        try outcome.get()
    }

    private func run(_ api: DiscordRESTClient, _ health: WorkerHealth) async throws {
        guard let store = try await OpenedStore.open(settings, logger: logger) else { return }
        do {
            try await serve(api, store, health)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func discord() throws(ServiceFailure) -> DiscordRESTClient {
        do throws(RESTSetupError) {
            return try DiscordRESTClient(DiscordRESTClient.Options(settings.common), logger: logger)
        } catch {
            throw ServiceFailure(.configuration, "\(error)")
        }
    }

    private func serve(_ api: DiscordRESTClient, _ store: any Store, _ health: WorkerHealth) async throws {
        let commands = CommandList.standard
        let services = Services(
            api: api, store: store, commands: commands,
            configurations: ConfigurationCache(standardPrefix: settings.commandPrefix),
            permissions: PermissionCache(), gateway: GatewayLink(),
            registrar: CommandRegistrar(commands.declarations, api: api, store: store, logger: logger),
            counters: WorkerCounters(), logger: logger)
        let scheduler = Scheduler(services)
        let client = QueueClient(
            QueueClient.Options(settings, commands), planner: EventHandlers.standard(services), store: store,
            counters: services.counters, hooks: hooks(services, api, scheduler), logger: logger)
        services.gateway.attach(client)
        defer { services.gateway.attach(nil) }
        health.began(.init(client: client, services: services, rest: api))
        try await serve(client, services, scheduler)
    }

    /// The queue and the registration of commands, until the queue's client ends or either fails.
    private func serve(_ client: QueueClient, _ services: Services, _ scheduler: Scheduler) async throws {
        let (registrar, store) = (services.registrar, services.store)
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await client.run()
                    return true
                }
                group.addTask {
                    do throws(ServiceFailure) {
                        try await registrar.run()
                    } catch {
                        // The client ends with it: cancelling alone does not end a connection.
                        await client.fail(error)
                    }
                    return false
                }
                group.addTask {
                    await Self.feedWatchdog(client)
                    return false
                }
                group.addTask {
                    await Housekeeping(store: store, logger: logger).run()
                    return false
                }
                group.addTask {
                    await scheduler.run()
                    return false
                }
                group.addTask {
                    await store.watchSettings { services.configurations.heard($0) }
                    return false
                }
                defer { group.cancelAll() }
                while let isEnd = try await group.next(), !isEnd {}
            }
        } onGracefulShutdown: {
            ServiceManager.notify(.stopping)
            Task { await client.drain(reason: "asked to end") }
        }
    }

    /// Tells systemd, where it wants to know, that the queue's event loop still turns.
    private static func feedWatchdog(_ client: QueueClient) async {
        guard let timeout = ServiceManager.watchdogTimeout else { return }
        while !Task.isCancelled {
            _ = await client.heldCount
            ServiceManager.notify(.watchdog)
            try? await Task.sleep(for: timeout / 2)
        }
    }

    private func hooks(
        _ services: Services, _ api: DiscordRESTClient, _ scheduler: Scheduler
    ) -> QueueClient.Hooks {
        var hooks = QueueClient.Hooks()
        hooks.welcomed = { welcome in
            ServiceManager.notify(.ready, .status("connected to the gateway, \(welcome.workers) workers"))
            ProgramMemory.giveBackStart()
            if let application = welcome.applicationID { services.registrar.found(application: application) }
        }
        hooks.shareChanged = { shards, count, workers in
            api.updateShare(shards: shards, of: count, workers: workers)
            scheduler.updateShare(shards: shards, of: count, workers: workers)
        }
        hooks.report = { await WorkerReport(services: services, rest: api.counters).json() }
        return hooks
    }

    /// Listens for `/metrics`, `/healthz` and `/readyz`, if asked to.
    private func serve(_ health: WorkerHealth) async throws(ServiceFailure) -> HealthEndpoint? {
        guard let address = settings.metricsListen else { return nil }
        return try await HealthEndpoint.start(on: address, provider: health.provider, logger: logger)
    }
}

extension QueueClient.Options {
    init(_ settings: WorkerSettings, _ commands: CommandList) {
        self.init(
            socket: settings.queueSocket, name: settings.name, capacity: settings.capacity,
            drainTimeout: settings.drainTimeout, ephemeralCommands: commands.ephemeralPaths,
            immediateCommands: commands.immediatePaths)
    }
}
