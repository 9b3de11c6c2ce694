import NIOCore
import NIOHTTP1
import Shared
import TestKit
import Testing

@testable import GatewayProcess

/// What survives a restart, and what Discord's limits and refusals lead to.
@Suite(.timeLimit(.minutes(1)))
struct ShardSupervisorTests {
    @Test func `A restart resumes the session from the last durable sequence without a second identify`() async throws {
        let discord = try await ScriptedDiscord()
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("ready") { await harness.isReady() }
            discord.connections[0].send((2...9).map { LiveSessionTests.message($0) })
            try await eventually("events") { harness.receiver.dispatches.count == 9 }
            harness.receiver.setDurable(7, of: "session-0")
        }
        #expect(discord.connections[0].closeCode == 4000)
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("resumed") { await harness.isReady() }
            #expect(discord.connections[1].payloads(op: 6).first?["d"]?["seq"] == 7)
            #expect(discord.connections[1].payloads(op: 2).isEmpty)
            #expect(await harness.supervisor.run { $0.applicationID } == Snowflake(88))
            #expect(await harness.supervisor.run { $0.userID } == Snowflake(77))
        }
        try await discord.stop()
    }

    @Test func `A process that is killed leaves what its successor needs`() async throws {
        let discord = try await ScriptedDiscord()
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("ready") { await harness.isReady() }
            discord.connections[0].send((2...5).map { LiveSessionTests.message($0) })
            try await eventually("written while running") {
                let text = try StateFile.read(directory.path + "/" + SessionFile.name) ?? ""
                return (try? SessionFile(parsing: text))?.sessions.first?.sequence == 5
            }
        }
        try await discord.stop()
    }

    @Test func `With nothing finished a restart resumes from READY, which is handed in again`() async throws {
        let discord = try await ScriptedDiscord()
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            harness.receiver.setDurable(nil, of: "session-0")
            try await eventually("ready") { await harness.isReady() }
            // Within one process it is, from READY: nothing that came since is lost.
            discord.connections[0].close(nil)
            try await eventually("resumed") { harness.receiver.sessions.count == 2 }
            #expect(discord.connections[1].payloads(op: 6).first?["d"]?["seq"] == 1)
        }
        try await SessionHarness(discord, directory: directory).running { harness in
            harness.receiver.setDurable(nil, of: "session-0")
            try await eventually("resumed") { await harness.isReady() }
            #expect(discord.connections[2].payloads(op: 6).first?["d"]?["seq"] == 1)
            let ready = try #require(harness.receiver.dispatches.first)
            #expect(ready.type == "READY" && ready.sequence == 1 && ready.session == "session-0")
            #expect(ready.key.description == "shard:0")
            #expect(try JSONParser.read(ready.data) { $0["session_id"]?.string } == "session-0")
            harness.receiver.setDurable(1, of: "session-0")
        }
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("resumed") { await harness.isReady() }
            #expect(!harness.receiver.dispatches.contains { $0.type == "READY" })
        }
        #expect(discord.connections.allSatisfy { $0.number == 0 || $0.payloads(op: 2).isEmpty })
        try await discord.stop()
    }

    @Test func `Another token begins anew, as do other intents`() async throws {
        let discord = try await ScriptedDiscord()
        let directory = TemporaryDirectory()
        for (count, token) in [(1, "one"), (2, "another"), (2, "another")] {
            try await SessionHarness(discord, directory: directory, token: token).running { harness in
                try await eventually("ready") { await harness.isReady() }
                try await eventually("durable") {
                    await harness.supervisor.run { _ in !harness.receiver.sessions.isEmpty }
                }
            }
            #expect(discord.connections.filter { !$0.payloads(op: 2).isEmpty }.count == count)
        }
        try await discord.stop()
    }

    @Test func `A dead resume URL, also from disk, is given up for the same session on the general URL`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(resumeURL: "ws://127.0.0.1:1"))
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("ready") { await harness.isReady() }
            discord.connections[0].close(nil)
            try await eventually("resumed") { harness.receiver.sessions.count == 2 }
            #expect(discord.connections[1].payloads(op: 6).first?["d"]?["session_id"] == "session-0")
        }
        let path = directory.path + "/" + SessionFile.name
        var file = try SessionFile(parsing: try #require(try StateFile.read(path)))
        file.sessions[0].resumeURL = "ws://127.0.0.1:1"
        try StateFile.replace(path, with: file.text)
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("resumed") { await harness.isReady() }
            #expect(discord.connections[2].payloads(op: 6).first?["d"]?["session_id"] == "session-0")
        }
        #expect(discord.connections.filter { !$0.payloads(op: 2).isEmpty }.count == 1)
        try await discord.stop()
    }

    @Test func `A session file that cannot be understood is set aside and a new session begun`() async throws {
        let discord = try await ScriptedDiscord()
        let directory = TemporaryDirectory()
        try StateFile.replace(directory.path + "/" + SessionFile.name, with: "not a session file")
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("ready") { await harness.isReady() }
        }
        #expect(try StateFile.read(directory.path + "/" + SessionFile.name + ".unreadable") == "not a session file")
        try await discord.stop()
    }

    @Test(
        arguments: [
            (4004, ProcessExit.rejected, "DISCORD_TOKEN"), (4013, .rejected, "DISCORD_INTENTS"),
            (4014, .rejected, "GUILD_MEMBERS, MESSAGE_CONTENT"), (4010, .configuration, "DISCORD_SHARDS"),
            (4011, .configuration, "DISCORD_SHARDS"), (4012, .configuration, "4012"),
        ] as [(UInt16, ProcessExit, String)])
    func `A fatal close code ends the gateway and says what to do; a rejection is not tried again`(
        code: UInt16, exit: ProcessExit, hint: String
    ) async throws {
        let discord = try await ScriptedDiscord { connection, payload, _ in
            if payload["op"]?.int == 2 { connection.close(code) }
        }
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            guard case .fatal(exit, let message) = await harness.supervisor.ended() else {
                Issue.record("should end with \(exit)")
                return
            }
            #expect(message.contains(hint))
            #expect(!message.contains("token-of-the-test"))
            #expect((code == 4014) == message.contains("https://discord.com/developers/applications"))
        }
        #expect(discord.connections.count == 1)
        let again = try SessionHarness(discord, directory: directory)
        if exit == .rejected {
            await #expect(throws: ShardsEnding.self) { try await again.start() }
            try await holdsNoLonger(afterTheClockWasSetBack: directory, discord)
            let other = try SessionHarness(discord, directory: directory, token: "another")
            try await other.start()
            try await other.stop()
        }
        try await again.stop()
        try await discord.stop()
    }

    /// A rejection in the future counts as one of now, from then on.
    private func holdsNoLonger(afterTheClockWasSetBack directory: TemporaryDirectory, _ discord: ScriptedDiscord)
        async throws
    {
        let path = directory.path + "/" + Rejection.name
        var rejection = try #require(Rejection(parsing: try StateFile.read(path) ?? ""))
        rejection.at += 3_600_000_000
        try StateFile.replace(path, with: rejection.text)
        let later = try SessionHarness(discord, directory: directory)
        await #expect(throws: ShardsEnding.self) { try await later.start() }
        try await later.stop()
        #expect(try #require(Rejection(parsing: try StateFile.read(path) ?? "")).at <= WallClock.now())
    }

    @Test(arguments: [4010, 4011] as [UInt16])
    func `A shard count that Discord refuses is asked for anew at the next start with auto, and kept without`(
        code: UInt16
    ) async throws {
        for (selection, resumes) in [(ShardSelection.automatic, false), (.all(count: 2), true)] {
            let discord = try await ScriptedDiscord(answers: .init(shards: 2, maxConcurrency: 2)) {
                connection, payload, discord in
                if payload["op"]?.int == 2, payload["d"]?["shard"]?.text == "[1,2]" { return }
                ScriptedDiscord.standard(connection, payload, discord)
            }
            let directory = TemporaryDirectory()
            func file() throws -> SessionFile {
                try SessionFile(parsing: try StateFile.read(directory.path + "/" + SessionFile.name) ?? "")
            }
            try await SessionHarness(discord, directory: directory, selection: selection).running { harness in
                try await eventually("one of two is ready") { await harness.isReady() }
                try await eventually("which is written down") { try file().sessions.count == 1 }
                let refused = {
                    discord.connections.first { $0.payloads(op: 2).first?["d"]?["shard"]?.text == "[1,2]" }
                }
                try await eventually("the other identifies") { refused() != nil }
                refused()?.close(code)
                guard case .fatal(.configuration, _) = await harness.supervisor.ended() else {
                    Issue.record("should end")
                    return
                }
            }
            #expect(try file().shardCount == (resumes ? 2 : nil))
            #expect(try file().sessions.count == (resumes ? 1 : 0))
            #expect(try file().identifies.count == 2)
            discord.answers.shards = 3
            discord.setOnPayload(ScriptedDiscord.standard)
            let count = resumes ? 2 : 3
            try await SessionHarness(discord, directory: directory, selection: selection).running { harness in
                try await eventually("all ready") {
                    await harness.status().filter { $0.state == "ready" }.count == count
                }
                #expect(await harness.supervisor.run { $0.shardCount } == count)
            }
            #expect(discord.connections.contains { !$0.payloads(op: 6).isEmpty } == resumes)
            try await discord.stop()
        }
    }

    @Test func `A token that REST refuses with 401 ends the gateway`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(status: .unauthorized))
        try await SessionHarness(discord).running { harness in
            guard case .fatal(.rejected, let message) = await harness.supervisor.ended() else {
                Issue.record("should be rejected")
                return
            }
            #expect(message.contains("DISCORD_TOKEN"))
        }
        #expect(discord.botRequests.first?.headers.first(name: "Authorization") == "Bot token-of-the-test")
        #expect(discord.botRequests.first?.headers.first(name: "User-Agent") == "DiscordBot (test, 0)")
        #expect(discord.connections.isEmpty)
        try await discord.stop()
    }

    @Test func `Errors and 429 on the way to the gateway URL are waited out`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(status: .internalServerError))
        try await SessionHarness(discord).running { harness in
            try await eventually("asked") { discord.botRequests.count == 1 }
            discord.answers.status = .tooManyRequests
            discord.answers.extraHeaders = [("Retry-After", "0.1")]
            try await eventually("asked again") { discord.botRequests.count == 2 }
            discord.answers.status = .ok
            try await eventually("ready") { await harness.isReady() }
        }
        try await discord.stop()
    }

    @Test func `A session is resumed while REST does not answer`() async throws {
        let discord = try await ScriptedDiscord()
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("ready") { await harness.isReady() }
        }
        discord.answers.status = .badGateway
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("resumed") { await harness.isReady() }
        }
        try await discord.stop()
    }

    @Test func `An exhausted session start limit is waited out, and status says until when`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(remaining: 0, resetAfterMilliseconds: 1500))
        try await SessionHarness(discord).running { harness in
            try await eventually("told") {
                await harness.status().first?.note?.contains("may not identify until") == true
            }
            #expect(discord.connections.isEmpty)
            try await eventually("ready") { await harness.isReady() }
        }
        try await discord.stop()
    }

    @Test func `Shards identify in order, as many at once as there are buckets, each with its number`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(shards: 5, maxConcurrency: 2))
        try await SessionHarness(discord).running { harness in
            try await eventually("all ready") { await harness.status().filter { $0.state == "ready" }.count == 5 }
            let shards = discord.connections.compactMap { $0.payloads(op: 2).first?["d"]?["shard"] }
            #expect(Set(shards.prefix(2).map(\.text)) == ["[0,5]", "[1,5]"])
            #expect(Set(shards.map(\.text)) == ["[0,5]", "[1,5]", "[2,5]", "[3,5]", "[4,5]"])
        }
        try await discord.stop()
    }

    @Test func `A range of a larger bot holds its shards only, and auto keeps a stored count`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(shards: 2, maxConcurrency: 4))
        try await SessionHarness(discord, selection: .range(2...3, count: 8)).running { harness in
            try await eventually("ready") { await harness.status().filter { $0.state == "ready" }.count == 2 }
            #expect(await harness.supervisor.run { $0.shardIDs } == [2, 3])
            #expect(await harness.supervisor.run { $0.shardCount } == 8)
        }
        let directory = TemporaryDirectory()
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("ready") { await harness.status().filter { $0.state == "ready" }.count == 2 }
        }
        discord.answers.shards = 3
        try await SessionHarness(discord, directory: directory).running { harness in
            try await eventually("resumed") { await harness.status().filter { $0.state == "ready" }.count == 2 }
            #expect(await harness.supervisor.run { $0.shardCount } == 2)
        }
        try await discord.stop()
    }

    @Test func `A shard is begun anew on request, and only one that is held`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            #expect(await harness.supervisor.run { $0.reidentify(shard: 7) } == "this gateway does not hold shard 7")
            #expect(await harness.supervisor.run { $0.reidentify(shard: 0) } == nil)
            try await eventually("new session") { harness.receiver.sessions.last?.session == "session-1" }
            #expect(discord.connections[0].closeCode == 4000)
        }
        try await discord.stop()
    }
}
