import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// Discord's side: a fixed window per channel that begins with its first request, and 50 requests in each second of its
/// clock. Time is in milliseconds.
private struct DiscordModel {
    struct Window {
        var end = 0
        var used = 0
    }

    let limits: [(limit: Int, length: Int)]
    var windows: [Window]
    var second = (number: -1, used: 0)
    var limited: [RateLimitAnswer.Scope: Int] = [:]

    mutating func receive(_ channel: Int, at time: Int) -> RateLimitAnswer {
        if second.number != time / 1000 { second = (time / 1000, 0) }
        second.used += 1
        guard second.used <= 50 else {
            limited[.global, default: 0] += 1
            return RateLimitAnswer(status: 429, limited: (.global, .milliseconds(1000 - time % 1000)))
        }
        let (limit, length) = limits[channel]
        if windows[channel].end <= time { windows[channel] = Window(end: time + length) }
        let end = windows[channel].end
        var answer = RateLimitAnswer(status: 200)
        windows[channel].used += 1
        if windows[channel].used > limit {
            limited[.user, default: 0] += 1
            answer = RateLimitAnswer(status: 429, limited: (.user, .milliseconds(end - time)))
        }
        answer.window = .init(
            limit: limit, remaining: max(0, limit - windows[channel].used), resetAfter: .milliseconds(end - time),
            reset: Double(end) / 1000, bucket: "messages")
        return answer
    }
}

private struct Simulation {
    enum Step {
        case submitted(Int)
        case arrived(RateLimiter.Ticket, Int)
        case answered(RateLimiter.Ticket, RateLimitAnswer?)
        case tick
    }

    let zero = ContinuousClock.now
    var random: SeededGenerator
    var limiter = RateLimiter()
    var discord: DiscordModel
    /// Steps by time, then order.
    var agenda: [(time: Int, Step)] = []
    var time = 0
    var channelOf: [RateLimiter.Ticket: Int] = [:]
    var orders: [Int: [RateLimiter.Ticket]] = [:]
    var waited: [RateLimiter.Ticket: Int] = [:]
    var longestWait = 0
    var done = 0
    var refused = 0
    /// One in so many requests gets no answer; 0 for none.
    let lossRate: UInt64
    let latency: ClosedRange<Int>

    init(seed: UInt64, channels: Int, latency: ClosedRange<Int>, lossRate: UInt64) {
        random = SeededGenerator(seed: seed)
        self.lossRate = lossRate
        self.latency = latency
        var limits: [(Int, Int)] = []
        for _ in 0..<channels {
            limits.append((Int.random(in: 1...6, using: &random), Int.random(in: 200...5000, using: &random)))
        }
        discord = DiscordModel(limits: limits, windows: Array(repeating: .init(), count: channels))
    }

    var now: ContinuousClock.Instant { zero + .milliseconds(time) }

    mutating func plan(_ time: Int, _ step: Step) {
        var low = 0
        var high = agenda.count
        while low < high {
            let middle = (low + high) / 2
            if agenda[middle].time <= time { high = middle } else { low = middle + 1 }
        }
        // Latest first, so that the next is last: removal is cheap.
        agenda.insert((time, step), at: low)
    }

    mutating func run() async {
        var steps = 0
        while let (time, step) = agenda.popLast() {
            steps += 1
            // Other tests wait for real sockets on the same few threads.
            if steps % 200 == 0 { await Task.yield() }
            self.time = max(self.time, time)
            switch step {
            case .submitted(let channel):
                let ticket = limiter.ticket()
                channelOf[ticket] = channel
                waited[ticket] = self.time
                submit(ticket)
            case .arrived(let ticket, let channel):
                let answer: RateLimitAnswer? = discord.receive(channel, at: self.time)
                let isLost = lossRate > 0 && random.next() % lossRate == 0
                plan(self.time + Int.random(in: latency, using: &random), .answered(ticket, isLost ? nil : answer))
            case .answered(let ticket, let answer):
                apply(limiter.finished(ticket, with: answer, now: now))
                if answer?.limited != nil { submit(ticket) } else { done += 1 }
            case .tick:
                apply(limiter.advance(to: now))
            }
            if let wake = limiter.wakeUp(now: now), agenda.last.map({ zero + .milliseconds($0.time) > wake }) ?? true {
                let offset = (wake - zero).wholeNanoseconds
                plan(Int((offset + 999_999) / 1_000_000), .tick)
            }
        }
    }

    mutating func submit(_ ticket: RateLimiter.Ticket) {
        let route = Route.createMessage(in: Snowflake(UInt64(channelOf[ticket] ?? 0)))
        apply(limiter.submit(ticket, to: route, latest: now + .seconds(100_000), now: now))
    }

    mutating func apply(_ actions: [RateLimiter.Action]) {
        for action in actions {
            switch action {
            case .send(let ticket):
                let channel = channelOf[ticket] ?? 0
                orders[channel, default: []].append(ticket)
                longestWait = max(longestWait, time - (waited[ticket] ?? 0))
                plan(time + Int.random(in: latency, using: &random), .arrived(ticket, channel))
            case .refuse:
                refused += 1
            }
        }
    }
}

@Suite struct RateLimiterSimulationTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `One client alone provokes no 429 at latencies up to 100 ms each way`(_ seed: UInt64) async {
        var simulation = Simulation(
            seed: seed, channels: 12, latency: seed % 2 == 0 ? 0...50 : 1...100, lossRate: 0)
        for _ in 0..<1500 {
            let channel = Int.random(in: 0..<12, using: &simulation.random)
            simulation.plan(Int.random(in: 0...120_000, using: &simulation.random), .submitted(channel))
        }
        await simulation.run()
        #expect(simulation.discord.limited == [:], "seed \(seed)")
        #expect(simulation.done == 1500, "seed \(seed)")
        #expect(simulation.refused == 0, "seed \(seed)")
        for (_, order) in simulation.orders { #expect(order == order.sorted(), "seed \(seed)") }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `Long and changing latencies provoke no 429 of a route`(_ seed: UInt64) async {
        var simulation = Simulation(seed: seed, channels: 3, latency: 0...3000, lossRate: 0)
        for _ in 0..<300 {
            let channel = Int.random(in: 0..<3, using: &simulation.random)
            simulation.plan(Int.random(in: 0...120_000, using: &simulation.random), .submitted(channel))
        }
        await simulation.run()
        #expect(simulation.discord.limited[.user] == nil, "seed \(seed)")
        #expect(simulation.done == 300, "seed \(seed)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `Lost answers hold nobody up for ever`(_ seed: UInt64) async {
        var simulation = Simulation(seed: seed, channels: 6, latency: 1...80, lossRate: 4)
        for _ in 0..<600 {
            let channel = Int.random(in: 0..<6, using: &simulation.random)
            simulation.plan(Int.random(in: 0...60_000, using: &simulation.random), .submitted(channel))
        }
        await simulation.run()
        #expect(simulation.done == 600, "seed \(seed)")
    }

    @Test func `A crowded channel does not keep the others waiting`() async {
        var simulation = Simulation(seed: 7, channels: 40, latency: 20...60, lossRate: 0)
        for _ in 0..<200 { simulation.plan(0, .submitted(0)) }
        for step in 0..<2000 { simulation.plan(step * 50, .submitted(1 + step % 39)) }
        await simulation.run()
        #expect(simulation.done == 2200)
        #expect(simulation.discord.limited == [:])
    }

    @Test func `The limit is used: a channel gets its requests through in the least number of windows`() async {
        var simulation = Simulation(seed: 3, channels: 1, latency: 10...30, lossRate: 0)
        let (limit, length) = simulation.discord.limits[0]
        for _ in 0..<(limit * 20) { simulation.plan(0, .submitted(0)) }
        await simulation.run()
        #expect(simulation.discord.limited == [:])
        #expect(simulation.time <= 20 * (length + 200))
    }
}
