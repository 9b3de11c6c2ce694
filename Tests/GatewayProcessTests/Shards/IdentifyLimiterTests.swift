import NIOCore
import Testing

@testable import GatewayProcess

struct IdentifyLimiterTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000_000)
    private static let wall: Int64 = 1_764_000_000_000_000
    private static let second: Int64 = 1_000_000

    /// A limiter with its clocks.
    private struct Bench {
        var limiter: IdentifyLimiter
        var passed: TimeAmount = .zero

        init(history: [PastIdentify] = [], limit: SessionStartLimit? = nil, concurrency: Int = 1, total: Int = 1000) {
            limiter = IdentifyLimiter(history: history, now: start, wall: wall)
            limiter.update(
                limit
                    ?? SessionStartLimit(
                        total: total, remaining: total, resetsAt: start + .hours(24), maxConcurrency: concurrency))
        }

        var now: NIODeadline { start + passed }
        var wallNow: Int64 { wall + passed.nanoseconds / 1000 }

        /// All that may go now.
        mutating func grants() -> [Int] {
            var granted: [Int] = []
            while case .grant(let shard) = limiter.next(now: now, wall: wallNow) { granted.append(shard) }
            return granted
        }

        mutating func next() -> IdentifyLimiter.Decision { limiter.next(now: now, wall: wallNow) }
        mutating func sent(_ shards: Int...) {
            for shard in shards { limiter.sent(shard: shard, now: now, wall: wallNow) }
        }
        mutating func request(_ shards: some Sequence<Int>) { for shard in shards { limiter.request(shard: shard) } }
    }

    @Test func `Nobody identifies before Discord has told its limits`() {
        var limiter = IdentifyLimiter(history: [], now: Self.start, wall: Self.wall)
        limiter.request(shard: 0)
        #expect(limiter.next(now: Self.start, wall: Self.wall) == .idle)
    }

    @Test func `One bucket lets one go every five seconds and a margin, measured from the send`() {
        var bench = Bench()
        bench.request(0..<3)
        #expect(bench.grants() == [0])
        bench.passed = .seconds(20)
        #expect(bench.grants() == [])
        bench.sent(0)
        #expect(bench.next() == .wait(until: bench.now + .milliseconds(5250), why: nil))
        bench.passed = .milliseconds(25_249)
        #expect(bench.grants() == [])
        bench.passed = .milliseconds(25_250)
        #expect(bench.grants() == [1])
    }

    @Test func `Buckets go in order, a group of shards at a time`() {
        var bench = Bench(concurrency: 4)
        bench.request((0..<10).reversed())
        #expect(bench.grants() == [0, 1, 2, 3])
        bench.sent(0, 1, 2)
        bench.passed = .seconds(6)
        #expect(bench.grants() == [4, 5, 6])
        bench.sent(3)
        bench.passed = .seconds(12)
        #expect(bench.grants() == [7])
        bench.sent(4, 5, 6, 7)
        bench.passed = .seconds(18)
        #expect(bench.grants() == [8, 9])
    }

    @Test func `A permit given back lets the next of the bucket go`() {
        var bench = Bench()
        bench.request(0..<2)
        #expect(bench.grants() == [0])
        bench.limiter.withdraw(shard: 0)
        #expect(bench.grants() == [1])
    }

    @Test func `What was sent before a restart still spaces its bucket`() {
        var bench = Bench(history: [PastIdentify(at: Self.wall - 2 * Self.second, shard: 0)])
        bench.request([0])
        #expect(bench.next() == .wait(until: Self.start + .milliseconds(3250), why: nil))
    }

    @Test func `An identify in the future counts as now`() {
        var bench = Bench(history: [PastIdentify(at: Self.wall + 999_999 * Self.second, shard: 0)])
        bench.request([0])
        #expect(bench.next() == .wait(until: Self.start + .milliseconds(5250), why: nil))
    }

    @Test func `What Discord says remains is spent down to the reserve, then its reset is awaited`() {
        let limit = SessionStartLimit(
            total: 1000, remaining: 102, resetsAt: Self.start + .hours(3), maxConcurrency: 16)
        var bench = Bench(limit: limit)
        bench.request(0..<16)
        #expect(bench.grants() == [0, 1])
        guard case .wait(let until, let why) = bench.next() else {
            Issue.record("should wait")
            return
        }
        #expect(until == Self.start + .hours(3))
        #expect(why?.contains("session_start_limit") == true)
        bench.sent(0, 1)
        bench.passed = .hours(3)
        #expect(bench.grants() == Array(2..<16))
    }

    @Test func `An exhausted limit is waited out`() {
        let limit = SessionStartLimit(total: 5, remaining: 0, resetsAt: Self.start + .minutes(7), maxConcurrency: 1)
        var bench = Bench(limit: limit)
        bench.request([0])
        guard case .wait(let until, _) = bench.next() else {
            Issue.record("should wait")
            return
        }
        #expect(until == Self.start + .minutes(7))
        bench.passed = .minutes(7)
        #expect(bench.grants() == [0])
    }

    @Test func `The own count over restarts holds even if Discord says that plenty remain`() {
        let history = (0..<900).map {
            PastIdentify(at: Self.wall - Int64(80_000 - $0) * Self.second, shard: $0 % 50 + 10)
        }
        var bench = Bench(history: history)
        bench.request([0])
        guard case .wait(let until, let why) = bench.next() else {
            Issue.record("should wait")
            return
        }
        #expect(why?.contains("24 hours") == true)
        // The oldest leaves the last day 6400 s from now.
        #expect(until == Self.start + .seconds(6400))
        bench.passed = .seconds(6400)
        #expect(bench.grants() == [0])
    }

    @Test func `A crash loop of one shard spends a small part of the day's identifies`() {
        var history: [PastIdentify] = []
        var passed = TimeAmount.zero
        // Every process identifies as soon as it may and crashes at once, all day long.
        while passed < .hours(24) {
            let wall = Self.wall + passed.nanoseconds / 1000
            var limiter = IdentifyLimiter(history: history, now: Self.start, wall: wall)
            limiter.update(
                SessionStartLimit(total: 1000, remaining: 1000, resetsAt: Self.start + .hours(24), maxConcurrency: 1))
            limiter.request(shard: 0)
            switch limiter.next(now: Self.start, wall: wall) {
            case .grant: history = limiter.remembered
            case .wait(let until, _): passed = passed + (until - Self.start)
            case .idle:
                Issue.record("nobody waits")
                return
            }
        }
        #expect(history.count < 500)
        #expect(history.count > 50)
    }

    @Test func `Permits under way are remembered, so that a crash in the moment of sending is counted`() {
        var bench = Bench()
        bench.request([0])
        #expect(bench.grants() == [0])
        #expect(bench.limiter.remembered == [PastIdentify(at: Self.wall, shard: 0)])
    }
}
