import NIOCore
import NIOHTTP1
import Shared
import TestKit
import Testing

@testable import GatewayProcess

/// Sessions on real sockets, against a Discord that does what each test needs.
@Suite(.timeLimit(.minutes(1)))
struct LiveSessionTests {
    static func message(_ sequence: Int, _ content: String = "hello") -> String {
        #"{"t":"MESSAGE_CREATE","s":\#(sequence),"op":0,"d":{"id":"\#(sequence)","channel_id":"3","content":"\#(content)","guild_id":"41771983423143937"}}"#
    }

    @Test(arguments: GatewayCompression.allCases)
    func `An event goes from the socket to the receiver, byte for byte`(compression: GatewayCompression) async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord, compression: compression, presence: "watching").running { harness in
            try await eventually("ready") { await harness.isReady() }
            let connection = try #require(discord.connections.first)
            #expect(connection.host == "127.0.0.1:\(discord.port)")
            let identify = try #require(connection.payloads(op: 2).first?["d"])
            #expect(identify["token"]?.string == "token-of-the-test")
            #expect(identify["intents"]?.int == 33283)
            #expect(identify["shard"] == [0, 1])
            let activity = identify["presence"]?["activities"]?.elements?.first
            #expect(activity?["type"]?.int == 4)
            #expect(activity?["state"]?.string == "watching")
            connection.send(Self.message(2), Self.message(3, #"\u0041 😀"#))
            try await eventually("events") { harness.receiver.dispatches.count == 3 }
            let event = harness.receiver.dispatches[2]
            #expect(event.type == "MESSAGE_CREATE")
            #expect(event.sequence == 3)
            #expect(event.session == "session-0")
            #expect(event.key.description == "guild:41771983423143937")
            #expect(
                String(buffer: event.data)
                    == #"{"id":"3","channel_id":"3","content":"\u0041 😀","guild_id":"41771983423143937"}"#)
            #expect(harness.receiver.sessions.map(\.session) == ["session-0"])
        }
        #expect(discord.connections.first?.closeCode == 4000)
        try await discord.stop()
    }

    @Test(arguments: GatewayCompression.allCases)
    func `Many events of one burst arrive together, in order, and a guild of megabytes in fragments`(
        compression: GatewayCompression
    ) async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord, compression: compression).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let connection = try #require(discord.connections.first)
            connection.send((2...1001).map { Self.message($0) })
            try await eventually("events") { harness.receiver.dispatches.count == 1001 }
            #expect(harness.receiver.dispatches.map(\.sequence) == Array(1...1001))
            #expect(harness.receiver.bursts.count < 300)

            let members = (0..<80_000).map { #"{"user":{"id":"\#($0)","username":"é\#($0)"},"roles":[]}"# }
            let guild = #"{"members":[\#(members.joined(separator: ","))],"id":"41771983423143937"}"#
            #expect(guild.utf8.count > 4 << 20)
            connection.sendFragmented(#"{"t":"GUILD_CREATE","s":1002,"op":0,"d":\#(guild)}"#, pieceBytes: 50_000)
            connection.send(Self.message(1003))
            try await eventually("guild", within: .seconds(30)) { harness.receiver.dispatches.count == 1003 }
            #expect(String(buffer: harness.receiver.dispatches[1001].data) == guild)
            #expect(harness.receiver.dispatches[1001].key.description == "guild:41771983423143937")
            #expect(harness.receiver.dispatches[1002].sequence == 1003)
        }
        try await discord.stop()
    }

    @Test func `Pings are answered with the same bytes, masked`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let connection = try #require(discord.connections.first)
            connection.ping("hello")
            try await eventually("pong") { connection.payloads.contains { $0["pong"] == "hello" } }
            #expect(connection.payloads.contains { $0["pong"] == "hello" && $0["masked"] == true })
        }
        try await discord.stop()
    }

    @Test(arguments: GatewayCompression.allCases, [nil, 1001, 4000] as [UInt16?])
    func `A lost connection is resumed from the durable sequence, with the same parameters`(
        compression: GatewayCompression, code: UInt16?
    ) async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord, compression: compression).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let first = try #require(discord.connections.first)
            first.send((2...9).map { Self.message($0) })
            try await eventually("events") { harness.receiver.dispatches.count == 9 }
            harness.receiver.setDurable(5, of: "session-0")
            first.close(code)
            try await eventually("resumed") { harness.receiver.sessions.count == 2 }
            let second = try #require(discord.connections.last)
            #expect(second.number == 1)
            #expect(second.requestTarget == first.requestTarget)
            let resume = try #require(second.payloads(op: 6).first?["d"])
            #expect(
                resume == ["token": "token-of-the-test", "session_id": "session-0", "seq": 5] as JSON)
            #expect(harness.receiver.sessions.last?.resumed == true)
            #expect(second.payloads(op: 2).isEmpty)
        }
        try await discord.stop()
    }

    @Test func `Heartbeats carry the durable sequence, and a connection that does not acknowledge them is replaced`()
        async throws
    {
        let discord = try await ScriptedDiscord(answers: .init(helloInterval: 500))
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let first = try #require(discord.connections.first)
            first.send((2...9).map { Self.message($0) })
            harness.receiver.setDurable(4, of: "session-0")
            try await eventually("beats") { first.payloads(op: 1).contains { $0["d"] == 4 } }
            #expect(!first.payloads(op: 1).contains { ($0["d"]?.int ?? 0) > 4 })
            #expect(await harness.status().first?.latencyMilliseconds != nil)
            #expect(discord.connections.count == 1)
            discord.answers.acknowledges = false
            try await eventually("zombie replaced") { first.closeCode == 4000 && discord.connections.count > 1 }
            discord.answers.acknowledges = true
            try await eventually("resumed") { await harness.isReady() }
            #expect(discord.connections.allSatisfy { $0.number == 0 || $0.payloads(op: 2).isEmpty })
        }
        try await discord.stop()
    }

    @Test func `A heartbeat that Discord asks for is sent at once`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let connection = try #require(discord.connections.first)
            let before = connection.payloads(op: 1).count
            connection.send(#"{"op":1,"d":null}"#)
            try await eventually("beat") { connection.payloads(op: 1).count > before }
        }
        try await discord.stop()
    }

    @Test func `Op 7 and op 9 with true lead to a resume, op 9 with false to a new session on the general URL`()
        async throws
    {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            discord.connections[0].send(#"{"op":7,"d":null}"#)
            try await eventually("resumed") { harness.receiver.sessions.count == 2 }
            discord.connections[1].send(#"{"op":9,"d":true}"#)
            try await eventually("resumed again") { harness.receiver.sessions.count == 3 }
            discord.connections[2].send(#"{"op":9,"d":false}"#)
            try await eventually("new session") { harness.receiver.sessions.count == 4 }
            #expect(harness.receiver.sessions.map(\.resumed) == [false, true, true, false])
            #expect(harness.receiver.sessions.last?.session == "session-3")
            #expect(discord.connections.dropLast().allSatisfy { $0.closeCode == 4000 })
            let counters = await harness.supervisor.run { $0.sessionCounters().map { "\($0.name)=\($0.value)" } }
            #expect(counters.contains("sessions_lost=1"))
            let gap = try #require(harness.receiver.gaps.first)
            #expect(harness.receiver.gaps.count == 1 && gap.shard == 0)
            #expect((gap.from ?? 0) > 1_700_000_000_000_000 && gap.to >= gap.from ?? 0)
            #expect(gap.reason == "Discord says the session is invalid")
            #expect(counters.contains("identifies=2"))
        }
        try await discord.stop()
    }

    @Test func `A malformed payload costs the connection, not an event`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let first = discord.connections[0]
            first.send(Self.message(2), Self.message(3), #"{"op":0,"s":4,"t":"X","d":{"broken":]}}"#, Self.message(5))
            try await eventually("resumed") { harness.receiver.sessions.count == 2 }
            #expect(first.closeCode == 4000)
            #expect(discord.connections[1].payloads(op: 6).first?["d"]?["seq"] == 3)
            #expect(harness.receiver.dispatches.map(\.sequence).prefix(3) == [1, 2, 3])
        }
        try await discord.stop()
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `A broken compressed stream costs the connection, not an event`(compression: GatewayCompression) async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord, compression: compression).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let first = discord.connections[0]
            first.send(Self.message(2))
            first.sendRaw(Array("this is no compressed data".utf8))
            try await eventually("resumed") { harness.receiver.sessions.count == 2 }
            #expect(first.closeCode == 4000)
            #expect(discord.connections[1].payloads(op: 6).first?["d"]?["seq"] == 2)
        }
        try await discord.stop()
    }

    @Test func `What cannot be read at the same point three times costs the session, not the gateway`() async throws {
        let discord = try await ScriptedDiscord { connection, payload, discord in
            switch payload["op"]?.int {
            case 2 where connection.number == 0:
                connection.send(discord.ready(session: "poisoned"), #"{"op":0,"s":2,"t":"X","d":[}"#)
            case 2: connection.send(discord.ready(session: "clean"))
            case 6: connection.send(#"{"op":0,"s":2,"t":"X","d":[}"#)
            default: break
            }
        }
        try await SessionHarness(discord).running { harness in
            try await eventually("new session") { harness.receiver.sessions.last?.session == "clean" }
            #expect(discord.connections.count == 4)
            #expect(discord.connections[3].payloads(op: 2).count == 1)
        }
        try await discord.stop()
    }

    @Test func `Interactions bear what a deferral needs`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let command =
                #"{"id":"9","application_id":"88","token":"tok","type":2,"guild_id":"1","data":{"id":"5","name":"config","options":[{"type":1,"name":"welcome","options":[{"type":7,"name":"channel","value":"3"}]}]}}"#
            let component = #"{"id":"10","token":"t","type":3,"message":{"id":"4"},"data":{"custom_id":"page:2"}}"#
            let modal = #"{"id":"11","token":"t","type":5,"message":null,"data":{"custom_id":"form"}}"#
            discord.connections[0].send(
                [command, component, modal].enumerated().map {
                    #"{"t":"INTERACTION_CREATE","s":\#($0.offset + 2),"op":0,"d":\#($0.element)}"#
                })
            try await eventually("events") { harness.receiver.dispatches.count == 4 }
            let heads = harness.receiver.dispatches.dropFirst().map(\.interaction)
            #expect(
                heads == [
                    InteractionHead(
                        id: Snowflake(9), token: "tok", kind: .command, name: "config welcome", hasMessage: false),
                    InteractionHead(id: Snowflake(10), token: "t", kind: .component, name: "page:2", hasMessage: true),
                    InteractionHead(id: Snowflake(11), token: "t", kind: .modalSubmit, name: "form", hasMessage: false),
                ])
            #expect(harness.receiver.dispatches[1].key.description == "interaction:9")
        }
        try await discord.stop()
    }

    @Test func `A worker's payload is sent, others are refused, and Discord's RATE_LIMITED comes back`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            #expect(await harness.send(#"{"op":3,"d":{}}"#) == .refused("this gateway does not hold shard 0"))
            try await eventually("ready") { await harness.isReady() }
            #expect(await harness.send(#"{"op":8,"d":{"guild_id":"1","query":"","limit":0}}"#) == .sent)
            try await eventually("received") {
                discord.connections[0].payloads(op: 8).first?["d"]?["guild_id"] == "1"
            }
            for refused in [#"{"op":2,"d":{}}"#, #"{"op":6,"d":{}}"#, #"{"op":1,"d":5}"#, #"{"d":5}"#, "nonsense"] {
                #expect(await harness.send(refused) == .refused("only the opcodes 3, 4, 8, 31 and 43 may be sent"))
            }
            let long = #"{"op":8,"d":""# + String(repeating: "x", count: 4096) + #""}"#
            #expect(await harness.send(long) == .refused("the payload is longer than 4096 bytes"))
            discord.connections[0].send(
                #"{"op":0,"s":2,"t":"RATE_LIMITED","d":{"opcode":8,"retry_after":20.5,"meta":{"guild_id":"1","nonce":"n"}}}"#
            )
            try await eventually("limited") { harness.receiver.limited.count == 1 }
            #expect(harness.receiver.limited.first?.nonce == "n")
        }
        try await discord.stop()
    }

    @Test func `No Hello, a refused upgrade and a refused connection are tried again`() async throws {
        let discord = try await ScriptedDiscord(answers: .init(helloInterval: nil))
        var limits = SessionStateMachine.Limits.quick
        limits.hello = .milliseconds(50)
        try await SessionHarness(discord, limits: limits).running { harness in
            try await eventually("no Hello") { discord.connections.count >= 2 && discord.connections[0].isOver }
            discord.answers.refuseUpgrade = .serviceUnavailable
            let before = discord.connections.count
            try await eventually("refused") {
                await harness.supervisor.run { $0.sessionCounters().first { $0.name == "connections" }?.value ?? 0 }
                    > before + 2
            }
            discord.answers.helloInterval = 41250
            discord.answers.refuseUpgrade = nil
            try await eventually("ready") { await harness.isReady() }
        }
        try await discord.stop()
    }

    @Test func `Ended by the queue's fullness, a session is resumed when there is room`() async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord).running { harness in
            try await eventually("ready") { await harness.isReady() }
            await harness.supervisor.run { $0.setIntake(.nothing) }
            try await eventually("closed") { discord.connections[0].closeCode == 4000 }
            #expect(await harness.status().first?.note == "waits for room in the queue")
            await harness.supervisor.run { $0.setIntake(.resumed) }
            try await eventually("resumed") { harness.receiver.sessions.last?.resumed == true }
        }
        try await discord.stop()
    }
}
