internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared

/// The worker's end of the queue: takes events, has them handled, and says what became of them.
///
/// How the parts of this folder fit together:
///
/// - `QueueConnection` is the channel handler; `LineSplitter` and `GatewayFrameDecoder` make frames of its chunks.
/// - An `EventPlanner` says what is to be done about an event; `KeyedDispatcher` decides what may begin now, and what the
///   gateway is told in the end.
/// - `WriteBehind` collects counted messages and decides when they are written; `ActivityCommit` commits them.
/// - `HandlerFailure` says what a handler's error means. `Outbox` puts many acknowledgements into one frame.
///
/// One event loop, whose executor is this actor's: what the channel reads is decided upon without a hop. Handlers run in
/// tasks elsewhere. When a connection is lost, it is made again, for ever; events in hand may then be finished, and the
/// gateway delivers them again, to this worker or another, unless it learns of that in time.
actor QueueClient {
    /// What the client needs to know, and its limits.
    struct Options: Sendable {
        /// `QUEUE_SOCKET`.
        var socket: String
        /// `WORKER_NAME`.
        var name: String
        /// `WORKER_CAPACITY`.
        var capacity: Int
        /// Most bytes of events held at once. What is kept of an event is smaller, but a burst of GUILD_CREATE is not small.
        var capacityBytes = 32 << 20
        /// `DRAIN_TIMEOUT`.
        var drainTimeout: Duration
        /// Commands whose deferred answer only the caller may see.
        var ephemeralCommands: Set<String> = []
        /// Commands that must not be deferred.
        var immediateCommands: Set<String> = []
        /// How long an acknowledgement waits for others.
        var acknowledgeDelay: TimeAmount = .milliseconds(2)
        var reportInterval = QueueProtocol.reportInterval
        /// Reconnecting: quickly at first, since the gateway comes back within a second of a restart.
        var backoff = Backoff(first: .milliseconds(100), maximum: .seconds(5))
        /// Waits while the database is down.
        var outageBackoff = Backoff(first: .seconds(1), maximum: .seconds(30))
        /// How long `gatewayStatus` waits for the answer.
        var statusTimeout: TimeAmount = .milliseconds(500)
    }

    /// What others want to know of the queue.
    struct Hooks: Sendable {
        var welcomed: @Sendable (Welcome) -> Void = { _ in }
        /// How this worker's share of the rate limits has changed: shards of this gateway, of all, workers.
        var shareChanged: @Sendable (_ shards: Int, _ count: Int, _ workers: Int) -> Void = { _, _, _ in }
        /// What goes into the report.
        var report: @Sendable () async -> JSON = { [:] }
    }

    enum Phase: Equatable {
        case disconnected
        /// Hello was sent.
        case greeting
        case connected
        /// The gateway is going: what is held is finished, then the connection closed and made again.
        case parting
        /// This worker is going: `drain` was sent; `isAnswered` once nothing more can come.
        case draining(isAnswered: Bool)
        case stopped
    }

    /// A connection that lasted so long was a good one: the next is tried at once.
    static let stableConnection: TimeAmount = .seconds(10)

    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let options: Options
    let planner: any EventPlanner
    let commit: ActivityCommit
    let counters: WorkerCounters
    let hooks: Hooks
    let logger: Logger

    var phase = Phase.disconnected
    var channel: (any Channel)?
    var splitter = LineSplitter()
    var decoder = GatewayFrameDecoder()
    var dispatcher: KeyedDispatcher<EventPlan>
    var outbox = Outbox()
    var writeBehind: WriteBehind<ActivityCommit.Entry>
    var tasks: [Int: Task<Void, Never>] = [:]
    var backoff: Backoff
    var outageBackoff: Backoff
    var welcome: Welcome?
    var isFlushScheduled = false
    var connectedAt = NIODeadline.now()
    /// Until when the database is left alone.
    var outageUntil = NIODeadline.distantPast
    var isWantedGone = false
    var isReporting = false
    /// Why the last connection could not be made or ended; logged once until it changes.
    var lastTrouble: String?
    var failure: ServiceFailure?
    var connectionEnd: CheckedContinuation<Void, Never>?
    var pauseEnd: CheckedContinuation<Void, Never>?
    var statusWaiters: [Int: CheckedContinuation<JSON?, Never>] = [:]
    var lastStatusWaiter = 0
    var drainTimer: Scheduled<Void>?
    /// When the drain is given up.
    var drainDeadline = NIODeadline.distantFuture
    var monitor = LoopMonitor(now: .now())
    var ticks: RepeatedTask?

    init(
        _ options: Options, planner: any EventPlanner, store: any Store, counters: WorkerCounters,
        hooks: Hooks = Hooks(), logger: Logger, eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) {
        self.options = options
        self.planner = planner
        self.counters = counters
        self.hooks = hooks
        self.logger = logger
        self.eventLoop = eventLoop
        commit = ActivityCommit(store: store)
        // A handler waits nearly all the time, and an event that waited for others' handlers could run into its ack timeout:
        // what the queue lends is the bound.
        dispatcher = KeyedDispatcher(maximumRunning: options.capacity, capacity: options.capacity)
        writeBehind = WriteBehind(capacity: options.capacity)
        backoff = options.backoff
        outageBackoff = options.outageBackoff
    }

    /// Whether events can come, for readiness.
    var isConnected: Bool { phase == .connected }

    /// Events the gateway counts on this worker for.
    var heldCount: Int { dispatcher.heldCount }

    // MARK: Life

    /// Takes events until `drain` is called, or an operator wants this worker gone, and all that was held is finished.
    /// - Throws: `ServiceFailure` if Discord does not accept the token.
    func run() async throws {
        let reports = eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(options.reportInterval), delay: TimeAmount(options.reportInterval)
        ) { [weak self] _ in self?.assumeIsolated { $0.report() } }
        watchTime()
        while !isWantedGone, failure == nil {
            await connect()
            guard !isWantedGone, failure == nil else { break }
            await pause(for: backoff.nextWait())
        }
        reports.cancel()
        ticks?.cancel()
        phase = .stopped
        for task in tasks.values { task.cancel() }
        if let failure { throw failure }
    }

    /// One connection, from its beginning to its end.
    private func connect() async {
        splitter = LineSplitter()
        do {
            let channel = try await QueueConnection.connect(to: options.socket, for: self)
            guard !isWantedGone else { return channel.close(promise: nil) }
            guard channel.isActive else { return trouble("the gateway closed the connection at once") }
            self.channel = channel
        } catch {
            return trouble(QueueConnection.explanation(of: error))
        }
        connectedAt = .now()
        sayHello()
        // The end may have come with the first write.
        guard channel != nil else { return }
        await withCheckedContinuation { connectionEnd = $0 }
    }

    /// Tells why there is no connection, once for each reason.
    func trouble(_ reason: String) {
        guard lastTrouble != reason else { return }
        lastTrouble = reason
        logger.warning(
            "No connection to the gateway; trying again until there is",
            metadata: ["socket": "\(options.socket)", "reason": "\(reason)"])
    }

    private func pause(for time: Duration) async {
        await withCheckedContinuation { continuation in
            pauseEnd = continuation
            eventLoop.scheduleTask(in: TimeAmount(time)) { self.assumeIsolated { $0.endPause() } }
        }
    }

    func endPause() {
        pauseEnd?.resume()
        pauseEnd = nil
    }

    private func sayHello() {
        phase = .greeting
        dispatcher.connected()
        outbox.append(
            .hello(
                WorkerHello(
                    worker: options.name, version: Version.current, capacity: options.capacity,
                    capacityBytes: options.capacityBytes, events: planner.wantedEvents,
                    ephemeral: options.ephemeralCommands, immediate: options.immediateCommands,
                    journal: welcome?.journal, done: welcome == nil ? [] : dispatcher.finished)))
        flush()
    }

    /// The channel has closed.
    func connectionEnded(_ id: ObjectIdentifier) {
        guard let channel, ObjectIdentifier(channel) == id else { return }
        self.channel = nil
        if phase != .stopped { phase = .disconnected }
        // Also in a standstill: acknowledgements that came about on this connection belong to it.
        performEffects(isHeldUp: false)
        dispatcher.disconnected(unsent: outbox.clear())
        if NIODeadline.now() - connectedAt > Self.stableConnection { backoff.reset() }
        for waiter in statusWaiters.values { waiter.resume(returning: nil) }
        statusWaiters = [:]
        drainTimer?.cancel()
        counters.change { $0.reconnects += 1 }
        if !isWantedGone, failure == nil { trouble("the gateway closed the connection") }
        connectionEnd?.resume()
        connectionEnd = nil
    }

    func connectionFailed(_ reason: String) {
        if !isWantedGone { trouble(reason) }
    }

    /// Ends `run` by throwing.
    func fail(_ failure: ServiceFailure) {
        guard self.failure == nil else { return }
        self.failure = failure
        closeConnection()
        endPause()
    }

    /// Closes once everything is written, or soon if the gateway does not read.
    func closeConnection() {
        flush()
        guard let channel else { return }
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
        eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    // MARK: Going

    /// Begins to end: nothing new is taken, what is held is finished within `DRAIN_TIMEOUT`.
    func drain(reason: String) {
        guard !isWantedGone else { return }
        isWantedGone = true
        logger.info("Draining", metadata: ["reason": "\(reason)", "in_flight": "\(dispatcher.heldCount)"])
        guard phase == .connected || phase == .parting else {
            closeConnection()
            return endPause()
        }
        // A gateway that is going delivers nothing more and may not answer.
        phase = .draining(isAnswered: phase == .parting)
        send(.drain)
        drainDeadline = .now() + TimeAmount(options.drainTimeout)
        setDrainTimer()
        closeIfFinished()
    }

    func drainTimedOut() {
        logger.warning(
            "DRAIN_TIMEOUT is over; the rest is delivered again",
            metadata: ["in_flight": "\(dispatcher.heldCount)"])
        closeConnection()
    }

    /// Closes the connection once everything is finished that had to be.
    func closeIfFinished() {
        guard dispatcher.isIdle, writeBehind.isIdle else { return }
        switch phase {
        case .draining(isAnswered: true), .parting: closeConnection()
        default: break
        }
    }
}

extension Backoff {
    /// The next wait with the system's randomness.
    mutating func nextWait() -> Duration {
        var random = SystemRandomNumberGenerator()
        return next(using: &random)
    }
}
