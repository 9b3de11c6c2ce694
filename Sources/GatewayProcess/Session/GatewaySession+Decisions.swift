internal import Logging
internal import NIOCore
internal import Shared

/// Carries out what the state machine decides.
extension GatewaySession {
    func handle(_ event: SessionEvent) {
        let actions = machine.handle(event, now: .now(), using: &random)
        takesDispatches = machine.takesDispatches
        isResuming = machine.isResuming
        sessionID = machine.session?.id
        for action in actions { perform(action) }
        rearm()
    }

    func perform(_ action: SessionAction) {
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

    func connect(_ target: SessionAction.Target) {
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

    func identify() {
        counters.identifies += 1
        floor = nil
        readySequence = nil
        readyData = nil
        lastReceived = nil
        sendVital(OutgoingPayload.identify(identity, shard: shard))
        host.identified(shard)
        logger.info("identifying")
    }

    func resume(_ session: String) {
        counters.resumes += 1
        let sequence = sentSequence(of: session) ?? 0
        sendVital(OutgoingPayload.resume(token: identity.token, session: session, sequence: sequence))
        logger.info("resuming", metadata: ["sequence": "\(sequence)"])
    }

    func heartbeat() {
        sendVital(OutgoingPayload.heartbeat(sequence: machine.session.flatMap { sentSequence(of: $0.id) }))
    }

    func sendVital(_ payload: ByteBuffer) {
        _ = sendLimiter.send(.vital, now: .now())
        _ = connection?.send(payload)
    }

    func close(code: UInt16) {
        pendingTarget = nil
        closing = connection?.close(code: code)
        connection = nil
        connectionNumber += 1
        refuseCommands("the connection to Discord was closed")
    }

    func forget(_ session: String, reason: String, byOperator: Bool) {
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

    func live(resumed: Bool) {
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
    func rearm() {
        let deadline = machine.nextDeadline
        guard deadline != timerDeadline else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = deadline.map { deadline in
            eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.deadlineCame() } }
        }
    }

    func deadlineCame() {
        timer = nil
        timerDeadline = nil
        guard !host.holdsDeadlines(now: .now()) else {
            // `extendDeadlines` sets the timer again.
            return
        }
        handle(.deadline)
    }
}
