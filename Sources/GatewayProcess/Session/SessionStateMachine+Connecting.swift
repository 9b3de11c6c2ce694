internal import NIOCore
internal import Shared

/// How a session begins, or goes on.
extension SessionStateMachine {
    /// A little jitter, so that shards that start together do not connect together.
    mutating func start(now: NIODeadline, using random: inout some RandomNumberGenerator) -> [SessionAction] {
        guard session != nil else { return proceed(now: now) }
        phase = .waiting(until: now + .milliseconds(.random(in: 0...250, using: &random)))
        return []
    }

    /// Connects for a resume, or asks for the permit without which nobody connects to identify.
    mutating func proceed(now: NIODeadline) -> [SessionAction] {
        heartbeat = nil
        guard intake >= (session == nil ? .everything : .resumed) else {
            phase = .held
            note = "waits for room in the queue"
            guard holdsPermit else { return [] }
            holdsPermit = false
            return [.withdrawPermit]
        }
        guard let session else {
            if holdsPermit { return connect(.general, now: now) }
            phase = .awaitingPermit
            note = "waits for its turn to identify"
            return [.requestPermit]
        }
        guard let url = session.resumeURL else { return connect(.general, now: now) }
        return connect(.resume(url: url), now: now)
    }

    mutating func connect(_ target: SessionAction.Target, now: NIODeadline) -> [SessionAction] {
        note = nil
        phase = .connecting(until: now + (target == .general ? limits.connect : limits.resumeConnect))
        return [.connect(target)]
    }

    mutating func permitGranted(now: NIODeadline) -> [SessionAction] {
        holdsPermit = true
        if case .awaitingPermit = phase {
            wantsNewSession = false
            return proceed(now: now)
        }
        guard wantsNewSession else {
            // The session was found again meanwhile.
            holdsPermit = false
            return [.withdrawPermit]
        }
        wantsNewSession = false
        let hadConnection = hasConnection
        let forgotten = forget(because: "an operator asked for a new session", byOperator: true)
        return forgotten + (hadConnection ? [.close(code: Self.resumable)] : []) + proceed(now: now)
    }

    mutating func hello(
        interval: TimeAmount, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard case .awaitingHello = phase else { return [] }
        heartbeat = Heartbeat(interval: interval, jitter: .random(in: 0..<1, using: &random), now: now)
        if let session {
            phase = .resuming(until: now + limits.replay)
            return [.resume(session: session.id)]
        }
        phase = .identifying
        holdsPermit = false
        return [.identify]
    }

    mutating func live(resumed: Bool, now: NIODeadline) -> [SessionAction] {
        phase = .ready(since: now)
        note = nil
        resumeURLFailures = 0
        return [.live(resumed: resumed)]
    }

    mutating func intakeChanged(to intake: Intake, now: NIODeadline) -> [SessionAction] {
        self.intake = intake
        switch phase {
        case .held: return proceed(now: now)
        case .connecting, .awaitingHello, .identifying, .resuming, .ready:
            guard intake == .nothing else { return [] }
            return [.close(code: Self.resumable)] + proceed(now: now)
        case .awaitingPermit:
            guard intake < .everything else { return [] }
            return [.withdrawPermit] + proceed(now: now)
        // Whether there is room is asked when the wait is over.
        case .waiting, .ended: return []
        }
    }

    mutating func reidentify(now: NIODeadline) -> [SessionAction] {
        // Without a session it is about to identify anyway.
        guard session != nil, !wantsNewSession else { return [] }
        wantsNewSession = true
        return [.requestPermit]
    }
}
