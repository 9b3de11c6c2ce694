import Shared
import TestKit
import Testing

/// The gateway may not make its files any longer, as on a full disk (RLIMIT_FSIZE; no file system has to be filled for it).
@Suite struct FullDiskTests {
    @Test func `a full disk pauses the sessions, takes acknowledgements, and loses and doubles nothing`() async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        let gateway = try await stack.gateway()
        try await say(50, stack)
        try await eventually("50 events wait", within: .seconds(30)) { try await depth(stack) >= 50 }

        try await limitFiles(of: gateway, to: 150_000, in: stack)
        try await say(400, stack)
        try await eventually("the alarm; \(gateway.tail)", within: .seconds(30)) {
            let status = try await stack.status()
            return status["alarms"]?.elements?.isEmpty == false && status["queue"]?["intake"]?.string == "nothing"
        }
        #expect(gateway.lines().contains { $0.contains("CRITICAL") && $0.contains("no room on the disk") })
        let tool = try ChildProcess("olimctl", ["health"], environment: stack.environment, in: stack.directory.path)
        #expect(try await tool.waitForTermination() == .exited(69))
        #expect(tool.tail.contains("cannot be written"), "\(tool.tail)")

        let worker = try await stack.worker("w", ["DATABASE_URL": database.url])
        try await eventually("what is there is handled; \(worker.tail)", within: .seconds(30)) {
            try await depth(stack) == 0
        }
        let before = try await database.number(Self.counted) ?? 0
        #expect(before >= 50 && before < 450)
        #expect(try await stack.status()["alarms"]?.elements?.isEmpty == false)

        try await limitFiles(of: gateway, to: nil, in: stack)
        try await eventually("all messages are counted; \(gateway.tail)", within: .seconds(60)) {
            try await database.number(Self.counted) ?? 0 >= 450
        }
        #expect(try await database.number(Self.counted) == 450)
        #expect(try await stack.status()["alarms"] == [])
        let report = try await stack.report()
        #expect(report["identifies"]?.elements?.count == 1, "the session was resumed")
        #expect(report["closes"]?.elements?.contains { $0["code"]?.int == 4000 } == true)
    }

    private static let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"

    private func depth(_ stack: Stack) async throws -> Int { try await stack.status()["queue"]?["depth"]?.int ?? -1 }

    private func say(_ count: Int, _ stack: Stack) async throws {
        try await stack.control.post("/simulator/messages", ["content": "message {n}", "count": .integer(count)])
    }

    private func limitFiles(of process: ChildProcess, to bytes: Int?, in stack: Stack) async throws {
        let limit = bytes.map(String.init) ?? "unlimited"
        let tool = try ChildProcess(
            "/usr/bin/prlimit", ["--pid", "\(process.pid)", "--fsize=\(limit):unlimited"], in: stack.directory.path)
        #expect(try await tool.waitForTermination() == .exited(0), "\(tool.tail)")
    }
}
