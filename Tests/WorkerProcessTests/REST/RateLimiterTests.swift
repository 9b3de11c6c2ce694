import Shared
import Testing

@testable import WorkerProcess

/// A limiter, a clock that stands still until told, and short words for both.
private struct Bench {
    typealias Answer = RateLimitAnswer

    let start = ContinuousClock.now
    var now: ContinuousClock.Instant
    var limiter = RateLimiter()
    var routes: [RateLimiter.Ticket: Route] = [:]

    init() { now = start }

    static func channel(_ number: UInt64) -> Route { .createMessage(in: Snowflake(number)) }

    static func callback(_ number: UInt64) -> Route {
        .callback(of: InteractionReference(id: Snowflake(number), applicationID: Snowflake(1), token: "t\(number)"))
    }

    static func window(
        _ remaining: Int, of limit: Int = 5, resetAfter: Duration = .seconds(5), reset: Double? = 1000,
        bucket: String = "b", status: Int = 200
    ) -> Answer {
        Answer(
            status: status,
            window: .init(limit: limit, remaining: remaining, resetAfter: resetAfter, reset: reset, bucket: bucket))
    }

    static func limited(_ scope: Answer.Scope, _ retryAfter: Duration, remaining: Int? = nil) -> Answer {
        var answer = Answer(status: 429, limited: (scope, retryAfter))
        if let remaining { answer.window = window(remaining).window }
        return answer
    }

    mutating func submit(_ route: Route, waiting: Duration = .seconds(60)) -> (RateLimiter.Ticket, [RateLimiter.Action])
    {
        let ticket = limiter.ticket()
        routes[ticket] = route
        return (ticket, limiter.submit(ticket, to: route, latest: now + waiting, now: now))
    }

    /// Submits and expects it to be sent at once.
    mutating func send(_ route: Route, _ place: SourceLocation = #_sourceLocation) -> RateLimiter.Ticket {
        let (ticket, actions) = submit(route)
        #expect(actions == [.send(ticket)], sourceLocation: place)
        return ticket
    }

    /// Submits and expects it to wait.
    mutating func wait(_ route: Route, _ place: SourceLocation = #_sourceLocation) -> RateLimiter.Ticket {
        let (ticket, actions) = submit(route)
        #expect(actions == [], sourceLocation: place)
        return ticket
    }

    mutating func answer(_ ticket: RateLimiter.Ticket, _ answer: Answer?) -> [RateLimiter.Action] {
        limiter.finished(ticket, with: answer, now: now)
    }

    mutating func pass(_ time: Duration) -> [RateLimiter.Action] {
        now += time
        return limiter.advance(to: now)
    }

    func isWaking(after time: Duration) -> Bool { limiter.wakeUp(now: now) == now + time }
}

@Suite struct RateLimiterTests {
    private let margin = RateLimitBucket.margin

    @Test func `An unknown bucket sends one request and opens up when its answer tells the limit`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        let rest = (0..<5).map { _ in bench.wait(Bench.channel(1)) }
        #expect(bench.answer(first, Bench.window(4)) == rest[..<4].map { .send($0) })
        #expect(bench.isWaking(after: .seconds(5) + margin))
        #expect(bench.pass(.seconds(5)) == [])
        // Four in flight could count in the new window, so it has room for one more for sure.
        #expect(bench.pass(margin) == [.send(rest[4])])
    }

    @Test func `A probe without an answer lets the next one probe`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        let second = bench.wait(Bench.channel(1))
        let third = bench.wait(Bench.channel(1))
        #expect(bench.answer(first, nil) == [.send(second)])
        #expect(bench.answer(second, RateLimitAnswer(status: 502)) == [.send(third)])
    }

    @Test func `A successful answer without headers means no limit of its own`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        let rest = (0..<20).map { _ in bench.wait(Bench.channel(1)) }
        #expect(bench.answer(first, RateLimitAnswer(status: 204)) == rest.map { .send($0) })
    }

    @Test func `Two channels with one bucket id have counts of their own`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        _ = bench.answer(first, Bench.window(0))
        _ = bench.wait(Bench.channel(1))
        _ = bench.send(Bench.channel(2))
    }

    @Test func `Answers that overtake each other never raise what remains in a window`() {
        var bench = Bench()
        let probe = bench.send(Bench.channel(1))
        _ = bench.answer(probe, Bench.window(4))
        let sent = (0..<3).map { _ in bench.send(Bench.channel(1)) }
        #expect(bench.answer(sent[2], Bench.window(1)) == [])
        #expect(bench.answer(sent[0], Bench.window(3, reset: 1000.001)) == [])
        _ = bench.send(Bench.channel(1))
        _ = bench.wait(Bench.channel(1))
    }

    @Test func `Requests of others show in what remains`() {
        var bench = Bench()
        let probe = bench.send(Bench.channel(1))
        _ = bench.answer(probe, Bench.window(4))
        let sent = bench.send(Bench.channel(1))
        _ = bench.answer(sent, Bench.window(0))
        _ = bench.wait(Bench.channel(1))
    }

    @Test func `A late answer of a past window is not held against the present one`() {
        var bench = Bench()
        let probe = bench.send(Bench.channel(1))
        _ = bench.answer(probe, Bench.window(1, of: 2))
        let late = bench.send(Bench.channel(1))
        let next = bench.wait(Bench.channel(1))
        let last = bench.wait(Bench.channel(1))
        #expect(bench.pass(.seconds(5) + margin) == [.send(next)])
        #expect(bench.answer(late, Bench.window(0, of: 2, resetAfter: .zero)) == [.send(last)])
        #expect(bench.answer(next, Bench.window(1, of: 2, reset: 1006)) == [])
        #expect(bench.answer(last, Bench.window(0, of: 2, reset: 1006)) == [])
        _ = bench.wait(Bench.channel(1))
    }

    @Test func `A 429 for the bot holds its bucket for retry_after and brings the request back to its old place`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        let second = bench.wait(Bench.channel(1))
        #expect(bench.answer(first, Bench.limited(.user, .seconds(2), remaining: 3)) == [])
        #expect(
            bench.limiter.submit(first, to: Bench.channel(1), latest: bench.now + .seconds(60), now: bench.now) == [])
        _ = bench.send(Bench.channel(2))
        #expect(bench.pass(.seconds(2)) == [])
        #expect(bench.pass(margin) == [.send(first)])
        #expect(bench.answer(first, Bench.window(4)) == [.send(second)])
    }

    @Test func `A shared 429 waits for retry_after, not for the window, and holds nothing else`() {
        var bench = Bench()
        let probe = bench.send(Bench.channel(1))
        _ = bench.answer(probe, Bench.window(4))
        let sent = bench.send(Bench.channel(1))
        _ = bench.answer(sent, Bench.limited(.shared, .seconds(30), remaining: 9))
        _ = bench.send(Bench.channel(2))
        let waiting = bench.wait(Bench.channel(1))
        #expect(bench.pass(.seconds(29)) == [])
        #expect(bench.pass(.seconds(1) + margin) == [.send(waiting)])
    }

    @Test func `A global 429 pauses everything but the routes of interactions`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        _ = bench.answer(first, Bench.limited(.global, .milliseconds(400)))
        let second = bench.wait(Bench.channel(2))
        _ = bench.send(Bench.callback(1))
        #expect(bench.pass(.milliseconds(400)) == [])
        #expect(bench.pass(margin) == [.send(second)])
    }

    @Test func `A ban of the address stops everything for minutes, interactions too`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        let second = bench.wait(Bench.channel(1))
        let refusal = RateLimiter.Refusal.wait(RateLimiter.addressPause, .address)
        #expect(bench.answer(first, Bench.limited(.address, .zero)) == [.refuse(second, refusal)])
        let (third, actions) = bench.submit(Bench.callback(1), waiting: .seconds(3))
        #expect(actions == [.refuse(third, refusal)])
        #expect(bench.pass(RateLimiter.addressPause) == [])
        _ = bench.send(Bench.channel(1))
    }

    @Test func `What would wait too long is refused at once, with the time to wait`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        _ = bench.answer(first, Bench.limited(.shared, .seconds(1336)))
        let (second, actions) = bench.submit(Bench.channel(1))
        #expect(actions == [.refuse(second, .wait(.seconds(1336) + margin, .bucket))])
        #expect(bench.limiter.wakeUp(now: bench.now) == nil)
    }

    @Test func `What has waited long enough is refused when its time is over`() {
        var bench = Bench()
        _ = bench.send(Bench.channel(1))
        let (second, actions) = bench.submit(Bench.channel(1), waiting: .seconds(2))
        #expect(actions == [])
        #expect(bench.isWaking(after: .seconds(2)))
        #expect(bench.pass(.seconds(2)) == [.refuse(second, .wait(.seconds(1), .bucket))])
    }

    @Test func `A cancelled request leaves the line to the next`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        let second = bench.wait(Bench.channel(1))
        let third = bench.wait(Bench.channel(1))
        #expect(bench.limiter.cancel(second, of: Bench.channel(1), now: bench.now) == [])
        #expect(bench.answer(first, Bench.window(1)) == [.send(third)])
    }

    @Test(arguments: [
        (1, 1, 1, 50), (1, 1, 4, 12), (1, 2, 1, 25), (16, 64, 2, 6), (1, 64, 8, 1),
    ])
    func `The global limit is shared by shards and workers`(
        _ shards: Int, _ count: Int, _ workers: Int, _ expected: Int
    ) {
        var bench = Bench()
        _ = bench.limiter.update(RequestShare(shards: shards, of: count, workers: workers), now: bench.now)
        let sent = (1...60).filter { number in
            let (ticket, actions) = bench.submit(Bench.channel(UInt64(number)))
            return actions == [.send(ticket)]
        }
        #expect(sent.count == expected)
        let window = RequestShare(shards: shards, of: count, workers: workers).globalWindow
        #expect(bench.pass(window - .milliseconds(1)) == [])
        #expect(bench.pass(.milliseconds(1)).count == min(expected, 60 - expected))
    }

    @Test func `Between routes the longest waiting goes first`() {
        var bench = Bench()
        _ = bench.limiter.update(RequestShare(shards: 1, of: 50, workers: 1), now: bench.now)
        _ = bench.send(Bench.channel(1))
        let waiting = (2...5).map { bench.wait(Bench.channel($0)) }
        for ticket in waiting {
            #expect(bench.pass(RequestShare(shards: 1, of: 50, workers: 1).globalWindow) == [.send(ticket)])
        }
    }

    @Test(arguments: [401, 403, 429])
    func `Invalid requests stop well before Discord's limit, those on tokens of interactions later`(_ status: Int) {
        var bench = Bench()
        let share = RequestShare(shards: 1, of: 10, workers: 10)  // 100 of the 10,000
        _ = bench.limiter.update(share, now: bench.now)
        var answer = RateLimitAnswer(status: status, code: 50027)
        if status == 429 { answer.limited = (.shared, .zero) }
        for number in 1...50 {
            _ = bench.pass(.seconds(3))
            let ticket = bench.send(Bench.channel(UInt64(number)))
            _ = bench.answer(ticket, answer)
        }
        let (refused, actions) = bench.submit(Bench.channel(99))
        #expect(actions == [.refuse(refused, .wait(.seconds(600 - 49 * 3), .invalidRequests))])
        for number in 1...30 {
            let ticket = bench.send(Bench.callback(UInt64(number)))
            _ = bench.answer(ticket, answer)
        }
        let (last, stopped) = bench.submit(Bench.callback(99), waiting: .seconds(3))
        #expect(stopped == [.refuse(last, .wait(.seconds(600 - 49 * 3), .invalidRequests))])
        #expect(bench.pass(.seconds(600)) == [])
        _ = bench.send(Bench.channel(99))
    }

    @Test func `After 401 nothing is sent with the bot token any more`() {
        var bench = Bench()
        let first = bench.send(Bench.channel(1))
        _ = bench.answer(first, RateLimitAnswer(status: 401, code: 0))
        let (second, actions) = bench.submit(Bench.channel(2))
        #expect(actions == [.refuse(second, .tokenRejected)])
        _ = bench.send(Bench.callback(1))
    }

    @Test func `401 about an interaction's token says nothing of the bot's`() {
        var bench = Bench()
        let first = bench.send(Bench.callback(1))
        _ = bench.answer(first, RateLimitAnswer(status: 401, code: 50027))
        _ = bench.send(Bench.channel(1))
    }

    @Test(arguments: [(403, 50013), (403, 50001), (404, 10003)])
    func `A permanent refusal is remembered for its resource and forgotten after a while`(_ status: Int, _ code: Int) {
        var bench = Bench()
        var time = RefusalMemory.firstTime
        for _ in 0..<3 {
            let ticket = bench.send(Bench.channel(1))
            _ = bench.answer(ticket, Bench.window(4, status: status).with(code: code))
            let (again, actions) = bench.submit(Bench.channel(1))
            #expect(actions == [.refuse(again, .remembered(.init(status: status, code: code)))])
            _ = bench.pass(time - .milliseconds(1))
            #expect(bench.submit(Bench.channel(1)).1 != [])
            _ = bench.pass(.milliseconds(1))
            time = time * 2
        }
        _ = bench.answer(bench.send(Bench.channel(2)), nil)
    }

    @Test(arguments: [(404, 10008), (403, 160_002), (400, 50035), (404, 0), (403, nil as Int?)])
    func `Refusals about the request's own content are not remembered`(_ status: Int, _ code: Int?) {
        var bench = Bench()
        let ticket = bench.send(Bench.channel(1))
        var answer = Bench.window(4, status: status)
        answer.code = code
        _ = bench.answer(ticket, answer)
        _ = bench.send(Bench.channel(1))
    }

    @Test func `A bucket that changes its name is counted anew, and the old one is given back`() {
        var bench = Bench()
        let probe = bench.send(Bench.channel(1))
        _ = bench.answer(probe, Bench.window(4, bucket: "young"))
        let second = bench.send(Bench.channel(1))
        _ = bench.answer(second, Bench.window(0, of: 1, bucket: "old"))
        let third = bench.wait(Bench.channel(1))
        #expect(bench.pass(.seconds(5) + margin) == [.send(third)])
    }

    @Test func `Memory is given back when routes fall silent`() {
        var bench = Bench()
        for number in 1...1000 {
            let ticket = bench.send(Bench.callback(UInt64(number)))
            _ = bench.answer(ticket, Bench.window(4))
        }
        #expect(bench.limiter.routeCount == 1000)
        _ = bench.pass(RateLimiter.tokenRouteLifetime + RateLimiter.sweepInterval)
        _ = bench.send(Bench.channel(1))
        #expect(bench.limiter.routeCount == 1)
    }

    @Test func `Too many waiting requests are refused rather than kept`() {
        var bench = Bench()
        _ = bench.send(Bench.channel(1))
        for _ in 0..<RateLimiter.maximumWaiting {
            let ticket = bench.limiter.ticket()
            _ = bench.limiter.submit(ticket, to: Bench.channel(1), latest: bench.now + .seconds(1), now: bench.now)
        }
        let (ticket, actions) = bench.submit(Bench.channel(2))
        #expect(actions == [.refuse(ticket, .wait(.seconds(1), .queue))])
    }
}

extension RateLimitAnswer {
    fileprivate func with(code: Int) -> RateLimitAnswer {
        var answer = self
        answer.code = code
        return answer
    }
}
