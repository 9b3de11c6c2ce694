internal import NIOCore
internal import Shared

/// What a session needs to be resumed, besides the sequence number.
struct ResumableSession: Equatable, Sendable {
    var id: String
    /// Nil once it was given up, or if READY bore none: the general URL is used instead.
    var resumeURL: String?
}

/// What happens to a shard's session.
enum SessionEvent: Equatable, Sendable {
    case start
    /// The identify limiter lets this shard identify.
    case permitGranted
    /// TCP, TLS and the WebSocket upgrade are done.
    case connected
    /// The connection could not be made, or ended; the close code if Discord sent one.
    case disconnected(code: UInt16?)
    /// A payload or the compressed stream cannot be read. `sequence`: the last one received before it.
    case unreadable(sequence: Int?)
    case hello(interval: TimeAmount)
    case heartbeatRequested
    case heartbeatAcknowledged
    case reconnectRequested
    case invalidSession(resumable: Bool)
    case ready(ResumableSession)
    case resumed
    /// The time in `nextDeadline` has come.
    case deadline
    case reidentify
    /// The queue could not take what was received. Without a number to resume from the session cannot be resumed.
    case refused(isResumable: Bool)
    /// What the queue has room for has changed.
    case intake(Intake)
    case shutdown
}

/// What is to be done about it, in order.
enum SessionAction: Equatable, Sendable {
    enum Target: Equatable, Sendable {
        /// The URL from `GET /gateway/bot`.
        case general
        case resume(url: String)
    }

    enum Ending: Equatable, Sendable {
        case shutdown
        /// Discord closed with a code after which reconnecting is pointless.
        case fatal(code: UInt16, exit: ProcessExit)
    }

    case requestPermit
    /// The permit asked for or granted is not needed any more.
    case withdrawPermit
    case connect(Target)
    case identify
    case resume(session: String)
    case heartbeat
    /// Send a close frame with this code; the connection is no longer this session's.
    case close(code: UInt16)
    /// The session cannot be resumed: what Discord did not deliver of it is lost.
    case forget(session: String, reason: String, byOperator: Bool)
    /// The session is live, newly begun or resumed.
    case live(resumed: Bool)
    case warn(String)
    case ended(Ending)
}

/// One shard's session with Discord: when to connect where, to identify or resume, to beat, to close and to wait.
///
/// Gets events, the time and a source of randomness, returns what to do. Sequence numbers are no business of it.
struct SessionStateMachine: Sendable {
    /// The numbers it decides by.
    struct Limits: Equatable, Sendable {
        /// TCP, TLS and upgrade on the resume URL; short, because the session lives for a minute or two only.
        var resumeConnect: TimeAmount = .seconds(5)
        /// The same on the general URL.
        var connect: TimeAmount = .seconds(15)
        /// From the upgrade to Hello, which Discord sends at once.
        var hello: TimeAmount = .seconds(10)
        /// Connections in a row that a resume URL may fail before the general one is used.
        var resumeURLFailures = 3
        /// Longest wait between two attempts.
        var longestWait: TimeAmount = .seconds(60)
        /// First wait after a failure; doubles with each.
        var firstWait: TimeAmount = .milliseconds(500)
        /// A session that was live for so long has proved itself: waits start over.
        var proof: TimeAmount = .seconds(30)
        /// Added to the wait after 4008.
        var rateLimited: TimeAmount = .seconds(10)
        /// Wait after op 9, at random between these (discord-api-docs #5323).
        var invalidSession: ClosedRange<Int64> = 1000...5000
        /// Unreadable payloads in a row at one point of a session before it is given up: replayed, it would fail for ever.
        var unreadable = 3
    }

    enum Phase: Equatable, Sendable {
        case waiting(until: NIODeadline)
        /// Until the queue has room again.
        case held
        case awaitingPermit
        case connecting(until: NIODeadline)
        case awaitingHello(until: NIODeadline)
        case identifying
        case resuming
        case ready(since: NIODeadline)
        case ended(SessionAction.Ending?)
    }

    /// The code that leaves a session resumable.
    static let resumable = UInt16(GatewayCloseCode.resumable)

    private(set) var phase: Phase = .ended(nil)
    private(set) var session: ResumableSession?
    private(set) var heartbeat: Heartbeat?
    /// Why it waits, in words.
    private(set) var note: String?
    private let limits: Limits
    private var failures = 0
    private var resumeURLFailures = 0
    private var holdsPermit = false
    /// An operator asked for a new session; the old one goes on until the permit is there.
    private var wantsNewSession = false
    private var intake = Intake.everything
    private var unreadableAt: Int?
    private var unreadableCount = 0

    /// - Parameter session: one read back from disk.
    init(session: ResumableSession?, limits: Limits = Limits()) {
        self.session = session
        self.limits = limits
    }

    /// When to send `.deadline`; nil for not at all.
    var nextDeadline: NIODeadline? {
        switch phase {
        case .waiting(let until), .connecting(let until): until
        case .awaitingHello(let until): until
        case .identifying, .resuming, .ready: heartbeat?.next
        case .held, .awaitingPermit, .ended: nil
        }
    }

    /// Whether dispatches of the present connection are this session's.
    var takesDispatches: Bool {
        switch phase {
        case .identifying, .resuming, .ready: true
        case .waiting, .held, .awaitingPermit, .connecting, .awaitingHello, .ended: false
        }
    }

    var isReady: Bool {
        if case .ready = phase { true } else { false }
    }

    /// The process stood still for `gap`, and its sockets have been read since: everybody gets that much more time.
    mutating func extend(by gap: TimeAmount) {
        switch phase {
        case .connecting(let until): phase = .connecting(until: until + gap)
        case .awaitingHello(let until): phase = .awaitingHello(until: until + gap)
        case .waiting, .held, .awaitingPermit, .identifying, .resuming, .ready, .ended: break
        }
        heartbeat?.extend(by: gap)
    }

    mutating func handle(
        _ event: SessionEvent, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        if case .ended(let ending) = phase {
            if case .intake(let intake) = event { self.intake = intake }
            guard ending == nil, event == .start else { return [] }
        }
        switch event {
        case .start: return start(now: now, using: &random)
        case .permitGranted: return permitGranted(now: now)
        case .connected:
            guard case .connecting = phase else { return [] }
            phase = .awaitingHello(until: now + limits.hello)
            return []
        case .disconnected(let code): return disconnected(code: code, now: now, using: &random)
        case .unreadable(let sequence): return unreadable(after: sequence, now: now, using: &random)
        case .hello(let interval): return hello(interval: interval, now: now, using: &random)
        case .heartbeatRequested:
            guard heartbeat != nil else { return [] }
            heartbeat?.beatOnRequest(now: now)
            return [.heartbeat]
        case .heartbeatAcknowledged:
            heartbeat?.acknowledged(now: now)
            return []
        case .reconnectRequested: return reconnectRequested(now: now, using: &random)
        case .invalidSession(let resumable): return invalidSession(resumable: resumable, now: now, using: &random)
        case .ready(let session):
            guard takesDispatches else { return [] }
            self.session = session
            return live(resumed: false, now: now)
        case .resumed:
            guard takesDispatches else { return [] }
            return live(resumed: true, now: now)
        case .deadline: return deadline(now: now, using: &random)
        case .reidentify: return reidentify(now: now)
        case .refused(let isResumable): return refused(isResumable: isResumable, now: now, using: &random)
        case .intake(let intake): return intakeChanged(to: intake, now: now)
        case .shutdown: return end(.shutdown, closing: true)
        }
    }
}

// MARK: - Connecting

extension SessionStateMachine {
    /// A little jitter, so that shards that start together do not connect together.
    private mutating func start(now: NIODeadline, using random: inout some RandomNumberGenerator) -> [SessionAction] {
        guard session != nil else { return proceed(now: now) }
        phase = .waiting(until: now + .milliseconds(.random(in: 0...250, using: &random)))
        return []
    }

    /// Connects for a resume, or asks for the permit without which nobody connects to identify.
    private mutating func proceed(now: NIODeadline) -> [SessionAction] {
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

    private mutating func connect(_ target: SessionAction.Target, now: NIODeadline) -> [SessionAction] {
        note = nil
        phase = .connecting(until: now + (target == .general ? limits.connect : limits.resumeConnect))
        return [.connect(target)]
    }

    private mutating func permitGranted(now: NIODeadline) -> [SessionAction] {
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

    private mutating func hello(
        interval: TimeAmount, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard case .awaitingHello = phase else { return [] }
        heartbeat = Heartbeat(interval: interval, jitter: .random(in: 0..<1, using: &random), now: now)
        if let session {
            phase = .resuming
            return [.resume(session: session.id)]
        }
        phase = .identifying
        holdsPermit = false
        return [.identify]
    }

    private mutating func live(resumed: Bool, now: NIODeadline) -> [SessionAction] {
        phase = .ready(since: now)
        note = nil
        resumeURLFailures = 0
        return [.live(resumed: resumed)]
    }

    private mutating func intakeChanged(to intake: Intake, now: NIODeadline) -> [SessionAction] {
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

    private mutating func reidentify(now: NIODeadline) -> [SessionAction] {
        // Without a session it is about to identify anyway.
        guard session != nil, !wantsNewSession else { return [] }
        wantsNewSession = true
        return [.requestPermit]
    }
}

// MARK: - Ending

extension SessionStateMachine {
    private var hasConnection: Bool {
        switch phase {
        case .connecting, .awaitingHello, .identifying, .resuming, .ready: true
        case .waiting, .held, .awaitingPermit, .ended: false
        }
    }

    private mutating func disconnected(
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
    private mutating func connectionFailed() -> [SessionAction] {
        failures += 1
        switch phase {
        case .connecting, .awaitingHello: break
        case .waiting, .held, .awaitingPermit, .identifying, .resuming, .ready, .ended: return []
        }
        guard let url = session?.resumeURL else { return [] }
        resumeURLFailures += 1
        guard resumeURLFailures >= limits.resumeURLFailures else { return [] }
        session?.resumeURL = nil
        resumeURLFailures = 0
        return [.warn("\(url) does not connect; resuming through the general URL")]
    }

    /// Payload or stream cannot be read: away with the connection, and everything since the durable sequence again.
    private mutating func unreadable(
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

    private mutating func reconnectRequested(
        now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        note = "Discord asked to reconnect"
        // On a session that has been live for a while it is everyday, before that a failure like others.
        let actions: [SessionAction] = isProven(now: now) ? [] : connectionFailed()
        return [.close(code: Self.resumable)] + actions + wait(now: now, using: &random)
    }

    private mutating func refused(
        isResumable: Bool, now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        guard hasConnection else { return [] }
        var actions: [SessionAction] = [.close(code: Self.resumable)]
        if !isResumable { actions += forget(because: "it could not be written down that it has begun") }
        note = "the queue cannot take events"
        return actions + wait(now: now, using: &random)
    }

    private mutating func invalidSession(
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

    private mutating func deadline(
        now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [SessionAction] {
        switch phase {
        case .waiting(let until):
            return now >= until ? proceed(now: now) : []
        case .connecting(let until), .awaitingHello(let until):
            guard now >= until else { return [] }
            let stage = if case .connecting = phase { "no connection" } else { "no Hello" }
            let actions: [SessionAction] =
                [.close(code: Self.resumable), .warn("\(stage) in time")] + connectionFailed()
            note = "\(stage) in time"
            return actions + wait(now: now, using: &random)
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

    private mutating func forget(because reason: String, byOperator: Bool = false) -> [SessionAction] {
        guard let forgotten = session else { return [] }
        session = nil
        resumeURLFailures = 0
        unreadableAt = nil
        return [.forget(session: forgotten.id, reason: reason, byOperator: byOperator)]
    }

    private func isProven(now: NIODeadline) -> Bool {
        if case .ready(let since) = phase { now - since >= limits.proof } else { false }
    }

    /// Waits before the next attempt: at random up to the first wait, then doubling, half of it at random. A permit that
    /// was not used goes to whoever can connect.
    private mutating func wait(
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

    private mutating func end(_ ending: SessionAction.Ending, closing: Bool) -> [SessionAction] {
        var actions: [SessionAction] = hasConnection && closing ? [.close(code: Self.resumable)] : []
        if holdsPermit || phase == .awaitingPermit || wantsNewSession { actions.append(.withdrawPermit) }
        phase = .ended(ending)
        heartbeat = nil
        note = nil
        return actions + [.ended(ending)]
    }
}
