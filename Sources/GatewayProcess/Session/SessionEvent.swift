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
