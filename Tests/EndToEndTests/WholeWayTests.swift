import Shared
import TestKit
import Testing

/// One event of each kind takes its whole way through the four real programs.
@Suite struct WholeWayTests {
    struct Setting: Sendable, CustomTestStringConvertible {
        let compression: String
        let tls: Bool
        let database: TestDatabase

        var testDescription: String { "\(tls ? "wss" : "ws"), \(compression), \(database.testDescription)" }
    }

    @Test(arguments: [
        Setting(compression: "zstd-stream", tls: true, database: .sqlite),
        Setting(compression: "zlib-stream", tls: true, database: .postgresql),
        Setting(compression: "none", tls: false, database: .sqlite),
    ])
    func `messages, slash commands, newcomers and guilds are served`(_ setting: Setting) async throws {
        let stack = try await Stack(tls: setting.tls, [])
        let database = try await DatabaseHandle(setting.database, in: stack.directory)
        let gateway = try await stack.gateway(["DISCORD_COMPRESS": setting.compression])
        let workers = [
            try await stack.worker("w1", ["DATABASE_URL": database.url]),
            try await stack.worker("w2", ["DATABASE_URL": database.url]),
        ]
        try await stack.wait("commands", atLeast: 3, or: workers[0])

        try await expectTextCommand(stack)
        try await expectSlashCommand(stack)
        try await expectWelcome(stack)
        try await expectGuild(stack, database)

        for process in workers + [gateway] {
            #expect(try await process.stop() == .exited(0), "\(process.tail)")
        }
        #expect(try await stack.violations() == [])
        let report = try await stack.report()
        #expect(report["identifies"]?.elements?.map { $0["compress"]?.string ?? "none" } == [setting.compression])
        #expect(report["closes"]?.elements?.compactMap { $0["code"]?.int } == [4000])
    }

    private func expectTextCommand(_ stack: Stack) async throws {
        let asked = try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await stack.wait("messages", atLeast: 1)
        let answers = try await stack.control.get("/simulator/messages?author=bot")
        #expect(answers.elements?.count == 1)
        #expect(answers.elements?.first?.said.hasPrefix("Pong!") == true)
        #expect(answers.elements?.first?["message_reference"]?["message_id"] == asked["ids"]?.elements?.first)
    }

    private func expectSlashCommand(_ stack: Stack) async throws {
        try await stack.control.post("/simulator/interactions", ["command": "ping"])
        try await stack.wait("answers", atLeast: 1)
        let interaction = try await stack.control.get("/simulator/interactions").elements?.first
        #expect(interaction?["answers"]?.elements?.map { $0["status"]?.int } == [204])
        #expect(interaction?["callback_type"]?.int == 4)
    }

    private func expectWelcome(_ stack: Stack) async throws {
        let guild = try #require(try await stack.control.get("/simulator/world")["guilds"]?.elements?.first)
        let channel = try #require(guild["channels"]?.elements?.last?["id"])
        try await stack.control.post(
            "/simulator/interactions",
            [
                "command": "config welcome", "options": ["channel": channel], "user": try #require(guild["owner"]),
                "guild": try #require(guild["id"]),
            ])
        try await stack.wait("answers", atLeast: 2)
        let joined = try await stack.control.post("/simulator/members", ["guild": try #require(guild["id"])])
        let newcomer = try #require(joined["user"]?.string)
        let path = "/simulator/messages?author=bot&channel=\(try #require(channel.string))"
        let welcome = try await eventually("\(newcomer) is welcomed") {
            try await stack.control.get(path).elements?.first
        }
        #expect(welcome["content"]?.string?.contains("<@\(newcomer)>") == true)
        #expect(welcome["mentions"]?.elements?.map { $0["id"]?.string } == [newcomer])
    }

    private func expectGuild(_ stack: Stack, _ database: DatabaseHandle) async throws {
        let name = "O'Hara's \"Zürich\" 🏔"
        let guild = try await stack.control.post("/simulator/guilds", ["name": .string(name)])
        let id = try #require(guild["guild"]?.string)
        try await eventually("the guild has its row") {
            try await database.rows("SELECT guild_name FROM guild_config WHERE guild_id = \(id)") == [name]
        }
    }
}
