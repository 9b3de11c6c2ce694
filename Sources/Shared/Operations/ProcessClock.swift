internal import Glibc
public import NIOCore

/// The two clocks of a process.
public enum ProcessClock {
    /// For everything that waits. CLOCK_MONOTONIC, as NIO's own timers use, not CLOCK_BOOTTIME: it stands still while the machine
    /// is suspended, and so do the deadlines; nothing has to be put right after it but what the other side closed meanwhile,
    /// which the sockets tell.
    public static var now: NIODeadline { .now() }

    /// For what others read, in microseconds since 1970: ids, times in frames, past identifies. It can jump either way.
    public static var wallMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

/// Notices that a process itself stood still, by SIGSTOP or a machine that was too busy or paused: nothing that was due in the
/// gap can be held against anybody else.
///
/// The owner calls `tick` on its loop every `interval`. When that returns a gap, it reads its sockets first, and then adds the
/// gap to every deadline, or compares deadlines with `loopTime`, which does the same.
public struct GapDetector: Sendable, Equatable {
    /// A loop that is later than this has stood still.
    public static let threshold: TimeAmount = .seconds(1)

    /// How often the owner ticks.
    public let interval: TimeAmount
    /// All gaps so far.
    public private(set) var total: TimeAmount = .zero
    private var last: NIODeadline

    /// Starts at a time.
    public init(interval: TimeAmount, now: NIODeadline) {
        self.interval = interval
        last = now
    }

    /// Takes note of the time.
    /// - Returns: how long the loop stood still, if that is longer than the threshold.
    public mutating func tick(_ now: NIODeadline) -> TimeAmount? {
        let late = now - last - interval
        last = now
        guard late > Self.threshold else { return nil }
        total = total + late
        return late
    }

    /// The time less all gaps noticed so far.
    public func loopTime(at now: NIODeadline) -> NIODeadline { now - total }
}
