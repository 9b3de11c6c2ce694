import Glibc
import Shared
import TestKit
import Testing

/// A worker dies after an effect happened and before the gateway could learn of it; the next worker gets the event again.
@Suite struct EffectsOnceTests {
    private static let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"

    // MARK: Messages

    @Test(
        arguments: [
            ["kind": "delay", "ms": 600_000], ["kind": "reset", "when": "after"],
            ["kind": "status", "status": 500, "when": "after"],
        ] as [JSON])
    func `an answer that Discord took before the worker was killed is met by its nonce`(fault: JSON) async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway()
        let relay = try await AckRelay.start(
            at: stack.directory.path("relay.sock"), to: try #require(stack.environment["QUEUE_SOCKET"]))
        let victim = try await stack.worker("w1", ["DATABASE_URL": database.url, "QUEUE_SOCKET": relay.path])
        relay.hold()
        try await stack.fault(fault.adding("operation", "create_message"))
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await stack.wait("messages", atLeast: 1, or: victim)
        victim.signal(SIGKILL)
        let heir = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.waitUntilDone(or: heir)

        #expect(try await stack.botMessages().count == 1)
        #expect(try await stack.requests("create_message") >= 2)
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
        try await relay.stop()
    }

    @Test func `an answer that Discord took longer ago than it remembers nonces is found in the channel`() async throws
    {
        let stack = try await Stack(["--no-rate-limits", "--nonce-lifetime", "1"])
        let server = try await PostgresServer.shared()
        let name = try await server.createDatabase()
        let url = server.url(database: name)
        _ = try await stack.gateway()
        let victim = try await stack.worker("w1", ["DATABASE_URL": url])
        try await stack.fault(["kind": "delay", "ms": 600_000, "operation": "create_message"])
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await stack.wait("messages", atLeast: 1, or: victim)
        victim.signal(SIGKILL)
        // Nobody works for two minutes.
        try await server.run(sql: "UPDATE outgoing_message SET begun_at = begun_at - 120000000", database: name)
        let heir = try await stack.worker("w2", ["DATABASE_URL": url])
        try await stack.waitUntilDone(or: heir)

        let messages = try await stack.botMessages()
        #expect(messages.count == 1)
        #expect(try await stack.requests("create_message") == 1)
        #expect(try await stack.requests("list_messages") == 1)
        let kept = try await server.run(sql: "SELECT message_id FROM outgoing_message", database: name)
        #expect(kept == messages.compactMap { $0["id"]?.string })
    }

    @Test(arguments: TestDatabase.allCases)
    func `an answer whose acknowledgement was lost is remembered by the database`(kind: TestDatabase) async throws {
        let stack = try await Stack(["--no-rate-limits", "--nonce-lifetime", "1"])
        let database = try await DatabaseHandle(kind, in: stack.directory)
        _ = try await stack.gateway()
        let relay = try await AckRelay.start(
            at: stack.directory.path("relay.sock"), to: try #require(stack.environment["QUEUE_SOCKET"]))
        let victim = try await stack.worker("w1", ["DATABASE_URL": database.url, "QUEUE_SOCKET": relay.path])
        relay.hold()
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await eventually("the worker is done; \(victim.tail)", within: .seconds(60)) {
            relay.held("MESSAGE_CREATE") == 1
        }
        victim.signal(SIGKILL)
        let heir = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.waitUntilDone(or: heir)
        #expect(try await stack.botMessages().count == 1)
        #expect(try await stack.requests("create_message") == 1)
        try await relay.stop()
    }

    @Test func `a newcomer is welcomed once by two workers, the first of which was killed`() async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway()
        let victim = try await stack.worker("w1", ["DATABASE_URL": database.url])
        try await stack.wait("commands", atLeast: 3, or: victim)
        let guild = try await stack.firstGuild()
        let channel = try #require(guild["channels"]?.elements?.last?["id"]?.string)
        try await stack.control.post(
            "/simulator/interactions",
            [
                "command": "config welcome", "options": ["channel": .string(channel)],
                "user": try #require(guild["owner"]),
            ])
        try await stack.wait("answers", atLeast: 1, or: victim)
        try await stack.fault(["kind": "delay", "ms": 600_000, "operation": "create_message"])
        try await stack.control.post("/simulator/members", ["guild": try #require(guild["id"])])
        let path = "/simulator/messages?author=bot&channel=\(channel)"
        try await eventually("the newcomer is welcomed; \(victim.tail)", within: .seconds(60)) {
            try await stack.control.get(path).elements?.isEmpty == false
        }
        victim.signal(SIGKILL)
        let heir = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.waitUntilDone(or: heir)
        #expect(try await stack.control.get(path).elements?.count == 1)
        #expect(try await stack.requests("create_message") == 2)
    }

    // MARK: Interactions

    @Test(arguments: [nil, ["kind": "reset", "when": "after"]] as [JSON?])
    func `a command whose answer was taken before the worker was killed has one answer`(fault: JSON?) async throws {
        let stack = try await Stack(["--no-rate-limits", "--interaction-deadline", "600000"])
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        // A deferral by the gateway would tell the second worker, too.
        _ = try await stack.gateway(["INTERACTION_DEFER_AFTER": "0"])
        let relay = try await AckRelay.start(
            at: stack.directory.path("relay.sock"), to: try #require(stack.environment["QUEUE_SOCKET"]))
        let victim = try await stack.worker("w1", ["DATABASE_URL": database.url, "QUEUE_SOCKET": relay.path])
        let heir = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.wait("commands", atLeast: 3, or: victim)
        try await stack.waitUntilDone(or: victim)
        relay.hold()
        if let fault { try await stack.fault(fault.adding("operation", "create_interaction_response")) }
        // Twenty are shared between the two.
        try await stack.control.post("/simulator/interactions", ["command": "ping", "count": 20])
        try await stack.wait("answers", atLeast: 20, or: victim)
        try await eventually("the first worker is done with its part; \(victim.tail)", within: .seconds(60)) {
            let depth = try await stack.status()["queue"]?["depth"]?.int
            let held = relay.held("INTERACTION_CREATE")
            return held > 0 && depth == held
        }
        let redone = relay.held("INTERACTION_CREATE")
        victim.signal(SIGKILL)
        try await stack.waitUntilDone(or: heir)

        let interactions = try await stack.control.get("/simulator/interactions").elements ?? []
        #expect(interactions.count == 20)
        for interaction in interactions {
            let accepted = interaction["answers"]?.elements?.filter(\.isAccepted) ?? []
            #expect(accepted.count { $0["method"]?.string == "POST" } == 1, "\(interaction.text)")
        }
        // The second worker was told that there is an answer, and finished with an edit.
        let repeated = interactions.filter { interaction in
            interaction["answers"]?.elements?.contains { $0["code"]?.int == 40060 } == true
        }
        #expect(repeated.count >= redone)
        for interaction in repeated {
            let last = interaction["answers"]?.elements?.last
            #expect(last?["method"]?.string == "PATCH" && last?.isAccepted == true, "\(interaction.text)")
        }
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
        try await relay.stop()
    }

    // MARK: Counts

    @Test(arguments: TestDatabase.allCases)
    func `messages that were counted before the worker was killed are not counted again`(
        kind: TestDatabase
    ) async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(kind, in: stack.directory)
        _ = try await stack.gateway()
        let relay = try await AckRelay.start(
            at: stack.directory.path("relay.sock"), to: try #require(stack.environment["QUEUE_SOCKET"]))
        let victim = try await stack.worker("w1", ["DATABASE_URL": database.url, "QUEUE_SOCKET": relay.path])
        try await stack.waitUntilDone(or: victim)
        relay.hold()
        try await stack.control.post("/simulator/messages", ["content": "{n}", "count": 200])
        try await eventually("they are counted and acknowledged; \(victim.tail)", within: .seconds(60)) {
            relay.held("MESSAGE_CREATE") == 200
        }
        #expect(try await database.number(Self.counted) == 200)
        victim.signal(SIGKILL)
        let heir = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.control.post("/simulator/messages", ["content": "one more"])
        try await stack.waitUntilDone(or: heir)
        #expect(try await database.number(Self.counted) == 201)
        try await relay.stop()
    }

    @Test func `nothing is acknowledged before it is committed`() async throws {
        let stack = try await Stack()
        let server = try await PostgresServer.shared()
        let name = try await server.createDatabase()
        let url = server.url(database: name)
        _ = try await stack.gateway()
        let relay = try await AckRelay.start(
            at: stack.directory.path("relay.sock"), to: try #require(stack.environment["QUEUE_SOCKET"]))
        let victim = try await stack.worker("w1", ["DATABASE_URL": url, "QUEUE_SOCKET": relay.path])
        // From then on the guild's prefix is known, and counting is all there is to do about a message.
        try await stack.control.post("/simulator/messages", ["content": "first"])
        try await eventually("it is acknowledged", within: .seconds(60)) { relay.passed("MESSAGE_CREATE") == 1 }
        let lock = try ChildProcess("/usr/bin/psql", ["-XAtq", "-d", url], in: stack.directory.path)
        try lock.send("BEGIN; LOCK TABLE activity_cursor; SELECT 'locked';")
        try await lock.waitForLine(containing: "locked")
        try await stack.control.post("/simulator/messages", ["content": "{n}", "count": 100])
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'activity_cursor'::regclass"
        try await eventually("a transaction waits for the table; \(victim.tail)", within: .seconds(60)) {
            try await server.run(sql: waiting, database: name) == ["1"]
        }
        try await eventually("all messages are in flight", within: .seconds(60)) {
            try await stack.status()["queue"]?["in_flight"]?.int == 100
        }
        #expect(relay.passed("MESSAGE_CREATE") == 1)
        victim.signal(SIGKILL)
        lock.closeInput()
        let heir = try await stack.worker("w2", ["DATABASE_URL": url])
        try await stack.waitUntilDone(or: heir)
        #expect(try await server.run(sql: Self.counted, database: name) == ["101"])
        try await relay.stop()
    }

    // MARK: A worker that hangs

    @Test func `a hung worker loses its events, and when it goes on it repeats nothing`() async throws {
        let stack = try await Stack(["--no-rate-limits", "--guilds", "8"])
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway(["QUEUE_ACK_TIMEOUT": "5s"])
        let hung = try await stack.worker("w1", ["DATABASE_URL": database.url])
        let other = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.waitUntilDone(or: hung)
        hung.signal(SIGSTOP)
        try await Self.askEverywhere(stack)
        try await eventually("the hung one has some of them in its hands", within: .seconds(60)) {
            let workers = try await stack.status()["workers"]?.elements ?? []
            return workers.contains { $0["name"]?.string == "w1" && $0["in_flight"]?.int ?? 0 > 0 }
        }
        try await stack.wait("messages", atLeast: 24, or: other)
        hung.signal(SIGCONT)
        try await Self.askEverywhere(stack)
        try await stack.wait("messages", atLeast: 48, or: other)
        try await stack.waitUntilDone(or: hung)
        #expect(try await stack.botMessages().count == 48)
        #expect(try await database.number(Self.counted) == 48)
        #expect(try await stack.counter("ack_timeouts") ?? 0 > 0)
        #expect(hung.termination == nil)
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
        #expect(try await stack.status()["workers"]?.elements?.count == 2)
    }

    /// Three commands in each of eight guilds.
    private static func askEverywhere(_ stack: Stack) async throws {
        for guild in try await stack.control.get("/simulator/world")["guilds"]?.elements ?? [] {
            try await stack.control.post(
                "/simulator/messages", ["content": "!ping", "count": 3, "guild": try #require(guild["id"])])
        }
    }
}

extension JSON {
    /// Whether Discord took this request of a report.
    var isAccepted: Bool { self["status"]?.int ?? 500 < 300 }

    fileprivate func adding(_ name: String, _ value: JSON) -> JSON { .object((members ?? []) + [.init(name, value)]) }
}
