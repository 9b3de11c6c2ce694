internal import DequeModule
internal import Logging
internal import NIOCore
internal import Shared

/// One shard's session: carries out what `SessionStateMachine` decides, and hands dispatches to the receiver.
actor GatewaySession {
    nonisolated let shard: Int
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let identity: Identity
    let connector: DiscordConnector
    let limits: SessionStateMachine.Limits
    let receiver: any DispatchReceiver
    unowned let host: any SessionHost
    let logger: Logger

    var machine: SessionStateMachine
    /// What each dispatch asks the state machine for, which would be copied to be asked.
    var takesDispatches = false
    var isResuming = false
    var sessionID: String?
    var random = SystemRandomNumberGenerator()
    var connection: DiscordConnection?
    var connectionNumber = 0
    var pendingTarget: SessionAction.Target?
    var timer: Scheduled<Void>?
    var timerDeadline: NIODeadline?
    var closing: EventLoopFuture<Void>?

    var sendLimiter = SendLimiter()
    var commands = Deque<PendingCommand>()
    var commandTimer: Scheduled<Void>?

    var names = EventNames()
    var statistics = EventStatistics()
    var reportedSilences: Set<String> = []
    let parser = JSONParser()
    /// Long enough for what comes often; a guild is scanned without it.
    let indexer = JSONIndexer(maximumBytes: 16 << 10)
    var burst: [Dispatch] = []
    /// The durable sequence read back from disk, as long as the receiver knows of no later one.
    var floor: Int?
    /// READY's own number. Whatever came since is held by this process, or comes again after a restart, when READY itself is
    /// handed in from the session file.
    var readySequence: Int?
    /// READY's `d`, until nothing of it can be lost any more.
    var readyData: ByteBuffer?
    var lastReceived: Int?
    var lastFrameAt: NIODeadline?
    var lastFrameWall: Int64?
    /// When the last burst of dispatches was handed on.
    var lastDispatchAt: NIODeadline?
    /// A session was lost: since when nothing has come, in microseconds since 1970, and why. Until the next one begins.
    var openGap: (from: Int64?, reason: String)?
    var counters = SessionCounters()

    /// A command that waits for its turn.
    struct PendingCommand {
        let payload: ByteBuffer
        let kind: SendLimiter.Kind
        let completion: @Sendable (CommandOutcome) -> Void
    }

    /// Most commands that wait for the send limit; more are refused.
    static let maximumWaitingCommands = 1000

    init(
        shard: Int, identity: Identity, stored: StoredSession?, connector: DiscordConnector,
        receiver: any DispatchReceiver, host: any SessionHost, logger: Logger,
        limits: SessionStateMachine.Limits = SessionStateMachine.Limits()
    ) {
        self.shard = shard
        self.identity = identity
        self.connector = connector
        self.limits = limits
        self.receiver = receiver
        self.host = host
        self.eventLoop = connector.eventLoop
        var logger = logger
        logger[metadataKey: "shard"] = "\(shard)"
        self.logger = logger
        machine = SessionStateMachine(
            session: stored.map { ResumableSession(id: $0.id, resumeURL: $0.resumeURL) }, limits: limits)
        sessionID = stored?.id
        // No file but the journal says how far a session was received, if there is one.
        guard !receiver.keepsSequences else { return }
        if let ready = stored?.ready {
            readySequence = stored?.sequence
            readyData = ByteBuffer(string: ready)
        } else {
            floor = stored?.sequence
        }
    }

    // MARK: Orders

    func start() {
        if let session = machine.session?.id, let floor {
            receiver.sessionRestored(shard: shard, session: session, finishedUpTo: floor)
        }
        redeliverReady()
        handle(.start)
    }

    /// Discord does not repeat READY after a resume, so one that no worker finished before the restart is handed in again.
    func redeliverReady() {
        guard let session = machine.session?.id, let readySequence, let readyData else { return }
        burst.append(
            Dispatch(
                shard: shard, session: session, sequence: readySequence, type: "READY",
                key: QueueKey(keyClass: .shard, number: UInt64(shard)), guildID: nil, interaction: nil,
                receivedAt: WallClock.now(), data: readyData))
        deliver()
    }

    func permitGranted() { handle(.permitGranted) }

    func reidentify() { handle(.reidentify) }

    func setIntake(_ intake: Intake) { handle(.intake(intake)) }

    func generalURLKnown() {
        guard let target = pendingTarget else { return }
        connect(target)
    }

    /// Closes so that the session stays resumable. Done when the socket is closed.
    func shutdown() -> EventLoopFuture<Void> {
        deliver()
        handle(.shutdown)
        return closing ?? eventLoop.makeSucceededVoidFuture()
    }

    /// The process stood still for so long, and its sockets have been read since.
    func extendDeadlines(by gap: TimeAmount) {
        machine.extend(by: gap)
        rearm()
    }

    // MARK: State

    /// What must be known to resume this session after a restart; nil if it cannot be resumed.
    func stored() -> StoredSession? {
        guard let session = machine.session else { return nil }
        guard !receiver.keepsSequences else {
            // The number is the receiver's to know.
            return StoredSession(shard: shard, id: session.id, resumeURL: session.resumeURL, sequence: 0)
        }
        if let sequence = durableSequence(of: session.id) {
            readyData = nil
            return StoredSession(shard: shard, id: session.id, resumeURL: session.resumeURL, sequence: sequence)
        }
        guard let readySequence, let readyData else { return nil }
        return StoredSession(
            shard: shard, id: session.id, resumeURL: session.resumeURL, sequence: readySequence,
            ready: String(buffer: readyData))
    }

    var isLive: Bool { machine.isReady }

    func status(now: NIODeadline) -> ShardStatus {
        let state =
            switch machine.phase {
            case .waiting, .held, .awaitingPermit: "waiting"
            case .connecting, .awaitingHello: "connecting"
            case .identifying: "identifying"
            case .resuming: "resuming"
            case .ready: "ready"
            case .ended: "closed"
            }
        return ShardStatus(
            id: shard, state: state, sequence: lastReceived ?? floor,
            latencyMilliseconds: machine.heartbeat?.latency.map { Int($0.nanoseconds / 1_000_000) },
            idleMilliseconds: lastFrameAt.map { Int((now - $0).nanoseconds / 1_000_000) },
            note: machine.note ?? silenceNote(now: now),
            sequenceAgeMilliseconds: lastDispatchAt.map { Int((now - $0).nanoseconds / 1_000_000) })
    }

    func silenceNote(now: NIODeadline) -> String? {
        guard machine.isReady else { return nil }
        let silences = statistics.silences(now: now)
        guard !silences.isEmpty else { return nil }
        return silences.map { "no \($0.type) for \((now - $0.since).nanoseconds / 60_000_000_000) min" }
            .joined(separator: ", ")
    }

    /// Looks for kinds of events that fell silent, and logs each once.
    func checkSilence(now: NIODeadline) {
        guard machine.isReady else { return }
        let silences = statistics.silences(now: now)
        for silence in silences where !reportedSilences.contains(silence.type) {
            logger.warning(
                "an event that came often has fallen silent; if Discord should be sending it, reidentify the shard",
                metadata: [
                    "t": "\(silence.type)", "minutes": "\((now - silence.since).nanoseconds / 60_000_000_000)",
                ])
        }
        reportedSilences = Set(silences.map(\.type))
    }

    /// Nothing up to here can be lost any more.
    func durableSequence(of session: String) -> Int? {
        let received = receiver.durableSequence(shard: shard, session: session)
        guard let received, let floor else { return received ?? floor }
        return max(received, floor)
    }

    /// What to say in heartbeats and RESUME: never a number beyond the durable one if there is one.
    func sentSequence(of session: String) -> Int? {
        durableSequence(of: session) ?? (receiver.keepsSequences ? nil : readySequence)
    }
}
