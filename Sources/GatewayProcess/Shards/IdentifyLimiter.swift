internal import NIOCore

/// One identify that was sent.
struct PastIdentify: Equatable, Sendable {
    /// Microseconds since 1970.
    var at: Int64
    var shard: Int
}

/// `session_start_limit` of `GET /gateway/bot` (gateway.mdx, Session Start Limit).
struct SessionStartLimit: Equatable, Sendable {
    var total: Int
    var remaining: Int
    var resetsAt: NIODeadline
    /// At least 1.
    var maxConcurrency: Int
}

/// Who may identify when.
///
/// Too fast in a bucket costs an op 9; over the day's limit Discord ends all sessions and resets the token, so the day's
/// budget is counted here too, next to what Discord says, over restarts, and a reserve is kept.
struct IdentifyLimiter: Sendable {
    struct Limits: Equatable, Sendable {
        /// Between two identifies of a bucket, measured from the send (gateway.mdx, Max Concurrency).
        var bucketInterval: TimeAmount = .seconds(5)
        /// Added to it: Discord measures when they arrive.
        var margin: TimeAmount = .milliseconds(250)
        /// What the day's limit is counted over.
        var day: TimeAmount = .hours(24)
        /// A total of so many leaves one in reserve, twice as many two.
        var totalPerReserved = 10
        /// Identifies of one shard in an hour that go without extra wait; each further one waits twice as long.
        var unhurriedPerHour = 8
        var firstExtraWait: TimeAmount = .seconds(10)
        var longestExtraWait: TimeAmount = .minutes(10)
    }

    enum Decision: Equatable, Sendable {
        /// Nobody waits, or everybody who does waits for one that is under way.
        case idle
        case grant(shard: Int)
        /// `why` is nil for the everyday spacing of a bucket.
        case wait(until: NIODeadline, why: String?)
    }

    private let limits: Limits
    /// Ascending.
    private var waiting: [Int] = []
    /// Under way, with the time of the grant in microseconds since 1970.
    private var granted: [Int: Int64] = [:]
    private var bucketFreeAt: [Int: NIODeadline] = [:]
    private var startLimit: SessionStartLimit?
    private var sentSinceUpdate = 0
    /// Of the last day, ascending.
    private(set) var history: [PastIdentify]

    /// - Parameter history: what was sent before, wall time; an identify in the future counts as now.
    init(history: [PastIdentify], now: NIODeadline, wall: Int64, limits: Limits = Limits()) {
        self.limits = limits
        self.history = history.map { PastIdentify(at: min($0.at, wall), shard: $0.shard) }.sorted { $0.at < $1.at }
    }

    /// Identifies that remain before the reserve is touched; nil before Discord has told its limit.
    func remaining(now: NIODeadline) -> Int? {
        guard let startLimit else { return nil }
        let theirs = now >= startLimit.resetsAt ? startLimit.total : startLimit.remaining - sentSinceUpdate
        return max(0, min(theirs, startLimit.total - history.count) - granted.count - reserve(of: startLimit))
    }

    var isWanted: Bool { !waiting.isEmpty }

    func isWaiting(shard: Int) -> Bool { waiting.contains(shard) }

    /// What to remember over a restart: also those under way, so that a crash in the moment of sending is counted.
    var remembered: [PastIdentify] {
        history + granted.sorted { $0.key < $1.key }.map { PastIdentify(at: $0.value, shard: $0.key) }
    }

    mutating func update(_ limit: SessionStartLimit) {
        startLimit = limit
        sentSinceUpdate = 0
    }

    mutating func request(shard: Int) {
        guard granted[shard] == nil, !waiting.contains(shard) else { return }
        waiting.append(shard)
        waiting.sort()
    }

    /// The shard identifies no more, or not now.
    mutating func withdraw(shard: Int) {
        waiting.removeAll { $0 == shard }
        granted[shard] = nil
    }

    /// The shard has just sent its Identify.
    mutating func sent(shard: Int, now: NIODeadline, wall: Int64) {
        granted[shard] = nil
        bucketFreeAt[bucket(of: shard)] = now + limits.bucketInterval + limits.margin
        history.append(PastIdentify(at: wall, shard: shard))
        sentSinceUpdate += 1
    }

    /// What is to be done now; ask again after each grant.
    mutating func next(now: NIODeadline, wall: Int64) -> Decision {
        let dayBegan = wall - limits.day.nanoseconds / 1000
        history.removeAll { $0.at <= dayBegan }
        guard let startLimit, let first = waiting.first else { return .idle }
        if let (until, why) = budgetWait(startLimit, now: now, wall: wall) { return .wait(until: until, why: why) }
        // Buckets go in order: shards 0 to m-1 together, then m to 2m-1, and so on.
        let group = first / startLimit.maxConcurrency
        var earliest: (until: NIODeadline, why: String?)?
        for shard in waiting where shard / startLimit.maxConcurrency == group {
            if granted.keys.contains(where: { bucket(of: $0) == bucket(of: shard) }) { continue }
            let free = freeAt(shard, now: now, wall: wall)
            guard free.until > now else {
                waiting.removeAll { $0 == shard }
                granted[shard] = wall
                return .grant(shard: shard)
            }
            if earliest.map({ free.until < $0.until }) ?? true { earliest = free }
        }
        return earliest.map { .wait(until: $0.until, why: $0.why) } ?? .idle
    }

    /// Microseconds since then; the wall clock may have been set back meanwhile.
    private func age(of identify: PastIdentify, wall: Int64) -> Int64 { max(0, wall - identify.at) }

    private func bucket(of shard: Int) -> Int { shard % (startLimit?.maxConcurrency ?? 1) }

    private func reserve(of limit: SessionStartLimit) -> Int { limit.total / limits.totalPerReserved }

    /// Until when the day's budget is used up.
    private func budgetWait(_ limit: SessionStartLimit, now: NIODeadline, wall: Int64) -> (NIODeadline, String)? {
        let reserve = reserve(of: limit)
        if now < limit.resetsAt, limit.remaining - sentSinceUpdate - granted.count <= reserve {
            return (limit.resetsAt, "Discord's session_start_limit is used up but for a reserve of \(reserve)")
        }
        let mine = history.count + granted.count
        guard mine >= limit.total - reserve, !history.isEmpty else { return nil }
        // The oldest that must leave the last day so that there is room for one more.
        let leaving = history[min(mine - (limit.total - reserve), history.count - 1)]
        let until = now + limits.day - .microseconds(age(of: leaving, wall: wall))
        return (until, "\(history.count) identifies were sent in the last 24 hours; a reserve of \(reserve) is kept")
    }

    /// When this shard's bucket, and the pace of its own identifies, let it go.
    private func freeAt(_ shard: Int, now: NIODeadline, wall: Int64) -> (until: NIODeadline, why: String?) {
        var until = bucketFreeAt[bucket(of: shard)] ?? .distantPast
        let pause = (limits.bucketInterval + limits.margin).nanoseconds / 1000
        // Those sent before a restart are known by wall time only.
        if let last = history.last(where: { bucket(of: $0.shard) == bucket(of: shard) }) {
            until = max(until, now + .microseconds(max(0, pause - age(of: last, wall: wall))))
        }
        let hour = TimeAmount.hours(1).nanoseconds / 1000
        let own = history.filter { $0.shard == shard && wall - $0.at < hour }
        guard own.count >= limits.unhurriedPerHour, let last = own.last else { return (until, nil) }
        let doublings = min(own.count - limits.unhurriedPerHour, 20)
        let extra = min(limits.firstExtraWait.nanoseconds << Int64(doublings), limits.longestExtraWait.nanoseconds)
        let paced = now + .nanoseconds(extra) - .microseconds(age(of: last, wall: wall))
        guard paced > until else { return (until, nil) }
        return (paced, "shard \(shard) has identified \(own.count) times within the hour")
    }
}
