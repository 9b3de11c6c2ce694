/// What is known of one limit on one resource, and how many requests it leaves.
///
/// Discord's windows are fixed: one begins with the first request after the last one's end. A window's end as computed
/// here is never before the true one, because an answer takes time to arrive; so nothing is sent too early. Requests in
/// flight when a window ends may count in either, so they are taken off the next one until their answers tell.
struct RateLimitBucket: Sendable, Equatable {
    typealias Instant = ContinuousClock.Instant

    /// When a request may go.
    enum Availability: Equatable {
        case now
        case at(Instant)
        /// As soon as a request in flight is answered: it is the probe that tells the limit.
        case afterAnswer
    }

    /// Answers whose `X-RateLimit-Reset` differ by less speak of one window. Discord rounds to milliseconds; no window as
    /// short as this is known.
    static let sameWindowSeconds = 0.05
    /// Added to every wait, for rounding and for clocks that run at slightly different speeds.
    static let margin: Duration = .milliseconds(50)

    /// Requests per window; nil until an answer told.
    private(set) var limit: Int?
    /// Requests left by our own count and Discord's, whichever is lower.
    private(set) var remaining = 0
    /// The current window's end; nil when no window is known to be open.
    private(set) var resetsAt: Instant?
    /// `X-RateLimit-Reset` of the latest window heard of.
    private var latestReset: Double?
    /// End of a 429's wait.
    private(set) var blockedUntil: Instant?
    /// An answer without headers: the route has no limit of its own, at the moment.
    private(set) var isUnlimited = false

    /// Whether nothing but the limit's size would be lost with this value.
    func isIdle(at now: Instant) -> Bool {
        (resetsAt ?? now) <= now && (blockedUntil ?? now) <= now
    }

    /// Ends the window whose time is over.
    mutating func roll(to now: Instant, inFlight: Int) {
        if let until = blockedUntil, until <= now { blockedUntil = nil }
        guard let end = resetsAt, end <= now else { return }
        resetsAt = nil
        remaining = max(0, (limit ?? 0) - inFlight)
    }

    /// When the next request may go; `roll` comes first.
    func availability(inFlight: Int) -> Availability {
        if let blockedUntil { return .at(blockedUntil) }
        if isUnlimited || remaining > 0 { return .now }
        if let resetsAt { return .at(resetsAt) }
        // Nothing is known of the window: one request finds out.
        return inFlight == 0 ? .now : .afterAnswer
    }

    /// A request goes.
    mutating func take() {
        remaining = max(0, remaining - 1)
    }

    /// A request that was taken from here was counted elsewhere.
    mutating func giveBack(inFlight: Int) {
        guard let limit else { return }
        remaining = min(remaining + 1, max(0, limit - inFlight))
    }

    /// An answer told about the window. `inFlight` is without the request that was answered.
    mutating func learn(_ window: RateLimitAnswer.Window, at now: Instant, inFlight: Int) {
        roll(to: now, inFlight: inFlight + 1)
        isUnlimited = false
        // A window opened here has what was sent since taken off already. Alone in flight, an answer is exact.
        let isOpenedHere = limit != nil && resetsAt == nil && inFlight > 0
        let unused = isOpenedHere ? remaining : max(0, window.limit - 1 - inFlight)
        limit = window.limit
        let end = now + window.resetAfter + Self.margin
        guard let reset = window.reset else {
            // Which window this speaks of cannot be told: the more careful reading of both.
            remaining = min(resetsAt == nil ? unused : remaining, window.remaining)
            resetsAt = max(resetsAt ?? end, end)
            return
        }
        if let latestReset, reset < latestReset + Self.sameWindowSeconds {
            if resetsAt == nil {
                // The window it counted in is over: it was held against the next one for nothing.
                giveBack(inFlight: inFlight)
            } else if reset > latestReset - Self.sameWindowSeconds {
                // Answers overtake each other; the lowest number within a window is the latest.
                remaining = min(remaining, window.remaining)
                resetsAt = min(resetsAt ?? end, end)
            }
            return
        }
        // The first word of a new window.
        remaining = min(unused, window.remaining)
        resetsAt = end
        latestReset = reset
    }

    /// A successful answer bore no headers.
    mutating func learnedUnlimited() {
        if limit == nil { isUnlimited = true }
    }

    /// A 429 of scope `user` or `shared`: wait as told, then find out with one request.
    mutating func block(until: Instant) {
        blockedUntil = max(blockedUntil ?? until, until + Self.margin)
        remaining = 0
        resetsAt = nil
        isUnlimited = false
    }
}
