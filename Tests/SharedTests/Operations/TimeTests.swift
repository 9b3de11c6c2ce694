import NIOCore
import Shared
import Testing

@Suite struct GapDetectorTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test(
        arguments: [
            // milliseconds since the last tick, the gap found in milliseconds
            (0, nil), (250, nil), (1000, nil), (1250, nil), (1251, 1001), (60_250, 60_000),
        ] as [(Int64, Int64?)])
    func `a loop that is more than a second late has stood still`(elapsed: Int64, gap: Int64?) {
        var detector = GapDetector(interval: .milliseconds(250), now: Self.start)
        #expect(detector.tick(Self.start + .milliseconds(elapsed)) == gap.map { .milliseconds($0) })
    }

    @Test func `loop time leaves out all gaps, so that deadlines need no change`() {
        var detector = GapDetector(interval: .milliseconds(250), now: Self.start)
        var now = Self.start
        for step in [250, 5250, 250, 100, 2250] as [Int64] {
            now = now + .milliseconds(step)
            _ = detector.tick(now)
        }
        #expect(detector.total == .seconds(7))
        #expect(detector.loopTime(at: now) == now - .seconds(7))
    }
}

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
    @Test func `both clocks go`() {
        let wall = ProcessClock.wallMicroseconds
        let now = ProcessClock.now
        #expect(wall > 1_700_000_000_000_000 && wall < 1 << 53)
        #expect(ProcessClock.now >= now)
    }
}
