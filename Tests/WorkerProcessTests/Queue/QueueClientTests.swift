import Logging
import NIOCore
import Shared
import Synchronization
import TestKit
import Testing

@testable import WorkerProcess

/// What a handler does is decided by the test, per event.
private final class ScriptedPlanner: EventPlanner {
    typealias Plan = @Sendable (EventFrame) throws(EventProblem) -> EventPlan
    private let body: Plan
    let wantedEvents: Set<String> = ["MESSAGE_CREATE"]

    init(_ body: @escaping Plan) { self.body = body }

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan { try body(event) }
}

/// A door that handlers wait at until the test opens it.
private final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, entered: [Int64])>((false, []))
    var entered: [Int64] { state.withLock { $0.entered } }
    func open() { state.withLock { $0.isOpen = true } }

    func pass(_ id: EventID) async {
        state.withLock { $0.entered.append(id.rawValue) }
        while !state.withLock({ $0.isOpen }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
    }
}

/// What a closure collects.
private final class Collected: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
}

/// A client on a socket of its own.
private struct Bench {
    let directory: TemporaryDirectory
    let store = FakeStore()
    let counters = WorkerCounters()
    let shares = Collected()
    let client: QueueClient
    private let running: Task<Void, any Error>

    init(
        drainTimeout: Duration = .seconds(20), reportInterval: Duration = .seconds(60),
        statusTimeout: TimeAmount = .seconds(60), logger: Logger = .silent, _ plan: @escaping ScriptedPlanner.Plan
    ) throws {
        directory = try TemporaryDirectory()
        var options = QueueClient.Options(
            socket: directory.path("q"), name: "w1", capacity: 64, drainTimeout: drainTimeout,
            ephemeralCommands: ["config show"])
        options.backoff = Backoff(first: .milliseconds(5), maximum: .milliseconds(20))
        options.outageBackoff = Backoff(first: .milliseconds(20), maximum: .milliseconds(20))
        options.reportInterval = reportInterval
        options.statusTimeout = statusTimeout
        var hooks = QueueClient.Hooks()
        let shares = shares
        hooks.shareChanged = { shares.add("\($0)/\($1)/\($2)") }
        hooks.report = { ["database": ["ok": true]] }
        let client = QueueClient(
            options, planner: ScriptedPlanner(plan), store: store, counters: counters, hooks: hooks, logger: logger)
        self.client = client
        running = Task { try await client.run() }
    }

    func gateway() async throws -> ScriptedGateway { try await .start(at: directory.path("q")) }

    /// Waits until `run` has ended, and throws what it threw.
    func ended() async throws {
        let over = Collected()
        let running = running
        Task {
            _ = await running.result
            over.add("over")
        }
        try await eventually("the client's run ends") { !over.all.isEmpty }
        try await running.value
    }

    /// Ends the client, whatever it still holds.
    func end() async throws {
        await client.fail(ServiceFailure(.unavailable, "the test is over"))
        try? await ended()
    }
}

extension EventPlan {
    /// A counted message, as MESSAGE_CREATE plans it.
    fileprivate static func activity(_ event: EventFrame) -> EventPlan {
        EventPlan(
            activity: ActivityEvent(
                key: event.key, event: event.id, guild: Snowflake(1), member: Snowflake(2), day: 1))
    }
}

@Suite struct QueueClientTests {
    @Test func `hello says what the worker is and wants, and events are acknowledged after their handlers`()
        async throws
    {
        let gate = Gate()
        let bench = try Bench { event in EventPlan { await gate.pass(event.id) } }
        let gateway = try await bench.gateway()
        let connection = try await gateway.welcome()
        #expect(
            connection.hello
                == WorkerHello(
                    worker: "w1", version: Version.current, capacity: 64, capacityBytes: 32 << 20,
                    events: ["MESSAGE_CREATE"], ephemeral: ["config show"]))
        connection.event(1)
        connection.event(2)
        connection.event(3, key: "guild:2")
        try await eventually("both keys are worked on") { Set(gate.entered) == [1, 3] }
        // Whatever handlers do, pings are answered.
        connection.send(.ping)
        try await eventually("a pong") { connection.contains { $0 == .pong } }
        #expect(connection.acknowledged.isEmpty)
        gate.open()
        try await eventually("all are acknowledged") { Set(connection.acknowledged) == [1, 2, 3] }
        try await bench.end()
    }

    @Test func `a gateway of a later release that speaks this protocol is worked for`() async throws {
        let bench = try Bench { _ in EventPlan() }
        let gateway = try await bench.gateway()
        let connection = try await gateway.welcome()
        connection.send(
            raw: #"{"op":"weather","later":[1]}"# + "\n" + #"{"op":"members","workers":3,"later":null}"# + "\n")
        connection.event(1)
        try await eventually("it works") { connection.acknowledged == [1] }
        try await bench.end()
    }

    @Test func `a gateway that chooses a protocol which nobody offered is left, and asked again`() async throws {
        let bench = try Bench { _ in EventPlan() }
        let gateway = try await bench.gateway()
        let first = try await gateway.welcome(protocolVersion: 2)
        try await eventually("the connection is closed") { first.isClosed }
        let second = try await gateway.welcome(2)
        second.event(1)
        try await eventually("it works") { second.acknowledged == [1] }
        try await bench.end()
    }

    @Test func `a gateway that is not there yet, or goes without a word, is found again`() async throws {
        let bench = try Bench { _ in EventPlan() }
        let gateway = try await bench.gateway()
        let first = try await gateway.welcome()
        first.close()
        let second = try await gateway.welcome(2)
        second.event(1)
        try await eventually("it works") { second.acknowledged == [1] }
        #expect(bench.counters.current.reconnects == 1)
        try await bench.end()
    }

    @Test func `frames in pieces and unknown frames are no trouble`() async throws {
        let bench = try Bench { _ in EventPlan() }
        let connection = try await bench.gateway().welcome()
        connection.send(raw: #"{"op":"of a later gateway"}"# + "\n" + #"{"op":"event","id":5,"attempt":1,"#)
        connection.send(raw: #""shard":0,"seq":1,"t":"X","key":"guild:1","received_at":1,"sent_at":1,"d":{}}"# + "\n")
        try await eventually("it is acknowledged") { connection.acknowledged == [5] }
        try await bench.end()
    }

    // MARK: Failures

    @Test func `a failure is a nack, and the rest of the key waits for returned`() async throws {
        let attempts = Collected()
        let bench = try Bench { event in
            EventPlan {
                attempts.add("\(event.id)")
                if attempts.all.count == 1 { throw EventProblem(description: "no good") }
            }
        }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        connection.event(2)
        try await eventually("a nack") { connection.contains { $0 == .nack([EventID(1)], reason: "no good") } }
        connection.send(.returned([EventID(1), EventID(2)]))
        connection.event(1, redelivered: true)
        connection.event(2, redelivered: true)
        try await eventually("both are done") { connection.acknowledged == [1, 2] }
        #expect(attempts.all == ["1", "1", "2"])
        try await bench.end()
    }

    @Test func `an event that lacks something is a nack`() async throws {
        let bench = try Bench { _ throws(EventProblem) in throw EventProblem(description: "id is no snowflake") }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        try await eventually("a nack") {
            connection.contains { $0 == .nack([EventID(1)], reason: "id is no snowflake") }
        }
        #expect(bench.counters.current.malformed == 1)
        try await bench.end()
    }

    @Test func `an event that cannot be read is a nack with the reason, and only its key waits`() async throws {
        let bench = try Bench { _ in EventPlan {} }
        let connection = try await bench.gateway().welcome()
        connection.event(1, #"{"content":1e999}"#)
        connection.event(2)
        connection.event(3, key: "guild:3")
        try await eventually("a nack") {
            connection.contains {
                if case .nack([EventID(1)], let reason) = $0 { reason.contains("cannot be read") } else { false }
            }
        }
        try await eventually("the others are done") { connection.acknowledged == [3] }
        try await bench.end()
    }

    @Test(
        arguments: [
            (DiscordAPIError.Kind.unavailable, Duration.milliseconds(1500), 1500), (.unavailable, nil, 5000),
            (.alreadyAnswered, nil, 1000),
        ] as [(DiscordAPIError.Kind, Duration?, Int)])
    func `what Discord cannot take now is released, uncounted`(
        kind: DiscordAPIError.Kind, retryAfter: Duration?, milliseconds: Int
    ) async throws {
        let error = FakeDiscord.error(kind, retryAfter: retryAfter)
        let bench = try Bench { _ in EventPlan { throw error } }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        try await eventually("a release") {
            connection.contains {
                $0 == .release(.ids([EventID(1)]), retryAfterMilliseconds: milliseconds, reason: error.description)
            }
        }
        try await bench.end()
    }

    @Test(arguments: [DiscordAPIError.Kind.rejected, .tooLate])
    func `what Discord refuses for good is done, and counted`(kind: DiscordAPIError.Kind) async throws {
        let bench = try Bench { _ in EventPlan { throw FakeDiscord.error(kind) } }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        try await eventually("it is acknowledged") { connection.acknowledged == [1] }
        #expect(bench.counters.current.pointless + bench.counters.current.tooLate == 1)
        try await bench.end()
    }

    @Test func `a token that Discord does not accept ends the worker with 77`() async throws {
        let bench = try Bench { _ in EventPlan { throw FakeDiscord.error(.unauthorized, status: 401) } }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        await #expect(performing: { try await bench.ended() }, throws: { ($0 as? ServiceFailure)?.exit == .rejected })
        try await eventually("the connection is closed") { connection.isClosed }
        #expect(connection.acknowledged.isEmpty)
    }

    @Test func `work that waits for a rate limit extends its event`() async throws {
        let gate = Gate()
        let bench = try Bench { event in
            EventPlan {
                WaitObserver.current?.isWaiting(WaitObserver.interval)
                await gate.pass(event.id)
            }
        }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        try await eventually("an extend") { connection.contains { $0 == .extend([EventID(1)]) } }
        gate.open()
        try await eventually("it is acknowledged") { connection.acknowledged == [1] }
        try await bench.end()
    }

    // MARK: The write-behind

    @Test func `many messages are few transactions, acknowledged after the commit`() async throws {
        let bench = try Bench { .activity($0) }
        let connection = try await bench.gateway().welcome()
        for id in Int64(1)...300 { connection.event(id, key: "guild:\(id % 7)") }
        try await eventually("all are acknowledged") { connection.acknowledged.count == 300 }
        #expect(bench.store.count(of: Snowflake(2)) == 300)
        #expect(bench.store.batches.count < 60)
        try await bench.end()
    }

    @Test func `a database that is down gives everything back, and each message is counted once in the end`()
        async throws
    {
        let bench = try Bench { .activity($0) }
        bench.store.activityError = { _ in FakeStore.error(.unavailable) }
        let connection = try await bench.gateway().welcome()
        for id in Int64(1)...5 { connection.event(id) }
        try await eventually("everything is released") {
            connection.contains { if case .release(.all, _, _) = $0 { true } else { false } }
        }
        #expect(connection.acknowledged.isEmpty)
        bench.store.activityError = nil
        // Sent before the gateway had read that, and void.
        connection.event(6)
        connection.send(.returned((1...6).map { EventID($0) }))
        for id in Int64(1)...6 { connection.event(id, redelivered: true) }
        try await eventually("all are acknowledged") { connection.acknowledged.count == 6 }
        #expect(bench.store.count(of: Snowflake(2)) == 6)
        try await bench.end()
    }

    @Test func `a message that the database refuses is a nack alone`() async throws {
        let bench = try Bench { .activity($0) }
        bench.store.activityError = { batch in
            batch.contains { $0.event == EventID(2) } ? FakeStore.error(.rejected) : nil
        }
        let connection = try await bench.gateway().welcome()
        for id in Int64(1)...4 { connection.event(id, key: "guild:\(id % 2)") }
        try await eventually("a nack") {
            connection.contains { if case .nack([EventID(2)], _) = $0 { true } else { false } }
        }
        // The fourth is of the same key.
        try await eventually("the others are done") { Set(connection.acknowledged) == [1, 3] }
        try await bench.end()
    }

    // MARK: Connections that end

    @Test func `what was finished meanwhile is in the next hello`() async throws {
        let gate = Gate()
        let bench = try Bench { event in EventPlan { await gate.pass(event.id) } }
        let gateway = try await bench.gateway()
        let first = try await gateway.welcome()
        first.event(1)
        try await eventually("it is worked on") { gate.entered == [1] }
        await gateway.stop()
        first.close()
        try await eventually("the worker has noticed") { await !bench.client.isConnected }
        gate.open()
        try await eventually("it is finished") { await bench.client.isIdle }
        let again = try await bench.gateway()
        let second = try await again.welcome()
        #expect(second.hello?.journal == "J")
        #expect(second.hello?.done == [EventID(1)])
        second.close()
        // Told once.
        let third = try await again.welcome(2)
        #expect(third.hello?.done == [])
        try await bench.end()
    }

    @Test func `what is finished after the next hello is not done twice`() async throws {
        let gate = Gate()
        let bench = try Bench { event in EventPlan { await gate.pass(event.id) } }
        let gateway = try await bench.gateway()
        let first = try await gateway.welcome()
        first.event(1)
        try await eventually("it is worked on") { gate.entered == [1] }
        first.close()
        let second = try await gateway.welcome(2)
        second.event(1, redelivered: true)
        gate.open()
        try await eventually("it is acknowledged") { second.acknowledged == [1] }
        #expect(gate.entered == [1])
        try await bench.end()
    }

    @Test func `a gateway that is going gets the last acknowledgements, and is looked for again`() async throws {
        let gate = Gate()
        let bench = try Bench { event in EventPlan { await gate.pass(event.id) } }
        let gateway = try await bench.gateway()
        let first = try await gateway.welcome()
        first.event(1)
        try await eventually("it is worked on") { gate.entered == [1] }
        first.send(.goodbye(reason: "restart"))
        gate.open()
        try await eventually("it is acknowledged, then the connection closed") {
            first.acknowledged == [1] && first.isClosed
        }
        _ = try await gateway.welcome(2)
        try await bench.end()
    }

    // MARK: Draining

    @Test func `a drain finishes what is held, then closes`() async throws {
        let gate = Gate()
        let bench = try Bench { event in EventPlan { await gate.pass(event.id) } }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        connection.event(2)
        try await eventually("it is worked on") { gate.entered == [1] }
        await bench.client.drain(reason: "test")
        try await eventually("drain") { connection.contains { $0 == .drain } }
        // Still on its way when the gateway read the drain.
        connection.event(3, key: "guild:3")
        connection.send(.draining)
        gate.open()
        try await bench.ended()
        try await eventually("all are acknowledged, then the connection closed") {
            Set(connection.acknowledged) == [1, 2, 3] && connection.isClosed
        }
    }

    @Test func `an operator can have a worker drained`() async throws {
        let bench = try Bench { _ in EventPlan() }
        let connection = try await bench.gateway().welcome()
        connection.send(.pleaseDrain)
        try await eventually("drain") { connection.contains { $0 == .drain } }
        connection.send(.draining)
        try await bench.ended()
    }

    @Test func `a drain does not wait longer than DRAIN_TIMEOUT`() async throws {
        let gate = Gate()
        let bench = try Bench(drainTimeout: .milliseconds(50)) { event in EventPlan { await gate.pass(event.id) } }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        try await eventually("it is worked on") { gate.entered == [1] }
        await bench.client.drain(reason: "test")
        try await bench.ended()
        #expect(connection.acknowledged.isEmpty)
    }

    @Test func `a drain without a gateway ends at once`() async throws {
        let bench = try Bench { _ in EventPlan() }
        await bench.client.drain(reason: "test")
        try await bench.ended()
    }

    // MARK: What goes beside events

    @Test func `shares, reports and status`() async throws {
        let bench = try Bench(reportInterval: .milliseconds(20)) { _ in EventPlan() }
        let connection = try await bench.gateway().welcome()
        connection.send(.members(3))
        try await eventually("the share is known") { bench.shares.all == ["2/4/2", "2/4/3"] }
        try await eventually("a report") {
            connection.contains {
                if case .report(let report) = $0 { report["database"]?["ok"] == true } else { false }
            }
        }
        async let status = bench.client.gatewayStatus()
        try await eventually("status is asked for") { connection.contains { $0 == .status } }
        connection.send(.status(["shards": [["id": 0, "latency_ms": 41]]]))
        #expect(await status?["shards"]?.elements?.first?["latency_ms"] == 41)
        try await bench.end()
    }

    @Test func `a gateway that does not say its status is not waited for`() async throws {
        let bench = try Bench(statusTimeout: .milliseconds(10)) { _ in EventPlan() }
        _ = try await bench.gateway().welcome()
        try await eventually("it is connected") { await bench.client.isConnected }
        #expect(await bench.client.gatewayStatus() == nil)
        try await bench.end()
    }

    // MARK: Standing still

    @Test func `after a standstill what the gateway took back meanwhile does not begin`() async throws {
        let (gate, started) = (Gate(), Collected())
        let bench = try Bench { event in
            EventPlan {
                started.add("\(event.id)")
                await gate.pass(event.id)
            }
        }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        connection.event(2)
        connection.event(3, key: "guild:3")
        try await eventually("they are worked on") { Set(gate.entered) == [1, 3] }
        let client = bench.client
        await client.standStill(for: .seconds(60))
        gate.open()
        try await eventually("the handlers have ended") { await client.tasks.isEmpty }
        #expect(connection.acknowledged.isEmpty)
        // Meanwhile the gateway gave the first two to another worker.
        connection.send(.returned([EventID(1), EventID(2)]))
        try await eventually("that is read") { await client.heldCount == 0 }
        await client.goOn()
        try await eventually("what was finished is told") { Set(connection.acknowledged) == [1, 3] }
        connection.event(4, key: "guild:4")
        try await eventually("it goes on") { Set(connection.acknowledged) == [1, 3, 4] }
        #expect(!started.all.contains("2"))
        try await bench.end()
    }

    @Test func `a drain gets the time back in which the worker stood still`() async throws {
        let (gate, logs) = (Gate(), LogLines())
        let bench = try Bench(drainTimeout: .seconds(50), logger: logs.logger) { event in
            EventPlan { await gate.pass(event.id) }
        }
        let connection = try await bench.gateway().welcome()
        connection.event(1)
        try await eventually("it is worked on") { gate.entered == [1] }
        await bench.client.drain(reason: "test")
        let deadline = await bench.client.drainDeadline
        await bench.client.standStill(for: .seconds(60))
        await bench.client.goOn()
        try await eventually("the time is given back") { await bench.client.drainDeadline > deadline + .seconds(58) }
        #expect(!connection.isClosed)
        #expect(logs.lines.contains { $0.contains("stood still") })
        connection.send(.draining)
        gate.open()
        try await bench.ended()
        try await eventually("it is acknowledged") { connection.acknowledged == [1] }
    }
}

extension QueueClient {
    fileprivate var isIdle: Bool { dispatcher.isIdle }

    /// As if the process had not run for so long, and had not looked at the time since.
    fileprivate func standStill(for time: TimeAmount) {
        ticks?.cancel()
        monitor = LoopMonitor(now: .now() - time)
    }

    /// It looks at the time.
    fileprivate func goOn() { tick(now: .now()) }
}
