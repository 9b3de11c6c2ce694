internal import DequeModule
internal import NIOCore

/// How fast a counter grows, over the last seconds.
struct RateMeter {
    /// Long enough to smooth bursts, short enough to see a change.
    static let window: TimeAmount = .seconds(10)

    private var samples: Deque<(at: NIODeadline, total: Int)> = []

    /// Notes where the counter stands; called about once a second.
    mutating func note(_ total: Int, now: NIODeadline) {
        while samples.count > 1, let second = samples.dropFirst().first, now - second.at >= Self.window {
            samples.removeFirst()
        }
        samples.append((now, total))
    }

    /// Growth per second since the window's beginning.
    func perSecond(_ total: Int, now: NIODeadline) -> Double {
        guard let first = samples.first, now > first.at else { return 0 }
        let seconds = Double((now - first.at).nanoseconds) / 1e9
        // Less than this says more about the moment than about the counter.
        guard seconds >= 0.5 else { return 0 }
        return Double(total - first.total) / seconds
    }
}
