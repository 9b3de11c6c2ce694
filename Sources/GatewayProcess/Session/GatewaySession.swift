internal import DequeModule
internal import Logging
internal import NIOCore
internal import Shared

/// What a session needs of the shards' supervisor. Called on the event loop.
protocol SessionHost: AnyObject, Sendable {
    /// `session.permitGranted()` follows.
    nonisolated func requestPermit(for shard: Int)
    nonisolated func withdrawPermit(of shard: Int)
    nonisolated func identified(_ shard: Int)
    /// The URL from `GET /gateway/bot`; nil while it is not known, and `session.generalURLKnown()` follows.
    nonisolated func generalURL() -> String?
    /// Session id, resume URL or liveness changed.
    nonisolated func sessionChanged(_ shard: Int)
    nonisolated func learned(applicationID: Snowflake?, userID: Snowflake?)
    nonisolated func ended(_ shard: Int, _ ending: SessionAction.Ending)
    /// The process stood still and its sockets have yet to be read: no deadline counts for the moment.
    nonisolated func holdsDeadlines(now: NIODeadline) -> Bool
}

/// One shard's session: carries out what `SessionStateMachine` decides, and hands dispatches to the receiver.
actor GatewaySession {
    nonisolated let shard: Int
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    private let identity: Identity
    private let connector: DiscordConnector
    private let limits: SessionStateMachine.Limits
    private let receiver: any DispatchReceiver
    private unowned let host: any SessionHost
    private let logger: Logger

    private var machine: SessionStateMachine
    private var random = SystemRandomNumberGenerator()
    private var connection: DiscordConnection?
    private var connectionNumber = 0
    private var pendingTarget: SessionAction.Target?
    private var timer: Scheduled<Void>?
    private var timerDeadline: NIODeadline?
    private var closing: EventLoopFuture<Void>?

    private var sendLimiter = SendLimiter()
    private var commands = Deque<PendingCommand>()
    private var commandTimer: Scheduled<Void>?

    private var names = EventNames()
    private var statistics = EventStatistics()
    private var reportedSilences: Set<String> = []
    private let parser = JSONParser()
    private var burst: [Dispatch] = []
    /// The durable sequence read back from disk, as long as the receiver knows of no later one.
    private var floor: Int?
    /// READY's own number. Whatever came since is held by this process, or comes again after a restart, when READY itself is
    /// handed in from the session file.
    private var readySequence: Int?
    /// READY's `d`, until nothing of it can be lost any more.
    private var readyData: ByteBuffer?
    private var lastReceived: Int?
    private var lastFrameAt: NIODeadline?
    private var lastFrameWall: Int64?
    /// A session was lost: since when nothing has come, in microseconds since 1970, and why. Until the next one begins.
    private var openGap: (from: Int64?, reason: String)?
    private(set) var counters = SessionCounters()

    /// A command that waits for its turn.
    private struct PendingCommand {
        let payload: ByteBuffer
        let kind: SendLimiter.Kind
        let completion: @Sendable (CommandOutcome) -> Void
    }

    /// Most commands that wait for the send limit; more are refused.
    private static let maximumWaitingCommands = 1000

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
        redeliverReady()
        handle(.start)
    }

    /// Discord does not repeat READY after a resume, so one that no worker finished before the restart is handed in again.
    private func redeliverReady() {
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
            note: machine.note ?? silenceNote(now: now))
    }

    private func silenceNote(now: NIODeadline) -> String? {
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
                    "event": "\(silence.type)", "minutes": "\((now - silence.since).nanoseconds / 60_000_000_000)",
                ])
        }
        reportedSilences = Set(silences.map(\.type))
    }

    /// Nothing up to here can be lost any more.
    private func durableSequence(of session: String) -> Int? {
        let received = receiver.durableSequence(shard: shard, session: session)
        guard let received, let floor else { return received ?? floor }
        return max(received, floor)
    }

    /// What to say in heartbeats and RESUME: never a number beyond the durable one if there is one.
    private func sentSequence(of session: String) -> Int? {
        durableSequence(of: session) ?? (receiver.keepsSequences ? nil : readySequence)
    }
}

/// What one session has counted since the process started.
struct SessionCounters: Sendable {
    var dispatches = 0
    var payloadBytes = 0
    var identifies = 0
    var resumes = 0
    var reconnects = 0
    var sessionsLost = 0
    var unreadable = 0
}

// MARK: - Carrying out decisions

extension GatewaySession {
    private func handle(_ event: SessionEvent) {
        for action in machine.handle(event, now: .now(), using: &random) { perform(action) }
        rearm()
    }

    private func perform(_ action: SessionAction) {
        switch action {
        case .requestPermit: host.requestPermit(for: shard)
        case .withdrawPermit: host.withdrawPermit(of: shard)
        case .connect(let target): connect(target)
        case .identify: identify()
        case .resume(let session): resume(session)
        case .heartbeat: heartbeat()
        case .close(let code): close(code: code)
        case .forget(let session, let reason, let byOperator): forget(session, reason: reason, byOperator: byOperator)
        case .live(let resumed): live(resumed: resumed)
        case .warn(let message): logger.warning("\(message)")
        case .ended(let ending):
            refuseCommands("the session has ended")
            host.ended(shard, ending)
        }
    }

    private func connect(_ target: SessionAction.Target) {
        pendingTarget = nil
        let text: String
        switch target {
        case .resume(let url): text = url
        case .general:
            guard let url = host.generalURL() else {
                pendingTarget = target
                return
            }
            text = url
        }
        connectionNumber += 1
        sendLimiter = SendLimiter()
        counters.reconnects += 1
        guard let url = GatewayURL(text, compression: connector.compression) else {
            logger.error(
                "this gateway URL cannot be used: wss:// is needed, or ws:// to this machine",
                metadata: ["url": "\(text)"])
            let number = connectionNumber
            // Not at once: the state machine is in the middle of its actions.
            eventLoop.execute { self.happened(.ended(code: nil, why: "unusable URL"), to: number) }
            return
        }
        logger.debug("connecting", metadata: ["host": "\(url.host)"])
        let timeout = target == .general ? limits.connect : limits.resumeConnect
        connection = connector.connect(to: url, number: connectionNumber, timeout: timeout, owner: self)
    }

    private func identify() {
        counters.identifies += 1
        floor = nil
        readySequence = nil
        readyData = nil
        lastReceived = nil
        sendVital(OutgoingPayload.identify(identity, shard: shard))
        host.identified(shard)
        logger.info("identifying")
    }

    private func resume(_ session: String) {
        counters.resumes += 1
        let sequence = sentSequence(of: session) ?? 0
        sendVital(OutgoingPayload.resume(token: identity.token, session: session, sequence: sequence))
        logger.info("resuming", metadata: ["sequence": "\(sequence)"])
    }

    private func heartbeat() {
        sendVital(OutgoingPayload.heartbeat(sequence: machine.session.flatMap { sentSequence(of: $0.id) }))
    }

    private func sendVital(_ payload: ByteBuffer) {
        _ = sendLimiter.send(.vital, now: .now())
        _ = connection?.send(payload)
    }

    private func close(code: UInt16) {
        pendingTarget = nil
        closing = connection?.close(code: code)
        connection = nil
        connectionNumber += 1
        refuseCommands("the connection to Discord was closed")
    }

    private func forget(_ session: String, reason: String, byOperator: Bool) {
        counters.sessionsLost += 1
        if !byOperator { openGap = openGap ?? (lastFrameWall, reason) }
        let sequence = durableSequence(of: session)
        logger.warning(
            "the session is lost: what Discord sent after this sequence number until the next READY may be lost",
            metadata: [
                "reason": "\(reason)", "sequence": "\(sequence.map(String.init) ?? "none")",
                "received": "\(lastReceived.map(String.init) ?? "none")",
                "since": "\(lastFrameWall.map(WallClock.text) ?? "before the start")",
                "until": "\(WallClock.text(WallClock.now()))",
            ])
        floor = nil
        readySequence = nil
        readyData = nil
        lastReceived = nil
        host.sessionChanged(shard)
    }

    private func live(resumed: Bool) {
        statistics.reset()
        reportedSilences = []
        logger.info(resumed ? "the session was resumed" : "a new session has begun")
        if let session = machine.session { receiver.sessionBegan(shard: shard, session: session.id, resumed: resumed) }
        if let (from, reason) = openGap {
            openGap = nil
            receiver.sessionGap(SessionGap(shard: shard, from: from, to: WallClock.now(), reason: reason))
        }
        host.sessionChanged(shard)
    }

    /// Keeps one timer at the state machine's next deadline.
    private func rearm() {
        let deadline = machine.nextDeadline
        guard deadline != timerDeadline else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = deadline.map { deadline in
            eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.deadlineCame() } }
        }
    }

    private func deadlineCame() {
        timer = nil
        timerDeadline = nil
        guard !host.holdsDeadlines(now: .now()) else {
            // `extendDeadlines` sets the timer again.
            return
        }
        handle(.deadline)
    }
}

// MARK: - What arrives

extension GatewaySession: ConnectionOwner {
    nonisolated func happened(_ event: ConnectionEvent, to connection: Int) {
        assumeIsolated { session in
            guard connection == session.connectionNumber else { return }
            session.happened(event)
        }
    }

    nonisolated func received(_ payloads: [ByteBuffer], on connection: Int) {
        assumeIsolated { session in
            guard connection == session.connectionNumber else { return }
            session.received(payloads)
        }
    }

    private func happened(_ event: ConnectionEvent) {
        switch event {
        case .connected: handle(.connected)
        case .unreadable(let error):
            counters.unreadable += 1
            logger.error(
                "closing the connection and resuming: what Discord sent cannot be read",
                metadata: ["reason": "\(error)"])
            handle(.unreadable(sequence: lastReceived))
        case .ended(let code, let why):
            var metadata: Logger.Metadata = ["reason": "\(why)"]
            if let code { metadata["code"] = "\(code)" }
            let meaning = code.flatMap { GatewayCloseCode(rawValue: Int($0)) }?.explanation
            if let meaning { metadata["meaning"] = "\(meaning)" }
            logger.warning("a connection to Discord ended", metadata: metadata)
            connection = nil
            connectionNumber += 1
            refuseCommands("the connection to Discord was lost")
            handle(.disconnected(code: code))
        }
    }

    private func received(_ payloads: [ByteBuffer]) {
        let number = connectionNumber
        let now = NIODeadline.now()
        let wall = WallClock.now()
        lastFrameAt = now
        lastFrameWall = wall
        for payload in payloads {
            counters.payloadBytes += payload.readableBytes
            do throws(EnvelopeError) {
                try take(payload, now: now, wall: wall)
            } catch {
                deliver()
                counters.unreadable += 1
                logger.error(
                    "closing the connection and resuming: a payload from Discord is malformed",
                    metadata: ["reason": "\(error)", "bytes": "\(payload.readableBytes)"])
                handle(.unreadable(sequence: lastReceived))
            }
            // What comes behind the end of this connection comes again after the resume.
            guard number == connectionNumber else { break }
        }
        deliver()
    }

    private func take(_ payload: ByteBuffer, now: NIODeadline, wall: Int64) throws(EnvelopeError) {
        let envelope = try scan(payload)
        switch GatewayOpcode(rawValue: envelope.operation) {
        case .dispatch: try dispatch(envelope, of: payload, now: now, wall: wall)
        case .heartbeat: control(.heartbeatRequested)
        case .reconnect: control(.reconnectRequested)
        case .invalidSession:
            let isResumable = payload.data(of: envelope).readableBytesView.elementsEqual("true".utf8)
            control(.invalidSession(resumable: isResumable))
        case .hello:
            guard let interval = heartbeatInterval(payload.data(of: envelope)) else {
                throw .badMember("heartbeat_interval")
            }
            sendLimiter.heartbeatInterval = interval
            control(.hello(interval: interval))
        case .heartbeatAcknowledgement: control(.heartbeatAcknowledged)
        case .identify, .presenceUpdate, .voiceStateUpdate, .resume, .requestGuildMembers, .requestSoundboardSounds,
            .requestChannelInfo, nil:
            logger.debug("an unknown opcode is ignored", metadata: ["op": "\(envelope.operation)"])
        }
    }

    /// What may move on the session comes behind the dispatches before it.
    private func control(_ event: SessionEvent) {
        deliver()
        handle(event)
    }

    private func scan(_ payload: ByteBuffer) throws(EnvelopeError) -> Envelope {
        let outcome: Result<Envelope, EnvelopeError> = payload.withUnsafeReadableBytes { bytes in
            do throws(EnvelopeError) {
                return .success(try EnvelopeScanner.scan(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private func heartbeatInterval(_ data: ByteBuffer) -> TimeAmount? {
        guard let milliseconds = try? parser.parse(data)["heartbeat_interval"]?.int, milliseconds > 0 else {
            return nil
        }
        return .milliseconds(Int64(milliseconds))
    }

    private func dispatch(
        _ envelope: Envelope, of payload: ByteBuffer, now: NIODeadline, wall: Int64
    ) throws(EnvelopeError) {
        guard let sequence = envelope.sequence else { throw .badMember("s") }
        guard let text = envelope.type else { throw .badMember("t") }
        guard machine.takesDispatches else { return }
        let (name, slot) = payload.withUnsafeReadableBytes { bytes in
            names.name(UnsafeRawBufferPointer(rebasing: bytes[text.start..<text.end]))
        }
        let data = payload.data(of: envelope)
        var interaction: InteractionHead?
        switch name.role {
        case .ready: try ready(data, sequence: sequence)
        case .resumed: control(.resumed)
        case .rateLimited: rateLimited(data)
        case .interaction: interaction = (try? parser.parse(data)).flatMap { InteractionHead($0) }
        case .ordinary, .guild, .channel, .user: break
        }
        lastReceived = sequence
        counters.dispatches += 1
        statistics.note(name.text, slot: slot, now: now)
        // Before READY there is no session that a dispatch could belong to.
        guard let session = machine.session?.id else { return }
        burst.append(
            Dispatch(
                shard: shard, session: session, sequence: sequence, type: name.text,
                key: envelope.key(role: name.role, shard: shard), guildID: envelope.guild(role: name.role),
                interaction: interaction, receivedAt: wall, data: data))
    }

    private func ready(_ data: ByteBuffer, sequence: Int) throws(EnvelopeError) {
        // A parser of its own: READY can be large, and comes once.
        guard let ready = (try? JSONParser.read(data, { Ready($0) })).flatMap({ $0 }) else {
            throw .badMember("session_id")
        }
        deliver()
        floor = nil
        host.learned(applicationID: ready.applicationID, userID: ready.userID)
        // Before the session is written down, which is at once.
        readySequence = sequence
        readyData = data
        handle(.ready(ready.session))
    }

    private func rateLimited(_ data: ByteBuffer) {
        guard let value = try? parser.parse(data), value["opcode"]?.int == GatewayOpcode.requestGuildMembers.rawValue,
            let meta = value["meta"], let guild = meta["guild_id"]?.snowflake
        else { return }
        receiver.memberRequestLimited(
            shard: shard, guild: guild, nonce: meta["nonce"]?.string, retryAfter: value["retry_after"]?.double ?? 30)
    }

    private func deliver() {
        guard !burst.isEmpty else { return }
        let isTaken = receiver.receive(burst)
        burst.removeAll(keepingCapacity: true)
        guard !isTaken, let session = machine.session?.id else { return }
        // Nothing behind it may be taken before it has come again.
        handle(.refused(isResumable: durableSequence(of: session) != nil))
    }
}

// MARK: - Commands

extension GatewaySession {
    /// Sends a worker's payload as soon as the send limits let it.
    func send(_ payload: ByteBuffer, completion: @escaping @Sendable (CommandOutcome) -> Void) {
        guard machine.isReady else { return completion(.refused("shard \(shard) has no live session")) }
        guard payload.readableBytes <= OutgoingPayload.maximumBytes else {
            return completion(.refused("the payload is longer than \(OutgoingPayload.maximumBytes) bytes"))
        }
        let opcode = (try? parser.parse(payload))?["op"]?.int.flatMap(GatewayOpcode.init)
        let kind: SendLimiter.Kind
        switch opcode {
        case .presenceUpdate: kind = .presence
        case .voiceStateUpdate, .requestGuildMembers, .requestSoundboardSounds, .requestChannelInfo: kind = .command
        default: return completion(.refused("only the opcodes 3, 4, 8, 31 and 43 may be sent"))
        }
        guard commands.count < Self.maximumWaitingCommands else {
            return completion(.refused("\(commands.count) commands wait for Discord's send limit already"))
        }
        commands.append(PendingCommand(payload: payload, kind: kind, completion: completion))
        sendCommands()
    }

    private func sendCommands() {
        guard commandTimer == nil else { return }
        while let next = commands.first {
            switch sendLimiter.send(next.kind, now: .now()) {
            case .now:
                commands.removeFirst()
                sendCommand(next)
            case .notBefore(let deadline):
                commandTimer = eventLoop.scheduleTask(deadline: deadline) {
                    self.assumeIsolated {
                        $0.commandTimer = nil
                        $0.sendCommands()
                    }
                }
                return
            }
        }
    }

    private func sendCommand(_ command: PendingCommand) {
        guard let connection else { return command.completion(.refused("the connection to Discord was lost")) }
        connection.send(command.payload).whenComplete { result in
            switch result {
            case .success: command.completion(.sent)
            case .failure: command.completion(.refused("the connection to Discord was lost"))
            }
        }
    }

    private func refuseCommands(_ reason: String) {
        commandTimer?.cancel()
        commandTimer = nil
        let refused = commands
        commands.removeAll()
        for command in refused { command.completion(.refused(reason)) }
    }
}
