internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared

/// How the shards' life ended.
enum ShardsEnding: Error, Equatable, Sendable {
    case shutdown
    case fatal(ProcessExit, String)
}

/// What the shards are run with.
struct ShardConfiguration: Sendable {
    var credentials: Credentials
    var selection: ShardSelection
    var presence: String?
    var stateDirectory: String
    var limits = SessionStateMachine.Limits()
    var identifyLimits = IdentifyLimiter.Limits()
    /// First wait after `GET /gateway/bot` failed; doubles up to `ShardSupervisor.longestRetry`.
    var firstRetry: TimeAmount = .seconds(1)
}

/// Runs the shards of this process: which there are, who may identify when, what of them survives a restart.
actor ShardSupervisor {
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// `GET /gateway/bot` is asked again before identifying if its answer is older than this; it changes per call.
    static let freshness: TimeAmount = .seconds(60)
    /// How often the durable sequences are written down if they advanced.
    static let saveInterval: TimeAmount = .milliseconds(100)
    static let silenceInterval: TimeAmount = .minutes(1)
    static let longestRetry: TimeAmount = .minutes(1)

    let configuration: ShardConfiguration
    let connector: DiscordConnector
    let client: GatewayBotClient
    let logger: Logger
    var receiver: (any DispatchReceiver)?
    var file: SessionFile
    var shardCountInUse = 0
    /// Discord refused the count that `auto` took: it must not be written down for the next start.
    var isCountRefused = false
    var sessions: [Int: GatewaySession] = [:]
    var limiter = IdentifyLimiter(history: [], now: .now(), wall: 0)
    var answer: (bot: GatewayBot, at: NIODeadline)?
    var asking: Task<Void, Never>?
    var limiterTimer: Scheduled<Void>?
    var identifyNote: String?
    var intake = Intake.everything
    var monitor = LoopMonitor(now: .now())
    var repeating: [RepeatedTask] = []
    var onLive: (@Sendable () -> Void)?

    private var lastWritten: SessionFile?
    private var isWriting = false
    private let writer = NIOThreadPool(numberOfThreads: 1)
    private(set) var ending: ShardsEnding?
    private var isAskedToEnd = false
    private var waiters: [CheckedContinuation<ShardsEnding, Never>] = []

    init(
        configuration: ShardConfiguration, connector: DiscordConnector, client: GatewayBotClient, logger: Logger
    ) {
        self.configuration = configuration
        self.connector = connector
        self.client = client
        self.eventLoop = connector.eventLoop
        self.logger = logger
        file = SessionFile(bot: configuration.credentials.bot, identity: configuration.credentials.identity)
    }

    // MARK: Life

    /// Reads what an earlier process left. Throws if Discord is not to be tried.
    func prepare() throws(ShardsEnding) {
        try refuseIfRejected()
        readFile()
    }

    /// Begins. `onLive` runs on the event loop when the first session is live.
    func start(receiver: any DispatchReceiver, onLive: @escaping @Sendable () -> Void) {
        self.receiver = receiver
        self.onLive = onLive
        file.sessions.removeAll { session in
            // With a journal no number is in this file.
            let isKnownHere = !receiver.keepsSequences && (session.sequence > 0 || session.ready != nil)
            return !isKnownHere && receiver.durableSequence(shard: session.shard, session: session.id) == nil
        }
        writer.start()
        monitor = LoopMonitor(now: .now())
        limiter = IdentifyLimiter(
            history: file.identifies, now: .now(), wall: WallClock.now(), limits: configuration.identifyLimits)
        repeatTasks()
        if let count = countWithoutAsking() { startSessions(count: count) }
        ask()
    }

    /// Returns once somebody wants the shards to end, or Discord will not have them.
    func ended() async -> ShardsEnding {
        if let ending { return ending }
        if isAskedToEnd { return .shutdown }
        return await withCheckedContinuation { waiters.append($0) }
    }

    /// The process is to end. The sessions go on until `shutdown`.
    func askToEnd() {
        isAskedToEnd = true
        for waiter in waiters { waiter.resume(returning: .shutdown) }
        waiters = []
    }

    /// Closes all sessions so that they stay resumable, and writes down what is needed for that.
    func shutdown() async {
        let asking = asking
        if ending == nil { finish(.shutdown) }
        // Nothing may come back to the event loop after its end.
        asking?.cancel()
        await asking?.value
        let closings = sessions.values.map { $0.assumeIsolated { $0.shutdown() } }
        for closing in closings { try? await closing.get() }
        writeNow()
        try? await writer.shutdownGracefully()
    }

    func finish(_ ending: ShardsEnding) {
        guard self.ending == nil else { return }
        self.ending = ending
        asking?.cancel()
        limiterTimer?.cancel()
        for task in repeating { task.cancel() }
        repeating = []
        for waiter in waiters { waiter.resume(returning: ending) }
        waiters = []
    }

    private func repeatTasks() {
        func every(_ interval: TimeAmount, _ work: @escaping @Sendable (isolated ShardSupervisor) -> Void) {
            let task = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
                self?.assumeIsolated { work($0) }
            }
            repeating.append(task)
        }
        every(LoopMonitor.interval) { $0.tick() }
        every(Self.saveInterval) { $0.save() }
        every(Self.silenceInterval) { supervisor in
            for session in supervisor.sessions.values { session.assumeIsolated { $0.checkSilence(now: .now()) } }
        }
    }

    private func tick() {
        guard monitor.tick(now: .now()) else { return }
        eventLoop.scheduleTask(in: LoopMonitor.settling) { self.assumeIsolated { $0.settle() } }
    }

    private func settle() {
        guard let gap = monitor.settled() else { return }
        // The queue, on the same loop, warns of it.
        logger.debug(
            "the sessions' deadlines are put off by as long as the process stood still",
            metadata: ["milliseconds": "\(gap.nanoseconds / 1_000_000)"])
        for session in sessions.values { session.assumeIsolated { $0.extendDeadlines(by: gap) } }
    }

    // MARK: Shards

    /// How many shards the bot has, as far as that is known without Discord: `auto` keeps the stored count while a
    /// stored session can be resumed.
    private func countWithoutAsking() -> Int? {
        switch configuration.selection {
        case .all(let count), .range(_, let count): count
        case .automatic: file.sessions.isEmpty ? nil : file.shardCount
        }
    }

    func startSessions(count: Int) {
        guard sessions.isEmpty, ending == nil, let receiver else { return }
        shardCountInUse = count
        let ids: ClosedRange<Int> =
            switch configuration.selection {
            case .automatic, .all: 0...(count - 1)
            case .range(let range, _): range
            }
        let stored = file.shardCount == count ? file.sessions : []
        let identity = Identity(
            token: configuration.credentials.token, intents: configuration.credentials.intents,
            presence: configuration.presence, shardCount: count)
        for id in ids {
            sessions[id] = GatewaySession(
                shard: id, identity: identity, stored: stored.first { $0.shard == id }, connector: connector,
                receiver: receiver, host: self, logger: logger, limits: configuration.limits)
        }
        logger.info(
            "starting shards", metadata: ["first": "\(ids.lowerBound)", "last": "\(ids.upperBound)", "of": "\(count)"])
        let intake = intake
        for id in ids {
            sessions[id]?.assumeIsolated { session in
                session.setIntake(intake)
                session.start()
            }
        }
    }

    // MARK: State directory

    private var sessionPath: String { "\(configuration.stateDirectory)/\(SessionFile.name)" }
    private var rejectionPath: String { "\(configuration.stateDirectory)/\(Rejection.name)" }

    private func refuseIfRejected() throws(ShardsEnding) {
        guard let text = try? StateFile.read(rejectionPath), var rejection = Rejection(parsing: text) else { return }
        let now = WallClock.now()
        if rejection.at > now {
            // The clock was set back. Written down, or it would count as now at each start and hold for ever.
            rejection.at = now
            try? StateFile.replace(rejectionPath, with: rejection.text)
        }
        guard let until = rejection.holds(for: configuration.credentials.rejectable, now: now) else { return }
        throw .fatal(
            .rejected,
            "\(rejection.message) (this was Discord's answer at \(WallClock.text(rejection.at)); the same token and "
                + "intents are not tried again until \(WallClock.text(until)), unless \(rejectionPath) is removed)")
    }

    /// Remembers what Discord rejected, so that a restart does not try it again at once.
    func reject(_ message: String) {
        let rejection = Rejection(
            credentials: configuration.credentials.rejectable, at: WallClock.now(), message: message)
        do throws(FileFailure) {
            try StateFile.replace(rejectionPath, with: rejection.text)
        } catch {
            logger.error("the rejection cannot be remembered", metadata: ["reason": "\(error)"])
        }
        finish(.fatal(.rejected, message))
    }

    private func readFile() {
        do throws(FileFailure) {
            guard let text = try StateFile.read(sessionPath) else { return }
            do throws(SessionFile.Unreadable) {
                file = try SessionFile(parsing: text)
            } catch {
                let aside = try StateFile.setAside(sessionPath)
                logger.error(
                    "the session file cannot be understood and is set aside; new sessions will be begun",
                    metadata: ["reason": "\(error)", "moved_to": "\(aside)"])
            }
        } catch {
            logger.error(
                "the session file cannot be read; new sessions will be begun", metadata: ["reason": "\(error)"])
        }
        file.keepOnly(bot: configuration.credentials.bot, identity: configuration.credentials.identity)
    }

    private func snapshot() -> SessionFile {
        var snapshot = file
        snapshot.identifies = limiter.remembered
        guard !isCountRefused else {
            // Sessions of that count go with it.
            snapshot.shardCount = nil
            snapshot.sessions = []
            return snapshot
        }
        guard !sessions.isEmpty else { return snapshot }
        snapshot.shardCount = shardCountInUse
        snapshot.sessions = sessions.sorted { $0.key < $1.key }
            .compactMap { $0.value.assumeIsolated { $0.stored() } }
        return snapshot
    }

    /// Writes what changed, on a thread of its own.
    private func save() {
        let snapshot = snapshot()
        guard !isWriting, snapshot != lastWritten else { return }
        isWriting = true
        let path = sessionPath
        let writing = writer.runIfActive(eventLoop: eventLoop) { try StateFile.replace(path, with: snapshot.text) }
        writing.whenComplete { result in
            self.assumeIsolated { supervisor in
                supervisor.isWriting = false
                supervisor.wrote(snapshot, failure: result.failure)
            }
        }
    }

    /// Writes before it returns: for the moments in which a crash must not find the file old.
    func writeNow() {
        let snapshot = snapshot()
        guard snapshot != lastWritten else { return }
        do throws(FileFailure) {
            // Another one may be under way on the writer's thread.
            try StateFile.replace(sessionPath, with: snapshot.text, suffix: ".now")
            wrote(snapshot, failure: nil)
        } catch {
            wrote(snapshot, failure: error)
        }
    }

    private func wrote(_ snapshot: SessionFile, failure: (any Error)?) {
        guard let failure else { return lastWritten = snapshot }
        logger.error("the session file cannot be written", metadata: ["reason": "\(failure)"])
    }
}

extension Result {
    fileprivate var failure: (any Error)? {
        if case .failure(let error) = self { error } else { nil }
    }
}
