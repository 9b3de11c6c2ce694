public import NIOCore

/// Notices when the process stood still (SIGSTOP, a suspended machine), so that no deadline is missed by that alone.
///
/// A value: `tick` is called at short intervals, and says for how long nothing ran. Between the gap's end and `settled`
/// the sockets are read and deadlines do not count.
public struct LoopMonitor: Sendable {
    /// How often `tick` is called.
    public static let interval: TimeAmount = .milliseconds(250)
    /// A longer pause than this is a gap.
    public static let tolerance: TimeAmount = .seconds(1)
    /// For reading what the sockets hold.
    public static let settling: TimeAmount = .milliseconds(100)

    private var lastTick: NIODeadline
    private var gap: TimeAmount?

    /// Begins to watch.
    public init(now: NIODeadline) {
        lastTick = now
    }

    /// Whether deadlines do not count at the moment.
    public func isSettling(now: NIODeadline) -> Bool {
        gap != nil || now - lastTick > Self.tolerance + Self.interval
    }

    /// - Returns: whether a gap was found; call `settled` after `settling`.
    public mutating func tick(now: NIODeadline) -> Bool {
        let pause = now - lastTick - Self.interval
        lastTick = now
        guard pause > Self.tolerance else { return false }
        gap = gap.map { $0 + pause } ?? pause
        return true
    }

    /// The sockets have been read: what every deadline is to be put off by.
    public mutating func settled() -> TimeAmount? {
        defer { gap = nil }
        return gap
    }
}
