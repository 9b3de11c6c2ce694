import Glibc
import Shared
import TestKit
import Testing

/// Processes die and come back in the middle of work; nothing is lost, nothing happens twice.
@Suite struct RestartTests {
    @Test func `a worker is killed in the middle of a thousand commands: each is answered, none twice`() async throws {
        let stack = try await Stack(["--no-rate-limits", "--interaction-deadline", "600000"])
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        let gateway = try await stack.gateway()
        let victim = try await stack.worker("w1", ["DATABASE_URL": database.url])
        let survivor = try await stack.worker("w2", ["DATABASE_URL": database.url])
        try await stack.wait("commands", atLeast: 3, or: survivor)

        for round in 1...50 {
            try await stack.control.post("/simulator/interactions", ["command": "ping", "count": 20])
            // No more at once than any machine answers while workers take them for fresh.
            try await stack.wait("answers", atLeast: max(0, round * 20 - 100), or: survivor)
            if victim.termination == nil, try await stack.report()["counters"]?["answers"]?.int ?? 0 >= 200 {
                victim.signal(SIGKILL)
            }
        }
        victim.signal(SIGKILL)
        try await stack.wait("answers", atLeast: 1000, within: .seconds(90), or: survivor)

        let interactions = try await stack.control.get("/simulator/interactions").elements ?? []
        #expect(interactions.count == 1000)
        for interaction in interactions {
            let accepted = interaction["answers"]?.elements?.filter { $0["status"]?.int ?? 500 < 300 } ?? []
            #expect(accepted.count { $0["method"]?.string == "POST" } == 1, "\(interaction.text)")
        }
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
        #expect(gateway.termination == nil)
    }

    @Test func `the gateway restarts in the middle of a thousand messages: it resumes, each is handled once`()
        async throws
    {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        let first = try await stack.gateway()
        _ = try await stack.worker("w1", ["DATABASE_URL": database.url])
        _ = try await stack.worker("w2", ["DATABASE_URL": database.url])

        try await say(400, stack)
        first.signal(SIGTERM)
        try await say(200, stack)
        #expect(try await first.waitForTermination() == .exited(0), "\(first.tail)")
        try await say(200, stack)
        let second = try await stack.gateway()
        try await say(200, stack)

        let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"
        try await eventually("1000 messages are counted; \(second.tail)", within: .seconds(60)) {
            try await database.number(counted) ?? 0 >= 1000
        }
        try await eventually("the queue is empty", within: .seconds(20)) {
            try await stack.status()["queue"]?["depth"]?.int == 0
        }
        #expect(try await database.number(counted) == 1000)
        let report = try await stack.report()
        #expect(report["identifies"]?.elements?.count == 1)
        #expect(report["resumes"]?.elements?.map { $0["outcome"]?.string } == ["accepted"])
        #expect(try await stack.violations() == [])
    }

    @Test func `the gateway is killed: its next start resumes, and each message is handled`() async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        let first = try await stack.gateway()
        _ = try await stack.worker("w1", ["DATABASE_URL": database.url])

        try await say(300, stack)
        first.signal(SIGKILL)
        try await say(100, stack)
        _ = try await first.waitForTermination()
        let second = try await stack.gateway()
        try await say(100, stack)

        let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"
        try await eventually("500 messages are counted; \(second.tail)", within: .seconds(60)) {
            try await database.number(counted) ?? 0 >= 500
        }
        try await eventually("nothing waits", within: .seconds(20)) {
            try await stack.status()["queue"]?["depth"]?.int == 0
        }
        #expect(try await database.number(counted) == 500)
        #expect(try await stack.report()["identifies"]?.elements?.count == 1)
    }

    private func say(_ count: Int, _ stack: Stack) async throws {
        try await stack.control.post("/simulator/messages", ["content": "message {n}", "count": .integer(count)])
    }
}
