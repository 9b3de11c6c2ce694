internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared

/// The queue as a server: sessions hand in dispatches, workers connect and take them, an operator looks on.
///
/// Lives on the gateway's one event loop. What arrives is applied to `KeyedQueue` at once; what follows from it is written
/// once per turn of the loop, when all sockets that were readable have been read. So a worker's acknowledgements always
/// count before the end of its connection does.
actor QueueHub: QueueService {
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let settings: QueueSettings
    let directory: any ShardDirectory
    let callback: any InteractionDeferring
    let logger: Logger
    /// Whether each event is logged on its way: asked here, an event costs nothing where it is not.
    let logsEvents: Bool
    let startedAt = NIODeadline.now()

    var store: DurableQueue<FileDisk>
    var random = SystemRandomNumberGenerator()
    /// Names the journal to workers.
    var identity = UUIDBytes.zero
    var deadLetters: DeadLetterBox
    var deferral: DeferralPolicy
    var memberRequests = MemberRequests()
    var gauge: IntakeGauge
    var counters = HubCounters()
    var decoder = WorkerFrameDecoder()
    /// Whether some connection waits for a status frame until it has read others.
    var owesStatus = false
    /// Operators' connections that watch events.
    var tailing: Set<Int> = []

    var connections: [Int: PeerConnection] = [:]
    /// What all connections hold of lines whose end has not come.
    var unfinishedBytes = 0
    /// Connections of workers by their place in the queue.
    var connectionOfWorker: [Slot: Int] = [:]
    var nextNumber = 0
    private var toFlush: [Int] = []
    var listeners: [(channel: any Channel, socket: UnixListener.Socket)] = []

    private var monitor: LoopMonitor
    /// What all gaps of the loop come to: the queue's clock stood still in them.
    private var stoodStill = TimeAmount.zero
    private var isTurnScheduled = false
    private var timer: (at: NIODeadline, scheduled: Scheduled<Void>)?
    private var ticking: RepeatedTask?

    private(set) var isGoing = false
    private(set) var isStopped = false
    private var goodbyeWaiter: CheckedContinuation<Void, Never>?

    let writer = NIOThreadPool(numberOfThreads: 1)
    /// Syncs the journal; a slow disk must not hold up the writer of small files.
    let syncer = NIOThreadPool(numberOfThreads: 1)
    var isSyncScheduled = false
    var lastMarkFailure: DiskFailure?
    /// The last ones, for status.
    var gaps: [SessionGap] = []
    var lastDiskCheck = NIODeadline.now()
    var hasWarnedOfDisk = false
    var hasWarnedOfConnections = false
    var writtenState: (changes: Int, lastID: EventID)?
    var isWritingCheckpoint = false
    var isCheckpointScheduled = false
    var wishesChanged = false
    var rates = HubRates()

    init(
        settings: QueueSettings, eventLoop: any EventLoop, directory: any ShardDirectory,
        callback: any InteractionDeferring, logger: Logger
    ) {
        self.settings = settings
        self.eventLoop = eventLoop
        self.directory = directory
        self.callback = callback
        self.logger = logger
        logsEvents = logger.logLevel <= .debug
        store = DurableQueue(queue: KeyedQueue(settings: settings.queue))
        deadLetters = DeadLetterBox(directory: settings.stateDirectory + "/dead-letters")
        deferral = DeferralPolicy(after: settings.deferAfter)
        gauge = IntakeGauge(maximumBytes: settings.queue.maximumBytes)
        monitor = LoopMonitor(now: .now())
    }

    /// The queue's time.
    var now: NIODeadline { .now() - stoodStill }

    var queue: KeyedQueue {
        _read { yield store.queue }
        _modify { yield &store.queue }
    }

    // MARK: Life

    func start() async throws {
        monitor = LoopMonitor(now: .now())
        try restore()
        writer.start()
        syncer.start()
        // From here on a crash may leave deliveries that no file knows of.
        do { try StateFile.replace(checkpointPath, with: checkpoint(endedInOrder: false).json.text) } catch {
            guard store.durability != .memory else { throw error }
            logger.error("the queue's checkpoint cannot be written", metadata: ["error": "\(error)"])
        }
        let queueSocket = try UnixListener.open(path: settings.socketPath, name: "queue", mode: settings.socketMode)
        try await listen(on: queueSocket, isControl: false)
        let control = try UnixListener.open(path: settings.controlPath, name: "control", mode: 0o600)
        try await listen(on: control, isControl: true)
        ticking = eventLoop.scheduleRepeatedTask(initialDelay: LoopMonitor.interval, delay: LoopMonitor.interval) {
            [self] _ in assumeIsolated { $0.tick() }
        }
        // What an earlier process left is looked at.
        scheduleTurn()
        logger.info("the queue is served", metadata: ["socket": "\(settings.socketPath)"])
    }

    func goodbye(reason: String, timeout: Duration) async {
        guard !isGoing else { return }
        isGoing = true
        for connection in connections.values {
            guard let worker = connection.worker else { continue }
            queue.drain(worker, now: now)
            send(.goodbye(reason: reason), to: connection)
        }
        scheduleTurn()
        guard isWorkLeft else { return }
        let deadline = eventLoop.scheduleTask(in: TimeAmount(timeout)) { [self] in
            assumeIsolated { $0.resumeGoodbye() }
        }
        await withCheckedContinuation { goodbyeWaiter = $0 }
        deadline.cancel()
    }

    func stop() async {
        guard !isStopped else { return }
        isStopped = true
        isGoing = true
        resumeGoodbye()
        ticking?.cancel()
        timer?.scheduled.cancel()
        for listener in listeners {
            try? await listener.channel.close()
            if let path = listener.socket.path { unlink(path) }
        }
        flushAll()
        for connection in Array(connections.values) { try? await connection.channel.close() }
        for connection in Array(connections.values) { disconnected(connection.number) }
        store.flush()
        await syncLast()
        await writeLastCheckpoint()
        try? await writer.shutdownGracefully()
        try? await syncer.shutdownGracefully()
        store.journal?.close()
    }

    /// Whether a worker still has events whose acknowledgement is worth waiting for.
    var isWorkLeft: Bool { queue.inFlight > 0 && !connectionOfWorker.isEmpty }

    func resumeGoodbye() {
        goodbyeWaiter?.resume()
        goodbyeWaiter = nil
    }

    // MARK: Turns of the loop

    /// Asks for one pass over what is due, after everything that can be read now has been read.
    func scheduleTurn() {
        guard !isTurnScheduled, !isStopped else { return }
        isTurnScheduled = true
        eventLoop.execute { [self] in assumeIsolated { $0.turn() } }
    }

    private func turn() {
        isTurnScheduled = false
        guard !isStopped else { return }
        let now = now
        if !monitor.isSettling(now: .now()) {
            if let due = store.queue.nextDeadline, due <= now {
                queue.advance(now: now, wall: WallClock.now(), using: &random)
            }
            finishMemberRequests(now: now)
            deferInteractions(now: now)
        }
        if !isGoing, store.deliver(now: now, wall: WallClock.now()) { scheduleTurn() }
        applyEffects(now: now)
        reportLosses()
        payStatusDebts()
        flushAll()
        sync()
        updateIntake()
        reportTroubles()
        scheduleCheckpoint()
        scheduleTimer(now: now)
        if isGoing, !isWorkLeft { resumeGoodbye() }
    }

    /// Does what follows from the queue's changes. What it relies on is written before anything of it leaves.
    func applyEffects(now: NIODeadline) {
        let effects = store.takeEffects(now: now)
        if !effects.isEmpty { apply(effects) }
        store.flush()
    }

    private func apply(_ effects: [QueueEffect]) {
        let sentAt = WallClock.now()
        // Nearly always it is the same one.
        var receiver: (worker: WorkerID, connection: PeerConnection)?
        for place in effects.indices {
            switch effects[place] {
            case .deliver(let delivery):
                if receiver?.worker != delivery.worker {
                    receiver = connection(of: delivery.worker).map { (delivery.worker, $0) }
                }
                if let connection = receiver?.connection { write(delivery, to: connection, sentAt: sentAt) }
            case .returned(let worker, let ids):
                guard let connection = connection(of: worker) else { continue }
                send(.returned(ids), to: connection)
            case .deadLetter(let letter): keep(letter)
            case .finished(let id, let retryOf):
                deferral.finished(id)
                if let retryOf { deadLetters.forget(retryOf) }
            }
        }
    }

    private func write(_ delivery: Delivery, to connection: PeerConnection, sentAt: Int64) {
        guard let data = delivery.data else { return }
        if logsEvents {
            logger.debug(
                "event delivered",
                metadata: [
                    "event": "\(delivery.id)", "worker": "\(connection.hello?.worker ?? "")",
                    "attempt": "\(delivery.attempt)",
                ])
        }
        markForFlush(connection)
        connection.out.writeEvent(
            id: delivery.id, attempt: delivery.attempt, shard: delivery.shard, sequence: delivery.sequence,
            type: delivery.type, keyClass: delivery.key.keyClass.name, keyNumber: delivery.key.number,
            receivedAt: delivery.receivedAt, sentAt: sentAt, redelivered: delivery.redelivered,
            deferred: delivery.deferred, retryOf: delivery.retryOf, data: data)
    }

    func connection(of worker: WorkerID) -> PeerConnection? {
        guard let number = connectionOfWorker[worker.slot], let connection = connections[number],
            connection.worker == worker
        else { return nil }
        return connection
    }

    // MARK: Writing

    func send(_ frame: GatewayFrame, to connection: PeerConnection) {
        markForFlush(connection)
        connection.out.writeFrame(frame)
    }

    func markForFlush(_ connection: PeerConnection) {
        if connection.out.readableBytes == 0 { toFlush.append(connection.number) }
    }

    func flushAll() {
        let numbers = toFlush
        toFlush = []
        for number in numbers { connections[number].map(flush) }
    }

    func flush(_ connection: PeerConnection) {
        guard connection.out.readableBytes > 0 else { return }
        let channel = connection.channel
        let number = connection.number
        while let chunk = connection.out.readSlice(
            length: min(connection.out.readableBytes, PeerConnection.chunkBytes)), chunk.readableBytes > 0
        {
            let bytes = chunk.readableBytes
            connection.unwritten += bytes
            let written = eventLoop.makePromise(of: Void.self)
            written.futureResult.whenComplete { [self] _ in assumeIsolated { $0.taken(bytes, by: number) } }
            channel.write(chunk, promise: written)
        }
        updateRoom(of: connection)
        channel.flush()
        // The socket has mostly taken all of it by now, and the room can be used again.
        if connection.out.capacity > PeerConnection.keptRoom {
            connection.out = ByteBuffer()
        } else {
            connection.out.clear()
        }
    }

    /// The socket took these.
    private func taken(_ bytes: Int, by number: Int) {
        guard let connection = connections[number] else { return }
        connection.unwritten -= bytes
        guard connection.unwritten < settings.queue.maximumWriteAhead else { return }
        updateRoom(of: connection)
        scheduleTurn()
    }

    private func updateRoom(of connection: PeerConnection) {
        guard let worker = connection.worker else { return }
        queue.setRoom(worker, max(0, settings.queue.maximumWriteAhead - connection.unwritten))
    }

    // MARK: Time

    private func scheduleTimer(now: NIODeadline) {
        guard
            let next = NIODeadline.earliest(
                of: store.queue.nextDeadline, memberRequests.nextDeadline, deferral.nextDeadline)
        else {
            timer?.scheduled.cancel()
            timer = nil
            return
        }
        // One that comes too early only looks again; to move it with every event would cost more.
        if let timer, timer.at <= next { return }
        timer?.scheduled.cancel()
        let delay = max(TimeAmount.milliseconds(1), next - now)
        timer = (
            next,
            eventLoop.scheduleTask(in: delay) { [self] in
                assumeIsolated { hub in
                    hub.timer = nil
                    hub.scheduleTurn()
                }
            }
        )
    }

    private func tick() {
        guard !isStopped else { return }
        if monitor.tick(now: .now()) {
            logger.warning("the gateway stood still for more than a second; deadlines are put off")
            // The sockets are read before any deadline counts again.
            eventLoop.scheduleTask(in: LoopMonitor.settling) { [self] in assumeIsolated { $0.settle() } }
        }
        guard !monitor.isSettling(now: .now()) else { return }
        let now = now
        for connection in Array(connections.values) { watch(connection, now: now) }
        noteRates(now: now)
        lookAfterJournal(now: now)
        deadLetters.expire(before: WallClock.now() - settings.deadLetterKeep.nanoseconds / 1000)
        flushAll()
    }

    private func settle() {
        if let gap = monitor.settled() { stoodStill = stoodStill + gap }
        timer?.scheduled.cancel()
        timer = nil
        scheduleTurn()
    }

    private func watch(_ connection: PeerConnection, now: NIODeadline) {
        if let closingAt = connection.closingAt {
            if closingAt <= now { connection.channel.close(promise: nil) }
            return
        }
        switch connection.role {
        case .guest(isTool: false):
            if connection.connectedAt + settings.helloDeadline <= now {
                refuse(
                    connection, .helloTimeout,
                    "no hello within \(settings.helloDeadline.nanoseconds / 1_000_000) ms of connecting")
            }
        case .guest, .operator: break
        case .worker:
            if let sent = connection.unansweredPing, sent + settings.pongDeadline <= now {
                logger.warning(
                    "worker answers no ping and is taken for dead",
                    metadata: ["worker": "\(connection.hello?.worker ?? "")", "pid": "\(connection.peer.pid)"])
                counters.silentWorkers += 1
                connection.closingAt = now
                connection.channel.close(promise: nil)
            } else if connection.lastPing + settings.pingInterval <= now {
                connection.lastPing = now
                if connection.unansweredPing == nil { connection.unansweredPing = now }
                send(.ping, to: connection)
            }
        }
    }

    // MARK: Intake

    private func updateIntake() {
        for change in gauge.update(bytes: queue.bytes, isWritable: store.refusal == nil) {
            let share: Logger.Metadata = [
                "bytes": "\(queue.bytes)", "limit": "\(settings.queue.maximumBytes)", "depth": "\(queue.depth)",
            ]
            switch change {
            case .warning: logger.warning("the backlog is above 90 % of QUEUE_MAX_BYTES", metadata: share)
            case .intake(.nothing):
                if store.refusal == nil {
                    logger.error("the backlog has reached QUEUE_MAX_BYTES: sessions are paused", metadata: share)
                }
                directory.setIntake(.nothing)
            case .intake(let intake):
                logger.notice("the backlog has room again: sessions go on", metadata: share)
                directory.setIntake(intake)
            }
        }
    }

    private func reportLosses() {
        for loss in queue.ledger.takeLosses() {
            counters.lost += loss.count
            logger.error(
                "events that were under way when the last gateway ended were not sent again by Discord",
                metadata: [
                    "shard": "\(loss.shard)", "count": "\(loss.count)", "from": "\(WallClock.text(loss.from))",
                    "to": "\(WallClock.text(loss.to))",
                ])
        }
    }
}
