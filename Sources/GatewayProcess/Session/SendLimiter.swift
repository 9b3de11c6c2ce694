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
    static let presenceWindow: TimeAmount = .seconds(20)
    static let maximumPresences = 5
    /// Added to each window, because Discord counts when a frame arrives, not when it is sent.
    static let margin: TimeAmount = .seconds(1)

    private var frames = Deque<NIODeadline>()
    private var presences = Deque<NIODeadline>()

    /// Whether a frame of that kind may go now; if so it counts as sent.
    mutating func send(_ kind: Kind, now: NIODeadline) -> Decision {
        forget(now: now)
        if kind != .vital, frames.count >= Self.maximumFrames - Self.reserve {
            let oldest = frames[frames.count - (Self.maximumFrames - Self.reserve)]
            return .notBefore(oldest + Self.window + Self.margin)
        }
        if kind == .presence {
            if presences.count >= Self.maximumPresences {
                return .notBefore(
                    presences[presences.count - Self.maximumPresences] + Self.presenceWindow + Self.margin)
            }
            presences.append(now)
        }
        frames.append(now)
        return .now
    }

    private mutating func forget(now: NIODeadline) {
        while let first = frames.first, now - first >= Self.window + Self.margin { frames.removeFirst() }
        while let first = presences.first, now - first >= Self.presenceWindow + Self.margin { presences.removeFirst() }
    }
}
