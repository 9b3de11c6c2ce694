import Glibc
import Shared
import TestKit
import Testing

/// Events that nobody can handle go to the dead letters, with the reason, and hold nobody else up.
@Suite struct PoisonTests {
    private static let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"

    /// A message whose `d` has a member of the test's own.
    private static func message(_ member: String, id: UInt64, in guild: JSON) throws -> String {
        let channel = try #require(guild["channels"]?.elements?.first?["id"]?.string)
        let author = try #require(guild["owner"]?.string)
        let guild = try #require(guild["id"]?.string)
        return """
            {"type":0,"id":"\(id)","channel_id":"\(channel)","author":{"id":"\(author)","username":"x"},"content":"hello",\
            \(member),"guild_id":"\(guild)"}
            """
    }

    @Test func `numbers beyond 64 bits and halves of surrogate pairs are read like others`() async throws {
        let stack = try await Stack()
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway()
        let worker = try await stack.worker("w1", ["DATABASE_URL": database.url])
        let guild = try await stack.firstGuild()
        for (number, member) in [#""big":123456789012345678901234567890"#, #""half":"\ud83d""#].enumerated() {
            try await stack.control.dispatch(
                "MESSAGE_CREATE", try Self.message(member, id: 1_534_992_209_336_991_765 + UInt64(number), in: guild),
                guild: try #require(guild["id"]?.string))
        }
        try await eventually("both are counted; \(worker.tail)", within: .seconds(60)) {
            try await database.number(Self.counted) == 2
        }
        #expect(try await stack.counter("nacks") == 0)
    }

    @Test func `an event that cannot be read ends as a dead letter, and only its guild waits for that`() async throws {
        let stack = try await Stack(["--no-rate-limits", "--guilds", "2"])
        let database = try await DatabaseHandle(.sqlite, in: stack.directory)
        _ = try await stack.gateway(["QUEUE_MAX_ATTEMPTS": "3"])
        let worker = try await stack.worker("w1", ["DATABASE_URL": database.url])
        try await stack.waitUntilDone(or: worker)
        let guilds = try #require(try await stack.control.get("/simulator/world")["guilds"]?.elements)
        let data = try Self.message(#""huge":1e999"#, id: 1_534_992_209_336_991_765, in: guilds[0])
        try await stack.control.dispatch("MESSAGE_CREATE", data, guild: try #require(guilds[0]["id"]?.string))
        for guild in guilds {
            try await stack.control.post(
                "/simulator/messages", ["content": "!ping", "guild": try #require(guild["id"])])
        }
        try await stack.wait("messages", atLeast: 2, or: worker)
        try await stack.waitUntilDone(or: worker)

        #expect(try await stack.counter("nacks") == 3)
        #expect(try await stack.counter("ack_timeouts") == 0)
        #expect(try await stack.counter("worker_deaths") == 0)
        #expect(worker.termination == nil)
        let tool = try ChildProcess(
            "olimctl", ["dead-letters", "list", "--json"], environment: stack.environment, in: stack.directory.path)
        #expect(try await tool.waitForTermination() == .exited(0), "\(tool.tail)")
        let letters = try JSON(ofText: tool.lines().joined()).elements ?? []
        #expect(letters.count == 1)
        #expect(letters.first?["failures"]?.int == 3)
        let reasons = letters.first?["reasons"]?.elements?.compactMap(\.string) ?? []
        #expect(reasons.count == 3)
        #expect(reasons.allSatisfy { $0.contains("cannot be read") }, "\(reasons)")
    }
}
