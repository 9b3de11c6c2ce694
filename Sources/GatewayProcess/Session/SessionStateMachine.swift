internal import NIOCore
internal import Shared

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
        /// From RESUME, or the last replayed dispatch, to the next one. A replay is not kept for ever, so a resume that Discord does
        /// not answer must not be waited for as an identify is (gateway.mdx, Resuming).
        var replay: TimeAmount = .seconds(60)
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
        case resuming(until: NIODeadline)
        case ready(since: NIODeadline)
        case ended(SessionAction.Ending?)
    }

    /// The code that leaves a session resumable.
    static let resumable = UInt16(GatewayCloseCode.resumable)

    var phase: Phase = .ended(nil)
    var session: ResumableSession?
    var heartbeat: Heartbeat?
    /// Why it waits, in words.
    var note: String?
    let limits: Limits
    var failures = 0
    var resumeURLFailures = 0
    var holdsPermit = false
    /// An operator asked for a new session; the old one goes on until the permit is there.
    var wantsNewSession = false
    var intake = Intake.everything
    var unreadableAt: Int?
    var unreadableCount = 0

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
        case .resuming(let until): min(until, heartbeat?.next ?? until)
        case .identifying, .ready: heartbeat?.next
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

    var isResuming: Bool {
        if case .resuming = phase { true } else { false }
    }

    /// Dispatches of a replay have come.
    mutating func replayed(now: NIODeadline) {
        if case .resuming = phase { phase = .resuming(until: now + limits.replay) }
    }

    /// The process stood still for `gap`, and its sockets have been read since: everybody gets that much more time.
    mutating func extend(by gap: TimeAmount) {
        switch phase {
        case .connecting(let until): phase = .connecting(until: until + gap)
        case .awaitingHello(let until): phase = .awaitingHello(until: until + gap)
        case .resuming(let until): phase = .resuming(until: until + gap)
        case .waiting, .held, .awaitingPermit, .identifying, .ready, .ended: break
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
