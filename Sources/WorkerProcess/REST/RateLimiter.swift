/// Decides when a REST request may go (topics/rate-limits.mdx): buckets, 429s of every scope, this worker's share of the
/// global limit and of the invalid requests. No I/O and no clock: `RequestGate` is the shell.
///
/// Requests on one route and resource go first come, first served; between those that may go, the one that has waited
/// longest is first, so nobody starves. A request that got a 429 comes back under its old ticket, at its old place.
struct RateLimiter: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A request's place in line.
    struct Ticket: Sendable, Hashable, Comparable {
        let number: UInt64
        static func < (left: Ticket, right: Ticket) -> Bool { left.number < right.number }
    }

    /// Why a request is not sent at all.
    enum Refusal: Sendable, Equatable {
        /// A limit holds for longer than the request may wait.
        case wait(Duration, Reason)
        /// Discord refused the same for good a short while ago.
        case remembered(RefusalMemory.Refusal)
        /// The bot token is not valid.
        case tokenRejected
    }

    enum Reason: String, Sendable, Equatable {
        case bucket = "the route's limit"
        case global = "the bot's limit over all routes"
        case invalidRequests = "too many requests were answered 401, 403 or 429 in the last ten minutes"
        case address = "this address is banned for a while"
        case queue = "too many requests wait already"
    }

    enum Action: Sendable, Equatable {
        case send(Ticket)
        case refuse(Ticket, Refusal)
    }

    /// Most requests that wait at once. A worker has 256 events in flight by default, with a call or two each.
    static let maximumWaiting = 4096
    /// Least time of silence after a ban of this address (2.3 of our notes: minutes, not seconds).
    static let addressPause: Duration = .seconds(300)
    /// What is known of a route is dropped after this long without a request. No known window is longer than an hour,
    /// and all that a new probe costs is a round trip; a window or a block that lasts longer is kept to its end.
    static let routeLifetime: Duration = .seconds(600)
    /// The same for routes on an interaction's token, which are asked once or twice and never again.
    static let tokenRouteLifetime: Duration = .seconds(30)
    /// How often expired routes are looked for.
    static let sweepInterval: Duration = .seconds(30)
    /// Most bucket ids kept for one route and resource; one is usual, three are known (deleting messages by age).
    static let maximumBucketsPerRoute = 4

    private struct Waiting {
        let ticket: Ticket
        let latest: Instant
    }

    private struct RouteState {
        let routeClass: Route.Class
        /// In the order of their tickets.
        var waiting: [Waiting] = []
        var inFlight = 0
        /// The bucket that answered last.
        var current: String?
        var buckets: [String?: RateLimitBucket] = [:]
        var lastUse: Instant
    }

    private struct Flight {
        let key: Route.Key
        let bucket: String?
    }

    private var routes: [Route.Key: RouteState] = [:]
    /// Routes on which somebody waits.
    private var busy: Set<Route.Key> = []
    private var inFlight: [Ticket: Flight] = [:]
    private var refusals = RefusalMemory()
    private var share = RequestShare.whole
    private var globalLog = SlidingLog(
        capacity: RequestShare.whole.globalCapacity, length: RequestShare.whole.globalWindow)
    private var invalidLog = SlidingLog(
        capacity: RequestShare.whole.invalidLimit(interactions: true), length: RequestShare.invalidRequestsWindow)
    private var globalPause: Instant?
    private var addressPause: Instant?
    private var isTokenRejected = false
    private var nextTicket: UInt64 = 1
    private var waitingCount = 0
    private var lastSweep: Instant?

    /// Routes of which something is known; for tests of the memory bound.
    var routeCount: Int { routes.count }

    /// A new place in line.
    mutating func ticket() -> Ticket {
        defer { nextTicket += 1 }
        return Ticket(number: nextTicket)
    }

    /// The gateway told how many share the limits.
    mutating func update(_ share: RequestShare, now: Instant) -> [Action] {
        self.share = share
        globalLog.resize(capacity: share.globalCapacity, length: share.globalWindow)
        invalidLog.resize(
            capacity: share.invalidLimit(interactions: true), length: RequestShare.invalidRequestsWindow)
        return advance(to: now)
    }

    /// A request wants to go, for the first time or again after a 429.
    /// - Parameter latest: when it is of no use any more.
    mutating func submit(_ ticket: Ticket, to route: Route, latest: Instant, now: Instant) -> [Action] {
        if route.routeClass == .bot, isTokenRejected { return [.refuse(ticket, .tokenRejected)] }
        if let refusal = refusals.refusal(of: route.key, at: now) { return [.refuse(ticket, .remembered(refusal))] }
        if waitingCount >= Self.maximumWaiting { return [.refuse(ticket, .wait(.seconds(1), .queue))] }
        sweepIfDue(now)
        var state = routes[route.key] ?? RouteState(routeClass: route.routeClass, lastUse: now)
        state.lastUse = now
        let place = state.waiting.lastIndex { $0.ticket < ticket }.map { $0 + 1 } ?? 0
        state.waiting.insert(Waiting(ticket: ticket, latest: latest), at: place)
        routes[route.key] = state
        busy.insert(route.key)
        waitingCount += 1
        return advance(to: now)
    }

    /// A waiting request is no longer wanted.
    mutating func cancel(_ ticket: Ticket, of route: Route, now: Instant) -> [Action] {
        guard let place = routes[route.key]?.waiting.firstIndex(where: { $0.ticket == ticket }) else { return [] }
        removeWaiting(at: place, of: route.key)
        return advance(to: now)
    }

    /// A sent request ended. `answer` is nil if none came.
    mutating func finished(_ ticket: Ticket, with answer: RateLimitAnswer?, now: Instant) -> [Action] {
        guard let flight = inFlight.removeValue(forKey: ticket), var state = routes[flight.key] else {
            return advance(to: now)
        }
        state.inFlight -= 1
        state.lastUse = now
        if let answer {
            note(answer, of: flight, in: &state, now)
        }
        routes[flight.key] = state
        return advance(to: now)
    }

    /// Time passes: sends what may go, refuses what cannot go in time.
    mutating func advance(to now: Instant) -> [Action] {
        if let until = globalPause, until <= now { globalPause = nil }
        if let until = addressPause, until <= now { addressPause = nil }
        var actions: [Action] = []
        for key in busy { refuseHopeless(of: key, now, into: &actions) }
        while let key = nextToSend(now) { actions.append(.send(take(from: key, now))) }
        return actions
    }

    /// When `advance` has something to do next without anything else happening.
    func wakeUp(now: Instant) -> Instant? {
        var next: Instant?
        for key in busy {
            guard let state = routes[key] else { continue }
            for waiting in state.waiting { next = min(next ?? waiting.latest, waiting.latest) }
            if case .at(let instant) = availability(of: state, now).when { next = min(next ?? instant, instant) }
        }
        return next.map { max($0, now) }
    }

    // MARK: - Decisions

    /// When the first in line of a route may go, and what it waits for if not now.
    private func availability(
        of state: RouteState, _ now: Instant
    ) -> (when: RateLimitBucket.Availability, reason: Reason) {
        if let addressPause { return (.at(addressPause), .address) }
        let isExempt = state.routeClass != .bot
        if let free = invalidLog.blockedUntil(at: now, limit: share.invalidLimit(interactions: isExempt)) {
            return (.at(free), .invalidRequests)
        }
        var bucket = state.buckets[state.current] ?? RateLimitBucket()
        bucket.roll(to: now, inFlight: state.inFlight)
        let when = bucket.availability(inFlight: state.inFlight)
        guard !isExempt, let global = [globalPause, globalLog.blockedUntil(at: now)].compactMap(\.self).max() else {
            return (when, .bucket)
        }
        switch when {
        case .now: return (.at(global), .global)
        case .at(let instant): return instant < global ? (.at(global), .global) : (when, .bucket)
        case .afterAnswer: return (when, .bucket)
        }
    }

    private mutating func refuseHopeless(of key: Route.Key, _ now: Instant, into actions: inout [Action]) {
        guard let state = routes[key] else { return }
        let (when, reason) = availability(of: state, now)
        var earliest = now
        if case .at(let instant) = when { earliest = instant }
        for place in state.waiting.indices.reversed() {
            let waiting = state.waiting[place]
            guard waiting.latest < earliest || waiting.latest <= now else { continue }
            actions.append(.refuse(waiting.ticket, .wait(max(earliest - now, .seconds(1)), reason)))
            removeWaiting(at: place, of: key)
        }
    }

    /// Of the routes whose first in line may go, the one whose first has waited longest.
    private func nextToSend(_ now: Instant) -> Route.Key? {
        var best: (key: Route.Key, ticket: Ticket)?
        for key in busy {
            guard let state = routes[key], let first = state.waiting.first else { continue }
            if let best, best.ticket < first.ticket { continue }
            guard availability(of: state, now).when == .now else { continue }
            best = (key, first.ticket)
        }
        return best?.key
    }

    private mutating func take(from key: Route.Key, _ now: Instant) -> Ticket {
        guard var state = routes[key], let first = state.waiting.first else {
            preconditionFailure("only a route with somebody waiting is chosen")
        }
        var bucket = state.buckets[state.current] ?? RateLimitBucket()
        bucket.roll(to: now, inFlight: state.inFlight)
        bucket.take()
        state.buckets[state.current] = bucket
        state.inFlight += 1
        state.lastUse = now
        routes[key] = state
        removeWaiting(at: 0, of: key)
        inFlight[first.ticket] = Flight(key: key, bucket: state.current)
        if state.routeClass == .bot { globalLog.record(at: now) }
        return first.ticket
    }

    private mutating func removeWaiting(at place: Int, of key: Route.Key) {
        routes[key]?.waiting.remove(at: place)
        waitingCount -= 1
        if routes[key]?.waiting.isEmpty ?? true { busy.remove(key) }
    }

    // MARK: - Answers

    private mutating func note(_ answer: RateLimitAnswer, of flight: Flight, in state: inout RouteState, _ now: Instant)
    {
        if [401, 403, 429].contains(answer.status) { invalidLog.record(at: now) }
        if state.routeClass == .bot {
            // 50027 is about a webhook's token, and no webhook is called with ours; still it says nothing of the bot.
            if answer.status == 401, answer.code != 50027 { isTokenRejected = true }
            refusals.record(status: answer.status, code: answer.code, of: flight.key, at: now)
        }
        if let limited = answer.limited {
            noteLimit(limited.scope, limited.retryAfter, answer, of: flight, in: &state, now)
        } else if let window = answer.window {
            attribute(window.bucket, of: flight, in: &state)
            state.buckets[state.current, default: RateLimitBucket()].learn(window, at: now, inFlight: state.inFlight)
        } else if answer.status < 300 {
            state.buckets[state.current, default: RateLimitBucket()].learnedUnlimited()
        }
    }

    private mutating func noteLimit(
        _ scope: RateLimitAnswer.Scope, _ retryAfter: Duration, _ answer: RateLimitAnswer, of flight: Flight,
        in state: inout RouteState, _ now: Instant
    ) {
        let until = now + retryAfter
        switch scope {
        case .user, .shared:
            attribute(answer.window?.bucket, of: flight, in: &state)
            state.buckets[state.current, default: RateLimitBucket()].block(until: until)
        case .global where state.routeClass == .bot:
            let until = until + RateLimitBucket.margin
            globalPause = max(globalPause ?? until, until)
        case .global:
            // The global limit does not hold for this route (2.3); should Discord say so all the same, it alone waits.
            state.buckets[state.current, default: RateLimitBucket()].block(until: until)
        case .address:
            let until = now + max(retryAfter, Self.addressPause)
            addressPause = max(addressPause ?? until, until)
        }
    }

    /// The answer came from the bucket of that id: what is known goes with a first name; another name than expected means
    /// that the request was not counted where it was taken from.
    private func attribute(_ id: String?, of flight: Flight, in state: inout RouteState) {
        guard let id, id != state.current else { return }
        if state.buckets[id] == nil {
            if state.current == nil {
                state.buckets[id] = state.buckets.removeValue(forKey: nil)
            } else {
                if state.buckets.count >= Self.maximumBucketsPerRoute { state.buckets = [:] }
                state.buckets[flight.bucket]?.giveBack(inFlight: state.inFlight)
                state.buckets[id] = RateLimitBucket()
            }
        } else {
            state.buckets[flight.bucket]?.giveBack(inFlight: state.inFlight)
        }
        state.current = id
    }

    // MARK: - Memory

    private mutating func sweepIfDue(_ now: Instant) {
        guard now - (lastSweep ?? now) >= Self.sweepInterval || lastSweep == nil else { return }
        lastSweep = now
        refusals.sweep(at: now)
        routes = routes.filter { key, state in
            let lifetime = state.routeClass == .bot ? Self.routeLifetime : Self.tokenRouteLifetime
            return !state.waiting.isEmpty || state.inFlight > 0 || now - state.lastUse < lifetime
                || !state.buckets.values.allSatisfy { $0.isIdle(at: now) }
        }
    }
}
