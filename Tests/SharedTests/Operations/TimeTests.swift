import NIOCore
import Shared
import Synchronization
import Testing

@Suite struct BackoffTests {
    @Test func `waits double up to the maximum and start over after a success`() {
        var random = SystemRandomNumberGenerator()
        var backoff = Backoff(first: .milliseconds(250), maximum: .seconds(10), jitter: 0)
        let waits = (0..<8).map { _ in backoff.next(using: &random) }
        #expect(waits == [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000].map { .milliseconds($0) })
        backoff.reset()
        #expect(backoff.next(using: &random) == .milliseconds(250))
    }

    @Test func `a wait is spread by the jitter and no further`() throws {
        var random = SystemRandomNumberGenerator()
        let waits = (0..<1000).map { _ in
            var backoff = Backoff(first: .seconds(1), maximum: .seconds(60))
            return backoff.next(using: &random)
        }
        // That a thousand waits miss an eighth of their range has a chance of 10^-58.
        #expect((Duration.milliseconds(800)...(.milliseconds(850))).contains(try #require(waits.min())))
        #expect((Duration.milliseconds(1150)...(.milliseconds(1200))).contains(try #require(waits.max())))
    }

    @Test func `many failures do not overflow`() {
        var random = SystemRandomNumberGenerator()
        var backoff = Backoff(first: .nanoseconds(1), maximum: .seconds(1 << 40), jitter: 0)
        for _ in 0..<10_000 { #expect(backoff.next(using: &random) <= .seconds(1 << 40)) }
    }
}

@Suite struct ProcessClockTests {
    @Test func `the wall clock is one of our time, in microseconds that fit an id`() {
        let wall = ProcessClock.wallMicroseconds
        #expect(wall > 1_700_000_000_000_000 && wall < 1 << 53)
    }
}

@Suite struct StandstillTests {
    @Test func `a pause of the loop is a gap that holds deadlines until the sockets are read`() {
        var monitor = LoopMonitor(now: .uptimeNanoseconds(0))
        func at(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(milliseconds * 1_000_000) }
        #expect(monitor.tick(now: at(250)) == false)
        #expect(monitor.tick(now: at(1200)) == false)
        #expect(!monitor.isSettling(now: at(2400)))
        #expect(monitor.isSettling(now: at(9000)))
        #expect(monitor.tick(now: at(9000)) == true)
        #expect(monitor.isSettling(now: at(9050)))
        #expect(monitor.settled() == .milliseconds(7550))
        #expect(!monitor.isSettling(now: at(9100)))
        #expect(monitor.settled() == nil)
    }

    /// A clock whose sleeps end at once, each as much too late as a test says.
    private final class LateClock: Clock {
        private struct State {
            var now = ContinuousClock.now
            var sleeps: [Duration] = []
            var lateness: [Duration]
        }
        private let state: Mutex<State>
        let minimumResolution = Duration.zero
        var now: ContinuousClock.Instant { state.withLock { $0.now } }
        var sleeps: [Duration] { state.withLock { $0.sleeps } }

        init(lateness: [Duration]) { state = Mutex(State(lateness: lateness)) }

        func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
            state.withLock { state in
                state.sleeps.append(deadline - state.now)
                state.now = deadline + (state.lateness.isEmpty ? .zero : state.lateness.removeFirst())
            }
        }
    }

    @Test func `who wakes a little late has slept, who wakes much too late sleeps anew`() async throws {
        let calm = LateClock(lateness: [.milliseconds(900)])
        try await Standstill.sleep(for: .seconds(3), clock: calm)
        #expect(calm.sleeps == [.seconds(3)])
        let stopped = LateClock(lateness: [.seconds(60), .milliseconds(1100), .milliseconds(5)])
        try await Standstill.sleep(for: .seconds(3), clock: stopped)
        #expect(stopped.sleeps == [.seconds(3), .seconds(3), .seconds(3)])
    }
}
