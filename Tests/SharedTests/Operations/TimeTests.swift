import Shared
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
