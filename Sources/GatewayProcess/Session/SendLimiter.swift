internal import DequeModule
internal import NIOCore

/// What may be sent on one connection when (gateway.mdx, Rate Limiting): over 120 frames in 60 s Discord closes it.
///
/// A new connection starts a new count, and so a new limiter.
struct SendLimiter: Sendable {
    enum Kind: Sendable {
        /// Heartbeats, Identify, Resume: what keeps the session. Always goes.
        case vital
        /// Presence updates, five in 20 s besides.
        case presence
        case command
    }

    enum Decision: Equatable {
        case now
        case notBefore(NIODeadline)
    }

    static let window: TimeAmount = .seconds(60)
    static let maximumFrames = 120
    /// Kept for vital frames: a beat every 41 s, and some that Discord asks for.
    static let reserve = 10
    /// Beats in a window at Discord's usual interval, for which the reserve is made.
    static let usualBeats = 2
    static let presenceWindow: TimeAmount = .seconds(20)
    static let maximumPresences = 5
    /// Added to each window, because Discord counts when a frame arrives, not when it is sent.
    static let margin: TimeAmount = .seconds(1)

    /// How often a heartbeat is due on this connection, once Hello has said it.
    var heartbeatInterval: TimeAmount?

    private var frames = Deque<NIODeadline>()
    /// Of the frames, those that are not vital.
    private var others = Deque<NIODeadline>()
    private var presences = Deque<NIODeadline>()

    /// Whether a frame of that kind may go now; if so it counts as sent.
    mutating func send(_ kind: Kind, now: NIODeadline) -> Decision {
        forget(now: now)
        if kind != .vital, frames.count >= Self.maximumFrames - Self.reserve {
            let oldest = frames[frames.count - (Self.maximumFrames - Self.reserve)]
            return .notBefore(oldest + Self.window + Self.margin)
        }
        if kind != .vital, others.count >= maximumOthers {
            return .notBefore(others[others.count - maximumOthers] + Self.window + Self.margin)
        }
        if kind == .presence {
            if presences.count >= Self.maximumPresences {
                return .notBefore(
                    presences[presences.count - Self.maximumPresences] + Self.presenceWindow + Self.margin)
            }
            presences.append(now)
        }
        frames.append(now)
        if kind != .vital { others.append(now) }
        return .now
    }

    /// How many frames of a window leave room for the reserve, and for the beats of a window that are more than it is for:
    /// Discord chooses the interval. At least one, or commands would never go.
    private var maximumOthers: Int {
        let beats = heartbeatInterval.map { Int(Self.window.nanoseconds / max(1, $0.nanoseconds)) + 1 } ?? 0
        return max(1, Self.maximumFrames - Self.reserve - max(0, beats - Self.usualBeats))
    }

    private mutating func forget(now: NIODeadline) {
        while let first = frames.first, now - first >= Self.window + Self.margin { frames.removeFirst() }
        while let first = others.first, now - first >= Self.window + Self.margin { others.removeFirst() }
        while let first = presences.first, now - first >= Self.presenceWindow + Self.margin { presences.removeFirst() }
    }
}
