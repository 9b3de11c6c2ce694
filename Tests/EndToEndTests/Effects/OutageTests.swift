import Glibc
import Shared
import TestKit
import Testing

/// The database or Discord's REST is down for a while: nothing is lost, nothing counts against an event, and it goes on by itself.
@Suite struct OutageTests {
    @Test func `a stream of messages over an outage of the database is counted and answered exactly`() async throws {
        let server = try await PostgresServer.start()
        let stack = try await Stack()
        let name = try await server.createDatabase()
        let url = server.url(database: name)
        _ = try await stack.gateway()
        let workers = [
            try await stack.worker("w1", ["DATABASE_URL": url]), try await stack.worker("w2", ["DATABASE_URL": url]),
        ]
        try await stack.waitUntilDone(or: workers[0])
        for round in 0..<20 {
            try await stack.control.post(
                "/simulator/messages", ["content": .string("round \(round), {n}"), "count": 25])
            try await stack.control.post("/simulator/messages", ["content": "!ping"])
            if round == 5 { try await server.stop(immediately: true) }
            if round == 14 {
                // So long that every worker has noticed.
                try await eventually("both have given everything back", within: .seconds(60)) {
                    workers.allSatisfy { worker in
                        worker.lines().contains { $0.contains("everything but interactions") }
                    }
                }
                try await server.restart()
            }
        }
        try await stack.waitUntilDone(or: workers[0])
        let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"
        #expect(try await server.run(sql: counted, database: name) == ["520"])
        let replies = try await stack.botMessages().compactMap { $0["message_reference"]?["message_id"]?.string }
        #expect(replies.count == 20)
        #expect(Set(replies).count == 20)
        try await expectNobodyBlamed(stack)
        for worker in workers { #expect(worker.termination == nil, "\(worker.tail)") }
        try await server.stop()
    }

    @Test(
        arguments: [
            ["kind": "status", "status": 503, "when": "before"], ["kind": "status", "status": 500, "when": "after"],
        ] as [JSON])
    func `a command over an outage of REST is answered once, whether or not Discord did what it was asked`(
        fault: JSON
    ) async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway()
        let worker = try await stack.worker("w1", ["DATABASE_URL": database.url])
        try await stack.waitUntilDone(or: worker)
        try await stack.fault(
            .object((fault.members ?? []) + [.init("operation", "create_message"), .init("count", nil)]))
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await eventually("the event is put off; \(worker.tail)", within: .seconds(60)) {
            try await stack.counter("releases") ?? 0 >= 1
        }
        // Other guilds and kinds of events go on.
        try await stack.control.post("/simulator/guilds", ["name": "Meanwhile"])
        try await eventually("the guild has its row") {
            try await database.rows("SELECT 1 FROM guild_config WHERE guild_name = 'Meanwhile'") == ["1"]
        }
        try await stack.control.delete("/simulator/faults")
        try await stack.waitUntilDone(or: worker)
        #expect(try await stack.botMessages().count == 1)
        try await expectNobodyBlamed(stack)
    }

    @Test func `a slash command while the database is down is answered with an apology`() async throws {
        let server = try await PostgresServer.start()
        let stack = try await Stack()
        let url = server.url(database: try await server.createDatabase())
        _ = try await stack.gateway()
        let worker = try await stack.worker("w1", ["DATABASE_URL": url])
        try await stack.wait("commands", atLeast: 3, or: worker)
        let guild = try await stack.firstGuild()
        let show: JSON = ["command": "config show", "user": try #require(guild["owner"])]
        try await server.stop(immediately: true)
        try await stack.control.post("/simulator/interactions", show)
        try await stack.wait("answers", atLeast: 1, or: worker)
        try await stack.control.post("/simulator/interactions", ["command": "ping"])
        try await stack.wait("answers", atLeast: 2, or: worker)
        try await server.restart()
        try await eventually("it works again; \(worker.tail)", within: .seconds(60)) {
            try await stack.control.post("/simulator/interactions", show)
            let last = try await stack.control.get("/simulator/interactions").elements?.last
            let id = try #require(last?["id"]?.string)
            return try await eventually("it is answered", within: .seconds(30)) { () -> Bool? in
                let interaction = try await stack.control.get("/simulator/interactions?id=\(id)").elements?.first
                guard interaction?["answered"]?.bool == true else { return nil }
                return interaction.map { Self.texts(of: $0).last?.contains("Settings of") == true } ?? false
            }
        }
        let interactions = try await stack.control.get("/simulator/interactions").elements ?? []
        #expect(Self.texts(of: try #require(interactions.first)).last?.contains("cannot reach my database") == true)
        #expect(Self.texts(of: interactions[1]).last?.hasPrefix("Pong!") == true)
        try await stack.waitUntilDone(or: worker)
        try await expectNobodyBlamed(stack)
        try await server.stop()
    }

    /// What the bot's accepted answers to an interaction say.
    private static func texts(of interaction: JSON) -> [String] {
        (interaction["answers"]?.elements ?? []).filter(\.isAccepted).compactMap { answer in
            (answer["body"]?["data"] ?? answer["body"])?.said
        }
    }

    private func expectNobodyBlamed(_ stack: Stack) async throws {
        let status = try await stack.status()
        #expect(status["queue"]?["dead_letters"]?.int == 0)
        #expect(status["counters"]?["nacks"]?.int == 0)
        #expect(status["counters"]?["ack_timeouts"]?.int == 0)
    }
}
