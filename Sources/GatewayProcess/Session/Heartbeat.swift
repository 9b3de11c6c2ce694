internal import NIOCore

/// When to beat, and whether the connection answers (gateway.mdx, Sending Heartbeats).
struct Heartbeat: Equatable, Sendable {
    enum Due: Equatable {
        case no
        case beat
        /// No acknowledgement came between two beats: the connection is dead, whatever TCP says.
        case zombie
    }

    let interval: TimeAmount
    private(set) var next: NIODeadline
    private var awaitsAcknowledgement = false
    private var sentAt: NIODeadline?
    /// Between the last beat and its acknowledgement.
    private(set) var latency: TimeAmount?

    /// - Parameter jitter: 0 up to 1; spreads the first beats of connections made together.
    init(interval: TimeAmount, jitter: Double, now: NIODeadline) {
        self.interval = interval
        next = now + .nanoseconds(Int64(Double(interval.nanoseconds) * jitter))
    }

    mutating func due(now: NIODeadline) -> Due {
        guard now >= next else { return .no }
        guard !awaitsAcknowledgement else { return .zombie }
        next = now + interval
        awaitsAcknowledgement = true
        sentAt = now
        return .beat
    }

    /// Discord asked for a beat at once. The timer goes on, and that beat does not start another wait.
    mutating func beatOnRequest(now: NIODeadline) {
        sentAt = now
    }

    mutating func acknowledged(now: NIODeadline) {
        awaitsAcknowledgement = false
        if let sentAt { latency = now - sentAt }
        sentAt = nil
    }

    /// The process stood still for that long: an acknowledgement gets that much more time. A beat that fell due
    /// meanwhile is late already and stays due.
    mutating func extend(by gap: TimeAmount) {
        if awaitsAcknowledgement { next = next + gap }
    }
}
