/// How many sessions may be started (gateway.mdx, Session Start Limit Object).
struct IdentifyBudget: Equatable, Sendable {
    /// Microseconds that one period lasts: a day.
    static let period = 86_400_000_000

    /// Identifies per period.
    var total: Int
    /// Identifies per bucket interval, one for each bucket.
    var maxConcurrency: Int
    private(set) var used = 0
    private var endsAt: Int?

    init(total: Int, maxConcurrency: Int) {
        self.total = total
        self.maxConcurrency = maxConcurrency
    }

    /// Identifies left.
    func remaining(at now: Int) -> Int {
        guard let endsAt, now < endsAt else { return total }
        return max(0, total - used)
    }

    /// Milliseconds until the count starts anew.
    func resetAfter(at now: Int) -> Int {
        guard let endsAt, now < endsAt else { return 0 }
        return (endsAt - now) / 1000
    }

    /// Takes one.
    /// - Returns: whether there was one.
    mutating func spend(at now: Int) -> Bool {
        if now >= endsAt ?? 0 {
            endsAt = now + Self.period
            used = 0
        }
        guard used < total else { return false }
        used += 1
        return true
    }

    /// Makes so many remain, for tests of a bot that is nearly out of them.
    mutating func setRemaining(_ remaining: Int, resetAfter milliseconds: Int, at now: Int) {
        used = total - min(total, max(0, remaining))
        endsAt = now + milliseconds * 1000
    }
}
