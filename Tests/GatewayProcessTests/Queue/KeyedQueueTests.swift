internal import NIOCore
internal import Shared
internal import Testing

@testable internal import GatewayProcess

/// The queue's promises, sentence by sentence (docs/queue-protocol.md).
@Suite struct KeyedQueueTests {
    // MARK: Order, one worker per key

    @Test func `Events of one key come in order, and several may be at one worker`() {
        var bench = QueueBench()
        _ = bench.join()
        for _ in 0..<3 { bench.receive() }
        #expect(bench.news() == ["w1 1", "w1 2", "w1 3"])
    }

    @Test func `A key is never on two workers, also when its own has no credit left`() {
        var bench = QueueBench()
        let first = bench.join("a", capacity: 1)
        bench.receive()
        #expect(bench.news() == ["a 1"])
        let second = bench.join("b", capacity: 1)
        bench.receive()
        #expect(bench.news() == [])
        bench.ack(first, 1)
        #expect(bench.news().count == 1)
        _ = second
    }

    @Test func `What is held is known by classes of keys`() {
        var bench = QueueBench()
        #expect(bench.queue.classes().allSatisfy { $0 == .init() })
        let worker = bench.join()
        for guild in [1, 1, 2] as [UInt64] { bench.receive(guild: guild) }
        let guilds = bench.queue.classes()[Int(QueueKey.Class.guild.rawValue)]
        #expect(guilds.depth == 3 && guilds.oldestReceivedAt == bench.queue.oldestReceivedAt)
        #expect(bench.queue.classes().map(\.depth).reduce(0, +) == bench.queue.depth)
        _ = bench.news()
        bench.queue.acknowledge(Array(bench.ids.values), by: worker, now: bench.now)
        #expect(bench.queue.classes().allSatisfy { $0 == .init() })
    }

    @Test func `A key stays with its worker while others come and go`() {
        var bench = QueueBench()
        let workers = (1...4).map { bench.join("w\($0)") }
        var owners: [UInt64: String] = [:]
        for guild in 1...200 as ClosedRange<UInt64> {
            bench.receive(guild: guild)
            owners[guild] = bench.news().first.map { String($0.prefix(2)) }
        }
        #expect(Set(owners.values) == ["w1", "w2", "w3", "w4"])
        for worker in workers { bench.queue.acknowledge(Array(bench.ids.values), by: worker, now: bench.now) }
        // A fifth takes only what it ranks first at; when it goes everything is as before.
        let fifth = bench.join("w5")
        var moved = 0
        for guild in 1...200 as ClosedRange<UInt64> {
            bench.receive(guild: guild)
            let owner = bench.news().first.map { String($0.prefix(2)) }
            #expect(owner == owners[guild] || owner == "w5")
            if owner == "w5" { moved += 1 }
        }
        #expect(moved > 10 && moved < 90, "\(moved)")
        for worker in workers + [fifth] { bench.queue.acknowledge(Array(bench.ids.values), by: worker, now: bench.now) }
        bench.die(fifth, .leave)
        for guild in 1...200 as ClosedRange<UInt64> {
            bench.receive(guild: guild)
            #expect(bench.news().first.map { String($0.prefix(2)) } == owners[guild])
        }
    }

    @Test func `Workers of one name share its keys, and one that comes back has its own again`() {
        var bench = QueueBench()
        let first = bench.join("a")
        _ = bench.join("a")
        for guild in 1...100 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        let held = bench.queue.heldCount(of: first)
        #expect(held > 20 && held < 80, "\(held)")
        bench.die(first)
        let again = bench.join("a")
        bench.receive(guild: 1000)
        #expect(bench.queue.workerCount == 2)
        #expect(bench.queue.heldCount(of: again) <= 1)
    }

    @Test func `A later event waits behind a failed one`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.receive()
        bench.receive(guild: 2)
        _ = bench.news()
        bench.nack(worker, 1)
        #expect(bench.news() == ["w1 returned 1 2"])
        bench.pass(.milliseconds(350))
        #expect(bench.news() == ["w1 1+", "w1 2+"])
        #expect(bench.attempt(of: 1) == 2)
        #expect(bench.attempt(of: 2) == 1)
    }

    @Test func `A key moves only with nothing in flight`() {
        var bench = QueueBench()
        let first = bench.join("a")
        bench.receive()
        bench.drain(first)
        let second = bench.join("b")
        bench.receive()
        #expect(bench.news() == ["a 1"])
        bench.ack(first, 1)
        #expect(bench.news() == ["b 2"])
        _ = second
    }

    @Test func `Keys wait for a worker and for one that has credit, nobody is passed over`() {
        var bench = QueueBench()
        for guild in 1...6 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        #expect(bench.news() == [])
        _ = bench.join("a", capacity: 2)
        #expect(bench.news().count == 2)
        _ = bench.join("b", capacity: 10)
        #expect(bench.news().count == 4)
    }

    @Test func `A busy key does not keep others from being served`() {
        var bench = QueueBench()
        let worker = bench.join(capacity: 2)
        for _ in 0..<10 { bench.receive(guild: 1) }
        bench.receive(guild: 2)
        #expect(bench.news() == ["w1 1", "w1 2"])
        bench.ack(worker, 1, 2)
        #expect(bench.news().contains("w1 11"))
    }

    // MARK: Credit

    @Test func `Neither events nor bytes exceed the credit, but one event is always allowed`() {
        var bench = QueueBench()
        let worker = bench.join(capacity: 3, bytes: 2000)
        bench.receive(guild: 1, bytes: 5000)
        bench.receive(guild: 2)
        #expect(bench.news() == ["w1 1"])
        bench.ack(worker, 1)
        #expect(bench.news() == ["w1 2"])
        bench.receive(guild: 3, bytes: 1900)
        #expect(bench.news() == [])
        bench.ack(worker, 2)
        #expect(bench.news() == ["w1 3"])
        bench.ack(worker, 3)
        for guild in 4...8 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        #expect(bench.news().count == 3)
    }

    @Test func `Up to 32 interactions exceed both`() {
        var bench = QueueBench()
        _ = bench.join(capacity: 1, bytes: 300)
        bench.receive()
        for number in 1...40 as ClosedRange<UInt64> { bench.receive(interaction: number, bytes: 1000) }
        #expect(bench.news().count == 33)
    }

    @Test func `Nothing is written beyond the room a socket has`() {
        var bench = QueueBench { $0.maximumWriteAhead = 3000 }
        let worker = bench.join()
        bench.receive(guild: 1, bytes: 9000)
        #expect(bench.news() == ["w1 1"], "one may always be ahead")
        bench.receive(guild: 2)
        #expect(bench.news() == [])
        bench.queue.setRoom(worker, 3000)
        #expect(bench.news() == ["w1 2"])
        bench.receive(interaction: 5, bytes: 3000)
        #expect(bench.news() == [], "not even for an interaction")
    }

    @Test func `Interactions overtake every backlog`() {
        var bench = QueueBench()
        for guild in 1...50 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        bench.receive(interaction: 9)
        _ = bench.join(capacity: 3)
        #expect(bench.news().first == "w1 51")
    }

    // MARK: Acknowledgements

    @Test func `A late acknowledgement counts, and nothing is delivered again`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.receive()
        bench.pass(.seconds(30))
        #expect(bench.news() == ["w1 1", "w1 2", "w1 returned 1 2"])
        bench.ack(worker, 1)
        bench.pass(.seconds(1))
        #expect(bench.news() == ["w1 2+"])
        #expect(bench.queue.counters.lateAcknowledgements == 1)
    }

    @Test func `A late acknowledgement of what another worker has keeps the key there until that one is done`() {
        var bench = QueueBench()
        let first = bench.join("a")
        bench.receive()
        let second = bench.join("b")
        _ = bench.news()
        bench.pass(.seconds(30))
        bench.pass(.seconds(1))
        #expect(bench.news() == ["a returned 1", "b 1+"], "who let it time out is avoided")
        bench.ack(first, 1)
        #expect(bench.queue.depth == 0)
        bench.drain(second)
        bench.receive()
        #expect(bench.news() == [], "b may still be at it")
        bench.nack(second, 1)
        #expect(bench.news() == ["b returned 1", "a 2"])
    }

    @Test func `Ids that a worker never had are ignored and counted`() {
        var bench = QueueBench()
        let first = bench.join("a")
        bench.receive()
        let second = bench.join("b")
        bench.ack(second, 1)
        bench.queue.acknowledge([EventID(5)], by: first, now: bench.now)
        #expect(bench.queue.depth == 1)
        #expect(bench.queue.counters.unknownAcknowledgements == 2)
    }

    // MARK: Nack and timeouts

    @Test func `The backoff doubles from 250 ms to 10 s, give or take a fifth`() {
        var bench = QueueBench { $0.maximumAttempts = 100 }
        let worker = bench.join()
        bench.receive()
        _ = bench.news()
        for nominal in [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000] as [Int64] {
            bench.nack(worker, 1)
            _ = bench.news()
            bench.pass(.milliseconds(nominal * 8 / 10 - 1))
            #expect(bench.news() == [], "\(nominal)")
            bench.pass(.milliseconds(nominal * 4 / 10 + 2))
            #expect(bench.news() == ["w1 1+"], "\(nominal)")
        }
    }

    @Test func `An ack timeout counts against the oldest of its key only, and starts when it becomes that`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.receive()
        bench.pass(.seconds(20))
        bench.ack(worker, 1)
        bench.pass(.seconds(29))
        #expect(bench.news() == ["w1 1", "w1 2"])
        bench.pass(.seconds(1))
        #expect(bench.news() == ["w1 returned 2"])
        bench.pass(.milliseconds(400))
        #expect(bench.news() == ["w1 2+"])
        #expect(bench.attempt(of: 2) == 2)
    }

    @Test func `Extending starts the timeout anew`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.receive(guild: 2)
        bench.pass(.seconds(20))
        bench.extend(worker, 1)
        bench.pass(.seconds(15))
        #expect(bench.news() == ["w1 1", "w1 2", "w1 returned 2"])
        bench.pass(.seconds(15))
        #expect(bench.news().contains("w1 returned 1"))
    }

    @Test func `Five counted failures make a dead letter, and the key goes on`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.receive()
        _ = bench.news()
        for _ in 0..<4 {
            bench.nack(worker, 1)
            bench.pass(.seconds(13))
        }
        _ = bench.news()
        bench.nack(worker, 1)
        #expect(bench.news() == ["dead 1", "w1 returned 1 2", "w1 2+"])
        #expect(bench.letters.first?.reasons == Array(repeating: "bad", count: 5))
        #expect(bench.letters.first?.failures == 5)
        #expect(bench.attempt(of: 2) == 1)
    }

    @Test func `A retried dead letter is a new event, last in its key`() throws {
        var bench = QueueBench { $0.maximumAttempts = 1 }
        let worker = bench.join(capacity: 1)
        bench.receive()
        bench.nack(worker, 1)
        bench.receive()
        bench.receive()
        _ = bench.news()
        let letter = try #require(bench.letters.first)
        let id = bench.queue.retry(letter, now: bench.now, wall: bench.wall)
        #expect(id > letter.id)
        bench.ack(worker, 2)
        bench.ack(worker, 3)
        #expect(bench.news() == ["w1 3", "w1 101"])
        #expect(bench.last[101]?.retryOf == letter.id)
        #expect(bench.last[101]?.attempt == 1)
    }

    // MARK: Release

    @Test func `Released events come back uncounted, and their keys wait`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.receive()
        bench.receive(guild: 2)
        _ = bench.news()
        bench.release(worker, 1, for: .seconds(2))
        #expect(bench.news() == ["w1 returned 1 2"])
        bench.receive()
        bench.pass(.milliseconds(1999))
        #expect(bench.news() == [])
        bench.pass(.milliseconds(1))
        #expect(bench.news() == ["w1 1+", "w1 2+", "w1 4"])
        #expect(bench.attempt(of: 1) == 1)
    }

    @Test func `Releasing everything keeps interactions, and for that time takes nothing else`() {
        var bench = QueueBench()
        let worker = bench.join("a")
        bench.receive()
        bench.receive(interaction: 7)
        _ = bench.news()
        bench.releaseAll(worker, for: .seconds(5))
        bench.receive(interaction: 8)
        #expect(bench.news() == ["a returned 1", "a 3"])
        _ = bench.join("b", capacity: 1)
        #expect(bench.news() == ["b 1+"], "other workers get them at once")
        bench.receive(guild: 2)
        bench.pass(.milliseconds(4999))
        #expect(bench.news() == [])
        bench.pass(.milliseconds(1))
        #expect(bench.news() == ["a 4"])
    }

    @Test func `Every nack and release is answered, also for what is not there any more`() {
        var bench = QueueBench()
        let worker = bench.join()
        bench.receive()
        bench.nack(worker, 1)
        _ = bench.news()
        bench.nack(worker, 1)
        bench.release(worker, 1, for: .seconds(1))
        bench.queue.nack([EventID(4)], reason: "", by: worker, now: bench.now, wall: bench.wall, using: &bench.random)
        #expect(bench.news() == ["w1 returned 1", "w1 returned 1", "w1 returned "])
        #expect(bench.queue.counters.nacks == 1)
    }

    // MARK: Deaths

    @Test func `A death counts nothing`() {
        var bench = QueueBench()
        let first = bench.join("a")
        bench.receive()
        bench.die(first)
        _ = bench.join("b")
        #expect(bench.news() == ["a 1", "b 1+"])
        #expect(bench.attempt(of: 1) == 1)
    }

    @Test func `What was in flight at two deaths is delivered alone, and a death then counts`() {
        var bench = QueueBench()
        for _ in 0..<2 {
            let worker = bench.join("w")
            if bench.ids.isEmpty {
                bench.receive(guild: 1)
                bench.receive(guild: 2)
            }
            bench.die(worker)
        }
        bench.receive(guild: 3)
        _ = bench.news()
        var worker = bench.join("w")
        #expect(bench.news() == ["w 3"], "the innocent first")
        bench.ack(worker, 3)
        #expect(bench.news() == ["w 1+"])
        bench.receive(guild: 4)
        bench.receive(interaction: 5)
        #expect(bench.news() == [], "its worker holds nothing else")
        bench.ack(worker, 1)
        #expect(bench.news().allSatisfy { ["w 5", "w 4"].contains($0) })
        bench.ack(worker, 4, 5)
        #expect(bench.news() == ["w 2+"])
        for failure in 2...5 {
            bench.die(worker)
            bench.pass(.seconds(11))
            worker = bench.join("w")
            #expect(bench.news() == ["w 2+"])
            #expect(bench.attempt(of: 2) == failure)
        }
        bench.die(worker)
        #expect(bench.news() == ["dead 2"])
    }

    @Test func `A worker that had drained says nothing against what it left`() {
        var bench = QueueBench()
        for _ in 0..<3 {
            let worker = bench.join("w")
            if bench.ids.isEmpty { bench.receive() }
            bench.die(worker, .leave)
        }
        bench.receive(guild: 2)
        _ = bench.news()
        _ = bench.join("w")
        #expect(bench.news().count == 2)
    }

    @Test func `With a second worker, others go on while an event is alone`() {
        var bench = QueueBench()
        for _ in 0..<2 {
            let worker = bench.join("w")
            if bench.ids.isEmpty { bench.receive() }
            bench.die(worker)
        }
        _ = bench.join("a")
        _ = bench.news()
        _ = bench.join("b")
        for guild in 2...9 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        #expect(bench.news().filter { $0.hasPrefix("b") }.count == 8)
    }

    // MARK: Wishes

    @Test func `With no wish known everything is kept; what nobody wants is done at once`() {
        var bench = QueueBench()
        #expect(bench.receive("GUILD_UPDATE") != .unwanted)
        let worker = bench.join(events: ["MESSAGE_CREATE"])
        #expect(bench.queue.counters.unwanted == ["GUILD_UPDATE": 1])
        #expect(bench.queue.depth == 0)
        #expect(bench.receive("GUILD_UPDATE") == .unwanted)
        bench.die(worker, .leave)
        #expect(bench.receive("GUILD_UPDATE") == .unwanted)
        bench.pass(.seconds(15 * 60 - 1))
        #expect(bench.receive("GUILD_UPDATE") == .unwanted)
        bench.pass(.seconds(1))
        #expect(bench.receive("GUILD_UPDATE") != .unwanted)
    }

    @Test func `What only a worker that left wanted is kept for it until its wish is forgotten`() {
        var bench = QueueBench()
        _ = bench.join("a", events: ["MESSAGE_CREATE"])
        let other = bench.join("b", events: ["GUILD_UPDATE"])
        bench.die(other, .leave)
        bench.receive("GUILD_UPDATE")
        bench.receive("MESSAGE_CREATE")
        #expect(bench.news() == [])
        bench.pass(.seconds(15 * 60))
        #expect(bench.news() == ["a 2"])
        #expect(bench.queue.counters.unwanted == ["GUILD_UPDATE": 1])
    }

    @Test func `Each worker gets only what it wants, in the key's order all the same`() {
        var bench = QueueBench()
        let first = bench.join("a", events: ["MESSAGE_CREATE"])
        let second = bench.join("b", events: ["GUILD_UPDATE"])
        bench.receive("MESSAGE_CREATE")
        bench.receive("GUILD_UPDATE")
        bench.receive("MESSAGE_CREATE")
        #expect(bench.news() == ["a 1"])
        bench.ack(first, 1)
        #expect(bench.news() == ["b 2"])
        bench.ack(second, 2)
        #expect(bench.news() == ["a 3"])
    }

    // MARK: Duplicates, numbers, shedding

    @Test func `A sequence number of a session is taken once`() {
        var bench = QueueBench()
        bench.receive(sequence: 4)
        #expect(bench.receive(sequence: 4) == .duplicate)
        #expect(bench.receive(sequence: 3) == .duplicate)
        #expect(bench.receive(sequence: 1, session: "next") != .duplicate)
    }

    @Test func `Ids follow the clock, and grow when it goes back`() throws {
        var bench = QueueBench()
        bench.receive()
        #expect(bench.ids[1] == EventID(bench.wall))
        bench.wall -= 5_000_000
        bench.receive()
        #expect(try #require(bench.ids[2]).rawValue == (try #require(bench.ids[1]).rawValue) + 1)
    }

    @Test func `The durable sequence is that of an unbroken run of finished events`() {
        var bench = QueueBench()
        let worker = bench.join()
        for guild in 1...4 as ClosedRange<UInt64> { bench.receive(guild: guild, sequence: Int(guild) * 2) }
        func durable() -> Int? { bench.queue.ledger.durableSequence(shard: 0, session: "s") }
        #expect(durable() == nil)
        bench.ack(worker, 4)
        #expect(durable() == nil)
        bench.ack(worker, 2)
        #expect(durable() == 4)
        bench.ack(worker, 8)
        #expect(durable() == 4)
        bench.ack(worker, 6)
        #expect(durable() == 8)
        #expect(bench.queue.ledger.durableSequence(shard: 0, session: "other") == nil)
        #expect(bench.queue.ledger.durableSequence(shard: 1, session: "s") == nil)
    }

    @Test func `Past the limit presences and typing go first, waiting ones too, and are counted by name`() {
        var bench = QueueBench { $0.maximumBytes = 5000 }
        bench.receive("TYPING_START", guild: 1, bytes: 1000)
        bench.receive("MESSAGE_CREATE", guild: 2, bytes: 3000)
        bench.receive("MESSAGE_CREATE", guild: 3, bytes: 1000)
        #expect(bench.queue.counters.shed == ["TYPING_START": 1])
        bench.receive("MESSAGE_CREATE", guild: 3, bytes: 1000)
        #expect(bench.receive("PRESENCE_UPDATE") == .shed)
        #expect(bench.receive("MESSAGE_CREATE") != .shed)
        #expect(bench.queue.counters.shed == ["TYPING_START": 1, "PRESENCE_UPDATE": 1])
        #expect(bench.queue.ledger.durableSequence(shard: 0, session: "s") == 1)
    }

    // MARK: Size

    @Test func `Idle keys are not kept`() {
        var bench = QueueBench()
        let worker = bench.join(capacity: 1000)
        for guild in 1...500 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        #expect(bench.queue.keyCount == 500)
        bench.queue.acknowledge(Array(bench.ids.values), by: worker, now: bench.now)
        #expect(bench.queue.keyCount == 0 && bench.queue.events.count == 500)
        for guild in 501...900 as ClosedRange<UInt64> { bench.receive(guild: guild) }
        #expect(bench.queue.events.count == 500, "places are used again")
    }
}
