import NIOCore
import NIOWebSocket
import Shared
import TestKit
import Testing

@testable import DiscordSimulator

/// The gateway over real sockets.
@Suite(.serialized) struct GatewayLiveTests {
    @Test(arguments: [nil, "zlib-stream", "zstd-stream"])
    func `a session starts, gets events, and is resumed with the original bytes`(compress: String?) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect(compress: compress)
            let hello = try await client.payload()
            #expect(hello["op"] == 10)
            #expect(hello["d"]?["heartbeat_interval"] == 41250)
            try await client.send(["op": 1, "d": nil])
            #expect(try await client.payload()["op"] == 11)
            try await client.identify()
            let ready = try await client.event("READY")
            #expect(ready["s"] == 1)
            #expect(ready["d"]?["guilds"]?.elements?.count == 2)
            for sequence in [2, 3] { #expect(try await client.event("GUILD_CREATE")["s"] == .integer(sequence)) }
            let posted = try await live.control("POST", "/messages", ["content": "hällo 👋 \"x\"\n"])
            let message = try await client.event("MESSAGE_CREATE")
            #expect(message["d"]?["content"] == "hällo 👋 \"x\"\n")
            #expect(message["d"]?["id"] == posted.body["ids"]?.elements?.first)
            try await client.drop()
            try await live.control("POST", "/messages", ["content": "missed {n}", "count": 50])
            let second = try await live.connect(compress: compress, toResumeURL: true)
            _ = try await second.payload(opcode: 10)
            try await second.resume(try #require(ready["d"]?["session_id"]?.string), 3)
            #expect(try await second.payload() == message)
            for number in 0..<50 {
                let missed = try await second.event("MESSAGE_CREATE")
                #expect(missed["d"]?["content"] == .string("missed \(number)"))
                #expect(missed["s"] == .integer(5 + number))
            }
            #expect(try await second.event("RESUMED")["s"] == 55)
            let resume = try #require(try await live.report("resumes").first)
            #expect(resume["replayed"] == 51)
            #expect(resume["resume_url"] == true)
            #expect(try await live.report("violations").isEmpty)
        }
    }

    @Test(arguments: [nil, "zlib-stream", "zstd-stream"])
    func `a dispatch is given out as it was put in, also several MB of it`(compress: String?) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect(compress: compress)
            try await client.start()
            let filler = String(repeating: "x", count: 3 << 20)
            let d: JSON = ["big": .string(filler), "text": "ä\\\"", "id": "1"]
            try await live.control("POST", "/dispatch?t=GUILD_UPDATE", bytes: ByteBuffer(string: d.text))
            #expect(try await client.event("GUILD_UPDATE")["d"] == d)
            try await live.control("POST", "/messages", ["content": "after"])
            #expect(try await client.event("MESSAGE_CREATE")["d"]?["content"] == "after")
        }
    }

    @Test(arguments: [nil, "zlib-stream", "zstd-stream"], [false, true])
    func `a flood arrives whole and in order, and what comes after it too`(
        compress: String?, isPrepared: Bool
    ) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect(compress: compress)
            let (_, start) = try await client.start()
            try await live.control("POST", "/flood", ["count": 1000, "frames": 200, "prepared": .bool(isPrepared)])
            for number in 1...1000 {
                let message = try await client.payload()
                guard message["t"] == "MESSAGE_CREATE", message["s"] == .integer(start + number) else {
                    Issue.record("\(number): \(message.text.prefix(200))")
                    return
                }
            }
            #expect(try await live.control("GET", "/wait?flood=1&timeout=5").status == 200)
            try await live.control("POST", "/messages", ["content": "after"])
            #expect(try await client.payload()["d"]?["content"] == "after")
        }
    }

    @Test func `what happens during a prepared flood comes behind it`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect(compress: "zstd-stream")
            let (_, start) = try await client.start()
            // More than the socket takes, so that it cannot be over before the message comes.
            let count = 50_000
            try await live.control("POST", "/flood", ["count": .integer(count), "frames": 200, "prepared": true])
            try await live.control("POST", "/messages", ["content": "meanwhile"])
            try await client.send(["op": 1, "d": .integer(start)])
            for number in 1...count {
                guard try await client.payload()["s"] == .integer(start + number) else {
                    Issue.record("not in order at \(number)")
                    return
                }
            }
            let rest = [try await client.payload(), try await client.payload()]
            #expect(rest.contains { $0["d"]?["content"] == "meanwhile" && $0["s"] == .integer(start + count + 1) })
            #expect(rest.contains { $0["op"] == 11 })
        }
    }

    @Test func `what a flood sends can be had beforehand`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            try await client.start()
            let request = ControlRequest(
                method: "GET", path: "/flood", query: ["frames": "20"], body: [:], bytes: ByteBuffer())
            let listed = try await live.running.loop.submit { live.running.simulator.value.listFlood(request) }.get()
            let lines = String(buffer: listed.body).split(separator: "\n")
            #expect(lines.count == 20)
            try await live.control("POST", "/flood", ["count": 20])
            for line in lines {
                let parts = line.split(separator: " ", maxSplits: 1)
                let message = try await client.event("MESSAGE_CREATE")["d"]
                #expect(message?["guild_id"]?.string == String(parts[0]))
                #expect(message?["content"] == (try JSON(ofText: String(parts[1])))["content"])
                #expect(message?.text.utf8.count == parts[1].utf8.count)
            }
        }
    }

    @Test func `a flood keeps to its rate and can be resumed in`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            let (session, start) = try await client.start()
            let begin = ContinuousClock.now
            try await live.control("POST", "/flood", ["count": 100, "rate": 1000])
            for number in 1...100 { #expect(try await client.event("MESSAGE_CREATE")["s"] == .integer(start + number)) }
            #expect(begin.duration(to: .now) > .milliseconds(90))
            try await client.drop()
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.resume(session, start + 98)
            #expect(try await second.payload()["s"] == .integer(start + 99))
        }
    }

    @Test func `everything works over TLS`() async throws {
        let directory = try TemporaryDirectory("simulator")
        let (certificate, key) = (directory.path("certificate.pem"), directory.path("key.pem"))
        let openssl = try ChildProcess(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
            ], in: directory.path)
        #expect(try await openssl.waitForTermination() == .exited(0))
        try await LiveSimulator.run { options in
            (options.certificate, options.key, options.publicHost) = (certificate, key, "localhost")
        } _: { live in
            #expect(live.running.apiURL == "https://localhost:\(live.running.port)/api/v10")
            for compress in [nil, "zlib-stream", "zstd-stream"] {
                let client = try await live.connect(compress: compress, tls: certificate)
                try await client.start()
                try await live.control("POST", "/messages", ["content": "over TLS"])
                #expect(try await client.event("MESSAGE_CREATE")["d"]?["content"] == "over TLS")
                try await live.control("POST", "/faults", ["kind": "reset"])
                #expect(try await client.closeCode() == nil)
            }
        }
    }

    // MARK: - Strictness

    /// What is sent first, and the close code.
    @Test(
        arguments: [
            (["op": 3, "d": .object([])], 4003), (["op": 2, "d": ["token": "wrong"]], 4001), (["op": 12], 4001),
            (["op": 6, "d": ["token": "t", "session_id": "s", "seq": "x"]], 4001),
        ] as [(JSON, Int)])
    func `a wrong first payload closes`(payload: JSON, code: Int) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            _ = try await client.payload(opcode: 10)
            try await client.send(payload)
            #expect(try await client.closeCode() == code)
            let close = try #require(try await live.report("closes").first)
            #expect(close["code"] == .integer(code))
            #expect(close["by"] == "server")
            #expect(try await live.report("violations").count == 1)
        }
    }

    /// Members of Identify, and the close code.
    @Test(
        arguments: [
            (["token": "Bot simulated-token"], 4004), (["shard": [1, 1]], 4010), (["intents": 131_072], 4013),
            (["intents": 256], 4014),
        ] as [(JSON, Int)])
    func `a wrong Identify closes`(changes: JSON, code: Int) async throws {
        try await LiveSimulator.run { options in
            options.allowedIntents = 1 << 1 | 1 << 15
        } _: { live in
            let client = try await live.connect()
            _ = try await client.payload(opcode: 10)
            try await client.identify(changes)
            #expect(try await client.closeCode() == code)
            #expect(try await live.report("identifies").first?["outcome"] == .string(String(code)))
        }
    }

    @Test(arguments: ["v=9&encoding=json", "encoding=json", ""])
    func `another version is closed with 4012`(query: String) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect(query: query)
            #expect(try await client.closeCode() == 4012)
        }
    }

    @Test func `frames that are too large, no JSON, or unmasked are closed`() async throws {
        try await LiveSimulator.run { live in
            for (data, isMasked, code) in [
                (String(repeating: "x", count: 5000), true, 4002), ("{", true, 4002),
                ("{\"op\":1,\"d\":null}", false, 1002),
            ] {
                let client = try await live.connect()
                _ = try await client.payload(opcode: 10)
                try await client.send(frame: .text, ByteBuffer(string: data), masked: isMasked)
                #expect(try await client.closeCode() == code)
            }
        }
    }

    @Test func `too quick an Identify gets op 9 and is reported`() async throws {
        try await LiveSimulator.run { options in
            options.limits.identifyInterval = 60_000_000
        } _: { live in
            let first = try await live.connect()
            try await first.start()
            let client = try await live.connect()
            _ = try await client.payload(opcode: 10)
            try await client.identify()
            #expect(try await client.payload() == ["t": nil, "s": nil, "op": 9, "d": false])
            #expect(try await live.report("identifies").last?["outcome"] == "too_fast")
            #expect(try await live.report("violations").count == 1)
        }
    }

    @Test func `when the identifies are used up the token is reset and every session ends`() async throws {
        try await LiveSimulator.run { options in
            options.sessionRemaining = 1
        } _: { live in
            let first = try await live.connect()
            try await first.start()
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.identify()
            #expect(try await second.closeCode() == 4004)
            #expect(try await first.closeCode() == 4003)
            let third = try await live.connect()
            _ = try await third.payload(opcode: 10)
            try await third.identify()
            #expect(try await third.closeCode() == 4004)
        }
    }

    @Test func `a session ended with 1000 cannot be resumed, one ended with 4000 can`() async throws {
        try await LiveSimulator.run { live in
            for (code, opcode) in [(1000, 9), (1001, 9), (4000, 0)] {
                let client = try await live.connect()
                let (session, sequence) = try await client.start()
                try await client.close(code: code)
                let second = try await live.connect()
                _ = try await second.payload(opcode: 10)
                try await second.resume(session, sequence)
                #expect(try await second.payload()["op"] == .integer(opcode), "after \(code)")
            }
        }
    }

    @Test func `a Resume beyond what was sent is closed with 4007`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            let (session, sequence) = try await client.start()
            try await client.drop()
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.resume(session, sequence + 1)
            #expect(try await second.closeCode() == 4007)
        }
    }

    @Test(arguments: [4009, nil]) func `heartbeats that stop end the connection, not the session`(code: Int?)
        async throws
    {
        try await LiveSimulator.run { options in
            options.limits.heartbeatInterval = 400_000
            options.limits.heartbeatTolerance = 100_000
            options.gateway.heartbeatCloseCode = code
        } _: { live in
            let client = try await live.connect()
            let (session, sequence) = try await client.start()
            #expect(try await client.closeCode() == code)
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.resume(session, sequence)
            #expect(try await second.payload()["t"] == "RESUMED")
        }
    }

    @Test func `a session expires`() async throws {
        try await LiveSimulator.run { options in
            options.limits.sessionExpiry = 50_000
        } _: { live in
            let client = try await live.connect()
            let (session, sequence) = try await client.start()
            try await client.drop()
            #expect(try await live.control("GET", "/wait?sessions_max=0&waiting_max=0&timeout=5").status == 200)
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.resume(session, sequence)
            #expect(try await second.payload() == ["t": nil, "s": nil, "op": 9, "d": false])
        }
    }

    // MARK: - Who gets what

    @Test func `events go to their shard, and without content to those who may not read it`() async throws {
        try await LiveSimulator.run { options in
            options.plan.guilds = 8
        } _: { live in
            let world = try await live.control("GET", "/world").body
            let guilds = (world["guilds"]?.elements ?? []).compactMap { $0["id"]?.id }
            let shard = try #require(guilds.first).shard(of: 2)
            let own = try await live.connect()
            _ = try await own.payload(opcode: 10)
            try await own.identify(["shard": [.integer(shard), 2], "intents": 513])
            let ready = try await own.event("READY")
            #expect(ready["d"]?["shard"] == [.integer(shard), 2])
            let listed = (ready["d"]?["guilds"]?.elements ?? []).compactMap { $0["id"]?.id }
            #expect(listed == guilds.filter { $0.shard(of: 2) == shard })
            let other = try await live.connect()
            _ = try await other.payload(opcode: 10)
            try await other.identify(["shard": [.integer(1 - shard), 2], "intents": 512])
            _ = try await other.event("READY")
            try await live.control("POST", "/messages", ["content": "secret"])
            try await live.control("POST", "/dispatch?t=LAST&shard=\(1 - shard)", bytes: ByteBuffer(string: "{}"))
            #expect(try await own.event("MESSAGE_CREATE")["d"]?["content"] == "")
            #expect(try await other.payload()["t"] == "LAST")
        }
    }

    @Test func `all members come in chunks, a second time only after 30 s`() async throws {
        try await LiveSimulator.run { options in
            options.plan = .init(guilds: 1, members: 1500, channels: 1)
        } _: { live in
            let client = try await live.connect()
            try await client.start(guilds: 1)
            let guild = try #require(try await live.control("GET", "/world").body["guilds"]?.elements?.first?["id"])
            let request: JSON = ["op": 8, "d": ["guild_id": guild, "query": "", "limit": 0, "nonce": "n1"]]
            try await client.send(request)
            let first = try await client.event("GUILD_MEMBERS_CHUNK")["d"]
            #expect(first?["members"]?.elements?.count == 1000)
            #expect(first?["chunk_count"] == 2)
            #expect(first?["nonce"] == "n1")
            #expect(try await client.event("GUILD_MEMBERS_CHUNK")["d"]?["members"]?.elements?.count == 500)
            try await client.send(request)
            let limited = try await client.event("RATE_LIMITED")["d"]
            #expect(limited?["opcode"] == 8)
            #expect(limited?["meta"] == ["guild_id": guild, "nonce": "n1"])
            #expect((limited?["retry_after"]?.double ?? 0) > 20)
        }
    }

    @Test func `guilds come, go, and are hidden by outages`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            try await client.start()
            let made = try await live.control("POST", "/guilds", ["name": "New Place"]).body
            let creation = try await client.event("GUILD_CREATE")["d"]
            #expect(creation?["id"] == made["guild"])
            #expect(creation?["unavailable"] == nil)
            let id = try #require(made["guild"]?.string)
            try await live.control("DELETE", "/guilds?guild=\(id)&unavailable=true")
            #expect(try await client.event("GUILD_DELETE")["d"] == ["unavailable": true, "id": .string(id)])
            try await live.control("POST", "/guilds", ["available": .string(id)])
            #expect(try await client.event("GUILD_CREATE")["d"]?["unavailable"] == false)
            try await live.control("DELETE", "/guilds?guild=\(id)")
            #expect(try await client.event("GUILD_DELETE")["d"] == ["id": .string(id)])
            try await live.control("POST", "/members", .object([]))
            #expect(try await client.event("GUILD_MEMBER_ADD")["d"]?["user"]?["id"] != nil)
        }
    }
}
