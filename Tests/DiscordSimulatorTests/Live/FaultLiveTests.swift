import NIOCore
import Shared
import TestKit
import Testing

@testable import DiscordSimulator

/// Every fault of the gateway does what it says, over real sockets.
@Suite(.serialized) struct FaultLiveTests {
    private static func order(_ live: LiveSimulator, _ fault: JSON) async throws {
        let answer = try await live.control("POST", "/faults", fault)
        #expect(answer.status == 200, "\(answer.body.text)")
    }

    @Test func `every close code comes when ordered`() async throws {
        try await LiveSimulator.run { live in
            for code in Array(4000...4005) + Array(4007...4014) + [1000, 1001, 4242] {
                let client = try await live.connect(compress: "zlib-stream")
                try await client.start()
                try await Self.order(live, ["kind": "close", "code": .integer(code)])
                #expect(try await client.closeCode() == code)
            }
        }
    }

    @Test(arguments: ["disconnect", "reset"]) func `a connection can end without a close frame`(kind: String)
        async throws
    {
        try await LiveSimulator.run { live in
            let client = try await live.connect(compress: "zstd-stream")
            let (session, sequence) = try await client.start()
            try await Self.order(live, ["kind": .string(kind)])
            #expect(try await client.closeCode() == nil)
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.resume(session, sequence)
            #expect(try await second.payload()["t"] == "RESUMED")
        }
    }

    /// Order, opcode, `d`.
    @Test(
        arguments: [
            (["kind": "reconnect"], 7, nil), (["kind": "heartbeat_request"], 1, nil),
            (["kind": "invalid_session"], 9, false), (["kind": "invalid_session", "resumable": true], 9, true),
            (["kind": "unknown_opcode"], 99, ["reason": "new"]),
        ] as [(JSON, Int, JSON)])
    func `opcodes come when ordered`(fault: JSON, opcode: Int, d: JSON) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            try await client.start()
            try await Self.order(live, fault)
            #expect(try await client.payload() == ["t": nil, "s": nil, "op": .integer(opcode), "d": d])
        }
    }

    @Test func `op 7 can come instead of Hello, or nothing at all`() async throws {
        try await LiveSimulator.run { live in
            try await Self.order(live, ["kind": "reconnect_before_hello"])
            #expect(try await live.connect().payload()["op"] == 7)
            try await Self.order(live, ["kind": "no_hello"])
            let silent = try await live.connect()
            #expect(try await live.connect().payload()["op"] == 10)
            try await silent.send(["op": 1, "d": nil])
            #expect(try await silent.payload()["op"] == 11)
        }
    }

    @Test func `a zombie acknowledges nothing`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            try await client.start()
            try await Self.order(live, ["kind": "no_ack", "count": 2])
            for _ in 0..<3 { try await client.send(["op": 1, "d": 3]) }
            #expect(try await client.payload()["op"] == 11)
            #expect(try await live.control("GET", "/report").body["heartbeats"] == 3)
            try await live.control("POST", "/messages", ["content": "last"])
            #expect(try await client.payload()["t"] == "MESSAGE_CREATE")
        }
    }

    @Test func `a stalled connection stays silent, the session goes on`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            let (session, sequence) = try await client.start()
            try await Self.order(live, ["kind": "stall"])
            try await live.control("POST", "/messages", ["content": "unheard"])
            let second = try await live.connect()
            _ = try await second.payload(opcode: 10)
            try await second.resume(session, sequence)
            #expect(try await second.payload()["d"]?["content"] == "unheard")
        }
    }

    @Test(arguments: ["zlib-stream", "zstd-stream"], ["corrupt", "truncate"])
    func `a broken stream cannot be decompressed`(compress: String, kind: String) async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect(compress: compress)
            try await client.start()
            try await Self.order(live, ["kind": .string(kind)])
            #expect(try await client.payload() == .null)
            try await live.control("POST", "/messages", ["content": "x"])
            #expect(try await client.payload() == .null)
        }
    }

    @Test func `events can be doubled, delayed, dropped, prettified, extended, large and malformed`() async throws {
        try await LiveSimulator.run { live in
            let client = try await live.connect()
            try await client.start()
            try await Self.order(live, ["kind": "duplicate", "events": ["MESSAGE_CREATE"]])
            try await live.control("POST", "/messages", ["content": "twice"])
            let first = try await client.payload()
            let second = try await client.payload()
            #expect(first["d"] == second["d"])
            #expect(first["s"] != second["s"])
            try await Self.order(live, ["kind": "delay", "ms": 50])
            try await live.control("POST", "/messages", ["content": "late"])
            try await live.control("POST", "/messages", ["content": "early"])
            #expect(try await client.payload()["d"]?["content"] == "early")
            #expect(try await client.payload()["d"]?["content"] == "late")
            try await Self.order(live, ["kind": "drop"])
            try await live.control("POST", "/messages", ["content": "never"])
            try await Self.order(live, ["kind": "pretty"])
            try await live.control("POST", "/messages", ["content": "pretty"])
            #expect(try await client.payload()["d"]?["content"] == "pretty")
            try await Self.order(live, ["kind": "extra_fields"])
            try await live.control("POST", "/messages", ["content": "extra"])
            #expect(try await client.payload()["d"]?["zz_unknown"] != nil)
            try await Self.order(live, ["kind": "large", "bytes": 3_000_000])
            #expect(try await client.payload()["d"]?["filler"]?.string?.utf8.count == 3_000_000)
            try await Self.order(live, ["kind": "malformed"])
            #expect(try await client.payload() == .null)
        }
    }

    @Test func `the URL for resuming can be down and up again`() async throws {
        try await LiveSimulator.run { live in
            try await Self.order(live, ["kind": "resume_url_down"])
            try await eventually("the resume URL is down") { (try? await live.connect(toResumeURL: true)) == nil }
            #expect(try await live.connect().payload()["op"] == 10)
            try await Self.order(live, ["kind": "resume_url_up"])
            try await eventually("the resume URL is up") { (try? await live.connect(toResumeURL: true)) != nil }
        }
    }

    @Test func `connections can be refused, Identify and Resume be answered wrongly`() async throws {
        try await LiveSimulator.run { live in
            try await Self.order(live, ["kind": "refuse_connection"])
            await #expect(throws: (any Error).self) { try await live.connect() }
            try await Self.order(live, ["kind": "identify_close", "code": 4004])
            let first = try await live.connect()
            _ = try await first.payload(opcode: 10)
            try await first.identify()
            #expect(try await first.closeCode() == 4004)
            let second = try await live.connect()
            let (session, sequence) = try await second.start()
            try await second.drop()
            try await Self.order(live, ["kind": "resume_invalid", "resumable": true])
            let third = try await live.connect()
            _ = try await third.payload(opcode: 10)
            try await third.resume(session, sequence)
            #expect(try await third.payload()["d"] == true)
            try await third.resume(session, sequence)
            #expect(try await third.payload()["t"] == "RESUMED")
        }
    }

    @Test func `an order that makes no sense is refused with what would`() async throws {
        try await LiveSimulator.run { live in
            let answer = try await live.control("POST", "/faults", ["kind": "earthquake"])
            #expect(answer.status == 400)
            #expect(answer.body["error"]?.string?.contains("no_ack") == true)
        }
    }
}
