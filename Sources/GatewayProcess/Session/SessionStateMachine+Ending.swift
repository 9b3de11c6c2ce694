internal import NIOCore
internal import Shared

/// How connections end, and what follows.
extension SessionStateMachine {
    var hasConnection: Bool {
        switch phase {
        case .connecting, .awaitingHello, .identifying, .resuming, .ready: true
        case .waiting, .held, .awaitingPermit, .ended: false
        }
    }

    mutating func disconnected(
        code: UInt16?, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        let disposition = GatewayCloseCode.disposition(of: code.map(Int.init))
        if case .fatal(let exit) = disposition { return end(.fatal(code: code ?? 0, exit: exit), closing: false) }
        let why = code.map { "Discord closed the connection with \($0)" } ?? "the connection was lost"
        var actions = connectionFailed()
        if disposition == .identify { actions += forget(because: why) }
        note = why
        let tooFast = code.map(Int.init) == GatewayCloseCode.rateLimited.rawValue
        let extra: TimeAmount = tooFast ? limits.rateLimited : .zero
        return actions + wait(extra: extra, now: now, using: &random)
    }

    /// Counts a failure, and one of the resume URL if that did not get as far as Hello.
    mutating func connectionFailed() -> [SessionAction] {
        failures += 1
        switch phase {
        case .connecting, .awaitingHello: return resumeURLFailed()
        case .waiting, .held, .awaitingPermit, .identifying, .resuming, .ready, .ended: return []
        }
    }

    private mutating func resumeURLFailed() -> [SessionAction] {
        guard let url = session?.resumeURL else { return [] }
        resumeURLFailures += 1
        guard resumeURLFailures >= limits.resumeURLFailures else { return [] }
        session?.resumeURL = nil
        resumeURLFailures = 0
        return [.warn("\(url) does not do; resuming through the general URL")]
    }

    /// Payload or stream cannot be read: away with the connection, and everything since the durable sequence again.
    mutating func unreadable(
        after sequence: Int?, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        unreadableCount = sequence == unreadableAt ? unreadableCount + 1 : 1
        unreadableAt = sequence
        var actions: [SessionAction] = [.close(code: Self.resumable)] + connectionFailed()
        if unreadableCount >= limits.unreadable {
            unreadableCount = 0
            actions += forget(
                because: "the payload after sequence \(sequence ?? 0) could not be read \(limits.unreadable) times")
        }
        note = "Discord sent something unreadable"
        return actions + wait(now: now, using: &random)
    }

    mutating func reconnectRequested(
        now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        note = "Discord asked to reconnect"
        // On a session that has been live for a while it is everyday, before that a failure like others.
        let actions: [SessionAction] = isProven(now: now) ? [] : connectionFailed()
        return [.close(code: Self.resumable)] + actions + wait(now: now, using: &random)
    }

    mutating func refused(
        isResumable: Bool, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        var actions: [SessionAction] = [.close(code: Self.resumable)]
        if !isResumable { actions += forget(because: "it could not be written down that it has begun") }
        note = "the queue cannot take events"
        return actions + wait(now: now, using: &random)
    }

    mutating func invalidSession(
        resumable: Bool, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        var actions: [SessionAction] = [.close(code: Self.resumable)]
        if phase == .identifying { failures += 1 }
        if !resumable { actions += forget(because: "Discord says the session is invalid") }
        note = "Discord said the session is invalid"
        actions += wait(now: now, using: &random)
        if case .waiting(let until) = phase {
            let pause = now + .milliseconds(.random(in: limits.invalidSession, using: &random))
            phase = .waiting(until: max(until, pause))
        }
        return actions
    }

    mutating func deadline(
        now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        switch phase {
        case .waiting(let until):
            return now >= until ? proceed(now: now) : []
        case .connecting(let until), .awaitingHello(let until):
            guard now >= until else { return [] }
            let stage = if case .connecting = phase { "no connection" } else { "no Hello" }
            return giveUp("\(stage) in time", now: now, using: &random)
        case .resuming(let until) where now >= until:
            return giveUp("no answer to RESUME in time", now: now, using: &random)
        case .identifying, .resuming, .ready:
            switch heartbeat?.due(now: now) {
            case .beat: return [.heartbeat]
            case .zombie:
                let actions: [SessionAction] = [
                    .close(code: Self.resumable), .warn("no heartbeat was acknowledged: the connection is dead"),
                ]
                _ = connectionFailed()
                note = "no heartbeat was acknowledged"
                return actions + wait(now: now, using: &random)
            case .no, nil: return []
            }
        case .held, .awaitingPermit, .ended:
            return []
        }
    }

    private mutating func giveUp(
        _ reason: String, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        var actions: [SessionAction] = [.close(code: Self.resumable), .warn(reason)]
        if isResuming {
            failures += 1
            actions += resumeURLFailed()
        } else {
            actions += connectionFailed()
        }
        note = reason
        return actions + wait(now: now, using: &random)
    }

    mutating func forget(because reason: String, byOperator: Bool = false) -> [SessionAction] {
        guard let forgotten = session else { return [] }
        session = nil
        resumeURLFailures = 0
        unreadableAt = nil
        return [.forget(session: forgotten.id, reason: reason, byOperator: byOperator)]
    }

    func isProven(now: NIODeadline) -> Bool {
        if case .ready(let since) = phase { now - since >= limits.proof } else { false }
    }

    /// Waits before the next attempt: at random up to the first wait, then doubling, half of it at random. A permit that
    /// was not used goes to whoever can connect.
    mutating func wait(
        extra: TimeAmount = .zero, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        if isProven(now: now) { failures = min(failures, 1) }
        heartbeat = nil
        let first = limits.firstWait.nanoseconds
        let delay: Int64
        if failures <= 1 {
            delay = .random(in: 0...first, using: &random)
        } else {
            let ceiling = min(limits.longestWait.nanoseconds, first << Int64(min(failures - 1, 20)))
            delay = .random(in: ceiling / 2...ceiling, using: &random)
        }
        phase = .waiting(until: now + .nanoseconds(delay) + extra)
        guard holdsPermit else { return [] }
        holdsPermit = false
        return [.withdrawPermit]
    }

    mutating func end(_ ending: SessionAction.Ending, closing: Bool) -> [SessionAction] {
        var actions: [SessionAction] = hasConnection && closing ? [.close(code: Self.resumable)] : []
        if holdsPermit || phase == .awaitingPermit || wantsNewSession { actions.append(.withdrawPermit) }
        phase = .ended(ending)
        heartbeat = nil
        note = nil
        return actions + [.ended(ending)]
    }
}
