internal import Logging
internal import NIOCore
internal import Shared
internal import Synchronization

/// What others see of the gateway: systemd's status and watchdog, health and readiness. All derived anew each time.
final class GatewayWatch: Sendable {
    /// How often systemd's status line is brought up to date.
    static let statusInterval: TimeAmount = .seconds(5)
    /// A shard that calls itself ready but has received nothing for so long, not even an acknowledgement of a beat, is not.
    static let longestSilenceMilliseconds = 150_000
    /// Asked of systemd again and again until the first session is live: an outage of Discord is no failed start.
    static let startExtension: Duration = .seconds(30)

    private struct State {
        var isLive = false
        var isStopping = false
        var tasks: [RepeatedTask] = []
    }

    private let eventLoop: any EventLoop
    private let supervisor: ShardSupervisor
    private let hub: QueueHub
    private let state = Mutex(State())

    init(eventLoop: any EventLoop, supervisor: ShardSupervisor, hub: QueueHub) {
        self.eventLoop = eventLoop
        self.supervisor = supervisor
        self.hub = hub
    }

    func start() {
        var tasks = [
            eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.statusInterval) { _ in self.tellStatus() }
        ]
        if let timeout = ServiceManager.watchdogTimeout {
            // From the event loop: a watchdog that another thread feeds would say nothing about it.
            let half = TimeAmount(timeout / 2)
            tasks.append(
                eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: half) { _ in
                    ServiceManager.notify(.watchdog)
                })
        }
        state.withLock { $0.tasks = tasks }
    }

    /// The first session has begun or was resumed.
    func sessionIsLive() {
        state.withLock { $0.isLive = true }
        ServiceManager.notify(.ready, .status(statusLine()))
        ProgramMemory.giveBackStart()
    }

    func stopping() {
        state.withLock { $0.isStopping = true }
        ServiceManager.notify(.stopping, .status("ending"))
    }

    func stop() {
        let tasks = state.withLock { state in
            defer { state.tasks = [] }
            return state.tasks
        }
        for task in tasks { task.cancel() }
    }

    /// Listens for `/metrics`, `/healthz`, `/readyz` and the status page, if asked to.
    func serveHealth(
        _ address: ListenAddress?, logger: Logger
    ) async throws(ServiceFailure) -> HealthEndpoint? {
        guard let address else { return nil }
        // The loop only says how things are; what is made of that is made elsewhere.
        let status = Recent(for: HealthEndpoint.metricsLifetime) {
            await self.onLoop(JSON.object([])) { $0.hub.currentStatus() }
        }
        let provider = HealthProvider(
            metrics: { GatewayMetrics.text(of: await status.value()) },
            health: { await self.onLoop(.stopped) { $0.health() } },
            readiness: { await self.onLoop(.stopped) { $0.readiness() } },
            pages: [
                "/": { StatusPage.page },
                "/status.json": {
                    HealthPage(type: "application/json", text: PublicStatus.of(await status.value()).text + "\n")
                },
            ])
        return try await HealthEndpoint.start(on: address, provider: provider, logger: logger)
    }

    private func onLoop<Value: Sendable>(
        _ fallback: Value, _ body: @escaping @Sendable (GatewayWatch) -> Value
    ) async -> Value {
        (try? await eventLoop.submit { body(self) }.get()) ?? fallback
    }

    private func tellStatus() {
        let (isLive, isStopping) = state.withLock { ($0.isLive, $0.isStopping) }
        guard !isStopping else { return }
        if isLive {
            ServiceManager.notify(.status(statusLine()))
        } else {
            ServiceManager.notify(.extendTimeout(Self.startExtension), .status(statusLine()))
        }
    }

    private func statusLine() -> String {
        let shards = supervisor.shardStatuses()
        guard !shards.isEmpty else { return "asking Discord for its gateway" }
        let ready = shards.count { $0.state == "ready" }
        let note = shards.first { $0.note != nil }.flatMap { shard in shard.note.map { "; shard \(shard.id) \($0)" } }
        return "\(ready) of \(shards.count) shards ready\(note ?? "")"
    }

    private func health() -> HealthReport {
        let deaf = supervisor.shardStatuses().filter {
            $0.state == "ready" && ($0.idleMilliseconds ?? 0) > Self.longestSilenceMilliseconds
        }
        return HealthReport(
            isGood: deaf.isEmpty,
            lines: deaf.isEmpty
                ? [statusLine()] : deaf.map { "shard \($0.id) has received nothing for \($0.idleMilliseconds ?? 0) ms" }
        )
    }

    private func readiness() -> HealthReport {
        let shards = supervisor.shardStatuses()
        let waiting = shards.filter { $0.state != "ready" }
        guard !shards.isEmpty, waiting.isEmpty else {
            let lines = waiting.map { "shard \($0.id) is \($0.state)\($0.note.map { ": \($0)" } ?? "")" }
            return HealthReport(isGood: false, lines: lines.isEmpty ? [statusLine()] : lines)
        }
        return HealthReport(isGood: true, lines: [statusLine()])
    }
}

extension HealthReport {
    fileprivate static let stopped = HealthReport(isGood: false, lines: ["the gateway has ended"])
}
