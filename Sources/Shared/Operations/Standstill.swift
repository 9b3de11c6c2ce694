internal import NIOCore

/// Waits that a standstill of the process (SIGSTOP, a suspended machine) does not count for, without a loop that looks for one: who
/// wakes much too late stood still.
public enum Standstill {
    /// Waking later than this is a standstill, as for `LoopMonitor`.
    public static let tolerance = Duration.nanoseconds(LoopMonitor.tolerance.nanoseconds)

    /// Sleeps; anew after a standstill, which gives what has come meanwhile the time to be read.
    public static func sleep<Time: Clock>(
        for duration: Duration, clock: Time = ContinuousClock()
    ) async throws where Time.Duration == Duration {
        while true {
            let end = clock.now.advanced(by: duration)
            try await clock.sleep(until: end, tolerance: nil)
            guard end.duration(to: clock.now) > tolerance else { return }
        }
    }
}
