import NIOCore
import Shared
import TestKit
import Testing

@testable import GatewayProcess

@Suite(.timeLimit(.minutes(1)))
struct LiveSessionTests {
    private static func message(_ sequence: Int, _ content: String = "hello") -> String {
        #"{"t":"MESSAGE_CREATE","s":\#(sequence),"op":0,"d":{"id":"\#(sequence)","channel_id":"3","content":"\#(content)","guild_id":"41771983423143937"}}"#
    }

    @Test(arguments: GatewayCompression.allCases)
    func `An event goes from the socket to the receiver, byte for byte`(compression: GatewayCompression) async throws {
        let discord = try await ScriptedDiscord()
        try await SessionHarness(discord, compression: compression).running { harness in
            try await eventually("ready") { await harness.isReady() }
            let connection = try #require(discord.connections.first)
            let identify = try #require(connection.payloads(op: 2).first?["d"])
            #expect(identify["token"]?.string == "token-of-the-test")
            #expect(identify["intents"]?.int == 33283)
            #expect(identify["shard"] == [0, 1])
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
        try await discord.stop()
    }
}
