internal import Logging
internal import ServiceLifecycle
internal import Shared
internal import Synchronization

/// Has the daily tasks done, together with the schedulers of all other workers, which share the runs through the database.
///
/// It takes its time: posts use at most a part of this worker's share of Discord's limit, so that what members wait for goes
/// before. (Answers to interactions do not count against that limit at all.)
final class Scheduler: Sendable {
    struct Settings: Sendable {
        /// How often it is looked for what is due.
        var interval: Duration = .seconds(5)
        /// How long a run is this worker's without being renewed.
        var lease: Duration = .seconds(60)
        /// Runs under way at once.
        var concurrency = 16
        /// Of the requests that this worker may send.
        var share = 0.9
        /// Guilds planned in one transaction.
        var planned = 200
    }

    private let services: Services
    private let tasks: [any DailyTask]
    private let settings: Settings
    private let now: @Sendable () -> Int64
    private let pace: Mutex<Pace>

    init(
        _ services: Services, tasks: [any DailyTask] = DailyTasks.all, settings: Settings = Settings(),
        now: @escaping @Sendable () -> Int64 = { ProcessClock.wallMicroseconds }
    ) {
        self.services = services
        self.tasks = tasks
        self.settings = settings
        self.now = now
        pace = Mutex(Pace(perSecond: RequestShare.globalRequestsPerSecond * settings.share))
    }

    /// The gateway told how many workers there are.
    func updateShare(shards: Int, of shardCount: Int, workers: Int) {
        let share = RequestShare(shards: shards, of: shardCount, workers: workers)
        pace.withLock { $0.perSecond = RequestShare.globalRequestsPerSecond * share.fraction * settings.share }
    }

    /// Runs until it is cancelled, or the process is asked to end; what is under way then is finished.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            while !isEnding {
                let wait = await round(&running, &group)
                if running > 0, !wait {
                    await group.next()
                    running -= 1
                } else {
                    await pause()
                }
            }
        }
    }

    /// Returns when the next post may go.
    private func turn() async { try? await Task.sleep(until: pace.withLock { $0.next(.now) }) }

    private var isEnding: Bool { Task.isCancelled || Task.isShuttingDownGracefully }

    private func pause() async {
        // Workers that started together need not ask together.
        let wait = settings.interval * Double.random(in: 0.8...1.2)
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: wait) }
    }

    /// Plans, claims and begins.
    /// - Returns: whether nothing more is due now.
    private func round(_ running: inout Int, _ group: inout TaskGroup<Void>) async -> Bool {
        do {
            let names = tasks.map(\.name)
            while try await services.store.planDue(tasks: names, before: now(), limit: settings.planned)
                == settings.planned, !isEnding
            {}
            let free = settings.concurrency - running
            guard free > 0 else { return false }
            let runs = try await services.store.claimRuns(of: names, limit: free, lease: settings.lease)
            for run in runs {
                guard let task = tasks.first(where: { $0.name == run.key.task }) else { continue }
                let execution = RunExecution(
                    run: run, task: task, lease: settings.lease, services: services, now: now,
                    turn: { [self] in await turn() })
                group.addTask { await execution.execute() }
                running += 1
            }
            return runs.count < free
        } catch {
            // The next time is soon enough; a database that is down is told of elsewhere.
            services.logger.debug("Daily runs were not claimed", metadata: ["reason": "\(error)"])
            return true
        }
    }
}

/// Spreads beginnings over time.
struct Pace: Sendable {
    var perSecond: Double
    private var last: ContinuousClock.Instant?

    init(perSecond: Double) { self.perSecond = perSecond }

    /// When the next one may begin, if it is asked for now.
    mutating func next(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let gap = Duration.seconds(1 / max(0.01, perSecond))
        let at = last.map { max(now, $0 + gap) } ?? now
        last = at
        return at
    }
}
