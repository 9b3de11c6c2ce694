import Testing

@testable import WorkerProcess

@Suite struct PoolDecisionsTests {
    private static let start = ContinuousClock.now
    private static let refused = StoreError(kind: .unavailable, code: nil, description: "refused")
    private static let wrong = StoreError(kind: .misconfigured, code: "28P01", description: "wrong password")

    private var now = start
    private var pool = PoolDecisions(
        size: 2, patience: .seconds(2), backoff: .init(first: .milliseconds(100), longest: .seconds(1)))

    @Test mutating func `connections are made as they are needed and reused`() {
        #expect(pool.asked(1, now: now) == [.connect(0)])
        #expect(pool.connected(0, now: now) == [.grant(0, to: 1)])
        #expect(pool.returned(0, isBroken: false, now: now) == [])
        #expect(pool.asked(2, now: now) == [.grant(0, to: 2)])
        #expect(pool.asked(3, now: now) == [.connect(1)])
        #expect(pool.connected(1, now: now) == [.grant(1, to: 3)])
        #expect(pool.asked(4, now: now) == [])
        #expect(pool.asked(5, now: now) == [])
        #expect(pool.returned(1, isBroken: false, now: now) == [.grant(1, to: 4)])
        #expect(pool.returned(0, isBroken: false, now: now) == [.grant(0, to: 5)])
    }

    @Test mutating func `who waits while a connection is made takes one that comes back first`() {
        _ = pool.asked(1, now: now)
        _ = pool.connected(0, now: now)
        #expect(pool.asked(2, now: now) == [.connect(1)])
        #expect(pool.returned(0, isBroken: false, now: now) == [.grant(0, to: 2)])
        #expect(pool.connected(1, now: now) == [])
        #expect(pool.asked(3, now: now) == [.grant(1, to: 3)])
    }

    @Test mutating func `a standstill of the process counts for nobody who waits`() {
        _ = pool.asked(1, now: now)
        now += .seconds(60)
        pool.stoodStill(for: .seconds(59))
        #expect(pool.timePassed(now: now) == [])
        #expect(pool.connected(0, now: now) == [.grant(0, to: 1)])
        // Nor for how long an outage has lasted.
        _ = pool.returned(0, isBroken: true, now: now)
        _ = pool.asked(2, now: now)
        _ = pool.connectFailed(0, Self.refused, now: now, jitter: 0.5)
        now += .seconds(60)
        pool.stoodStill(for: .seconds(59))
        #expect(pool.asked(3, now: now) == [.connect(0)])
    }

    @Test mutating func `a broken connection is replaced when someone needs it`() {
        _ = pool.asked(1, now: now)
        _ = pool.connected(0, now: now)
        #expect(pool.returned(0, isBroken: true, now: now) == [.disconnect(0)])
        #expect(pool.isEmpty)
        #expect(pool.asked(2, now: now) == [.connect(0)])
    }

    @Test mutating func `what is idle beside a broken connection is replaced too`() {
        for waiter in 1...2 as ClosedRange<UInt64> {
            _ = pool.asked(waiter, now: now)
            _ = pool.connected(Int(waiter) - 1, now: now)
        }
        _ = pool.returned(1, isBroken: false, now: now)
        #expect(pool.returned(0, isBroken: true, now: now) == [.disconnect(0), .disconnect(1)])
        #expect(pool.asked(3, now: now) == [.connect(0)])
    }

    @Test mutating func `a waiter is told after its patience that all are busy`() {
        for waiter in 1...2 as ClosedRange<UInt64> {
            _ = pool.asked(waiter, now: now)
            _ = pool.connected(Int(waiter) - 1, now: now)
        }
        #expect(pool.asked(3, now: now) == [])
        now += .seconds(1)
        #expect(pool.asked(4, now: now) == [])
        #expect(pool.nextWake == Self.start + .seconds(2))
        now += .seconds(1)
        guard case .fail(3, let error)? = pool.timePassed(now: now).first else {
            Issue.record("nobody was told")
            return
        }
        #expect(error.kind == .unavailable && error.description.contains("DATABASE_POOL_SIZE"))
        #expect(pool.returned(0, isBroken: false, now: now) == [.grant(0, to: 4)])
        #expect(pool.nextWake == nil)
    }

    @Test mutating func `attempts follow a backoff while someone waits`() {
        #expect(pool.asked(1, now: now) == [.connect(0)])
        #expect(pool.connectFailed(0, Self.refused, now: now, jitter: 0.5) == [])
        #expect(pool.nextWake == now + .milliseconds(100))
        #expect(pool.timePassed(now: now + .milliseconds(99)) == [])
        now += .milliseconds(100)
        #expect(pool.timePassed(now: now) == [.connect(0)])
        #expect(pool.connectFailed(0, Self.refused, now: now, jitter: 0.5) == [])
        #expect(pool.nextWake == now + .milliseconds(200))
        now += .milliseconds(200)
        #expect(pool.timePassed(now: now) == [.connect(0)])
        #expect(pool.connected(0, now: now) == [.grant(0, to: 1)])
    }

    @Test mutating func `one attempt at a time while the server is away`() {
        #expect(pool.asked(1, now: now) == [.connect(0)])
        #expect(pool.asked(2, now: now) == [.connect(1)])
        #expect(pool.connectFailed(0, Self.refused, now: now, jitter: 0.5) == [])
        #expect(pool.connectFailed(1, Self.refused, now: now, jitter: 0.5) == [])
        now += .milliseconds(100)
        #expect(pool.timePassed(now: now) == [.connect(0)])
        #expect(pool.asked(3, now: now) == [])
        // And as many as are wanted when it is back.
        #expect(pool.connected(0, now: now) == [.grant(0, to: 1), .connect(1)])
    }

    @Test mutating func `an outage that lasts is told at once, and ends`() {
        _ = pool.asked(1, now: now)
        _ = pool.connectFailed(0, Self.refused, now: now, jitter: 0.5)
        now += .seconds(3)
        #expect(pool.timePassed(now: now) == [.fail(1, Self.refused)])
        #expect(pool.asked(2, now: now) == [.connect(0)])
        #expect(pool.connectFailed(0, Self.refused, now: now, jitter: 0.5) == [.fail(2, Self.refused)])
        #expect(pool.asked(3, now: now) == [.fail(3, Self.refused)])
        now += .seconds(1)
        #expect(pool.asked(4, now: now) == [.connect(0)])
        #expect(pool.connected(0, now: now) == [.grant(0, to: 4)])
        #expect(pool.asked(5, now: now) == [.connect(1)])
    }

    @Test mutating func `a wrong password is told without waiting`() {
        _ = pool.asked(1, now: now)
        #expect(pool.connectFailed(0, Self.wrong, now: now, jitter: 0) == [.fail(1, Self.wrong)])
    }

    @Test mutating func `a server that lets no more in does not fail those whom others will serve`() {
        _ = pool.asked(1, now: now)
        _ = pool.connected(0, now: now)
        _ = pool.asked(2, now: now)
        #expect(pool.connectFailed(1, Self.wrong, now: now, jitter: 0) == [])
        #expect(pool.returned(0, isBroken: false, now: now) == [.grant(0, to: 2)])
        // Nor later, while that one is at work.
        now += .seconds(10)
        _ = pool.asked(3, now: now)
        #expect(pool.connectFailed(1, Self.refused, now: now, jitter: 0) == [])
        #expect(pool.asked(4, now: now) == [])
        #expect(pool.returned(0, isBroken: false, now: now) == [.grant(0, to: 3)])
    }

    @Test mutating func `a waiter that leaves is forgotten`() {
        _ = pool.asked(1, now: now)
        guard case .fail(1, let error)? = pool.cancelled(1, now: now).first else {
            Issue.record("it was not told")
            return
        }
        #expect(error.kind == .unavailable)
        #expect(pool.cancelled(1, now: now) == [])
        #expect(pool.connected(0, now: now) == [])
    }

    @Test mutating func `closing fails who waits and takes back what is lent`() {
        _ = pool.asked(1, now: now)
        _ = pool.connected(0, now: now)
        _ = pool.asked(2, now: now)
        guard case .fail(2, let error)? = pool.close().first else {
            Issue.record("nobody was told")
            return
        }
        #expect(error.kind == .closed)
        #expect(!pool.isEmpty)
        #expect(pool.connected(1, now: now) == [.disconnect(1)])
        #expect(pool.returned(0, isBroken: false, now: now) == [.disconnect(0)])
        #expect(pool.isEmpty)
        #expect(pool.asked(3, now: now) == [.fail(3, error)])
        #expect(pool.nextWake == nil)
    }

    /// Random steps, after each of which the promises hold.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `no connection is lent twice and nobody is forgotten`(seed: UInt64) {
        var random = Steps(state: seed &+ 1)
        var pool = PoolDecisions(size: 3, patience: .seconds(2))
        var now = Self.start
        var (connecting, open, lent): (Set<Int>, Set<Int>, [Int: UInt64]) = ([], [], [:])
        var waiting: Set<UInt64> = []
        var lastWaiter: UInt64 = 0

        func apply(_ actions: [PoolDecisions.Action]) {
            for action in actions {
                switch action {
                case .grant(let slot, let waiter):
                    #expect(open.contains(slot) && lent[slot] == nil, "seed \(seed): slot \(slot) is lent already")
                    #expect(waiting.remove(waiter) != nil, "seed \(seed): \(waiter) did not wait")
                    lent[slot] = waiter
                case .fail(let waiter, _):
                    #expect(waiting.remove(waiter) != nil, "seed \(seed): \(waiter) did not wait")
                case .connect(let slot):
                    #expect(!open.contains(slot) && connecting.insert(slot).inserted, "seed \(seed): connected twice")
                case .disconnect(let slot): #expect(open.remove(slot) != nil, "seed \(seed): not connected")
                }
            }
        }

        for _ in 0..<400 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                lastWaiter += 1
                waiting.insert(lastWaiter)
                apply(pool.asked(lastWaiter, now: now))
            case 2:
                guard let slot = connecting.min() else { continue }
                connecting.remove(slot)
                if Bool.random(using: &random) {
                    open.insert(slot)
                    apply(pool.connected(slot, now: now))
                } else {
                    apply(pool.connectFailed(slot, Self.refused, now: now, jitter: 0.3))
                }
            case 3:
                guard let slot = lent.keys.min() else { continue }
                lent[slot] = nil
                apply(pool.returned(slot, isBroken: Bool.random(using: &random), now: now))
            case 4:
                guard let waiter = waiting.min() else { continue }
                apply(pool.cancelled(waiter, now: now))
            default:
                now += .milliseconds(Int.random(in: 0..<700, using: &random))
                apply(pool.timePassed(now: now))
            }
            #expect(waiting.isEmpty || pool.nextWake != nil, "seed \(seed): somebody waits without an end")
        }
        now += .seconds(5)
        apply(pool.timePassed(now: now))
        #expect(waiting.isEmpty, "seed \(seed): \(waiting) wait beyond their patience")
    }
}

/// SplitMix64, so that a seed replays.
private struct Steps: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
