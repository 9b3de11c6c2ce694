internal import DequeModule

/// At most so many events in any span of a certain length.
struct SlidingLog: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Events allowed in any span of `length`.
    private(set) var capacity: Int
    /// The span.
    private(set) var length: Duration
    private var times: Deque<Instant> = []

    init(capacity: Int, length: Duration) {
        self.capacity = capacity
        self.length = length
    }

    /// Changes the limit; what happened still counts.
    mutating func resize(capacity: Int, length: Duration) {
        self.capacity = capacity
        self.length = length
    }

    /// Counts one event.
    mutating func record(at now: Instant) {
        forget(before: now)
        times.append(now)
    }

    /// Drops what no longer counts, so that memory stays within the capacity.
    private mutating func forget(before now: Instant) {
        while let first = times.first, first + length <= now { times.removeFirst() }
    }

    /// Events in the span that ends now.
    func count(at now: Instant) -> Int {
        times.reversed().prefix { $0 + length > now }.count
    }

    /// When another event would stay within `limit` (the capacity, if nil); nil if it does already.
    func blockedUntil(at now: Instant, limit: Int? = nil) -> Instant? {
        let limit = max(1, limit ?? capacity)
        guard times.count >= limit else { return nil }
        let free = times[times.count - limit] + length
        return free > now ? free : nil
    }
}
