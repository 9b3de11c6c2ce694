import NIOCore
import Shared
import Testing

@Suite struct WorkerFrameTests {
    private func decode(_ line: String) throws -> WorkerFrame {
        var decoder = WorkerFrameDecoder()
        return try decoder.decode(ByteBuffer(string: line))
    }

    private func encode(_ frame: WorkerFrame) -> String {
        var buffer = ByteBuffer()
        buffer.writeFrame(frame)
        return String(buffer: buffer)
    }

    /// Frames with their bytes as docs/queue-protocol.md writes them.
    static let golden: [(WorkerFrame, String)] = [
        (
            .hello(
                WorkerHello(
                    worker: "w1", version: "0.1.0", capacity: 256, capacityBytes: 8_388_608,
                    events: ["MESSAGE_CREATE"], ephemeral: ["config", "stats"], immediate: ["feedback"],
                    journal: "UUID", done: [EventID(5)])),
            #"{"op":"hello","protocol":1,"worker":"w1","version":"0.1.0","capacity":256,"capacity_bytes":8388608,"#
                + #""events":["MESSAGE_CREATE"],"ephemeral":["config","stats"],"immediate":["feedback"],"#
                + #""journal":"UUID","done":[5]}"#
        ),
        (
            .hello(WorkerHello(worker: "host:1", version: "1", capacity: 1)),
            #"{"op":"hello","protocol":1,"worker":"host:1","version":"1","capacity":1}"#
        ),
        (
            .hello(WorkerHello(worker: "w", version: "1", capacity: 65_536, events: [])),
            #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":65536,"events":[]}"#
        ),
        (.ack([EventID(7), EventID(8)]), #"{"op":"ack","ids":[7,8]}"#),
        (.ack([]), #"{"op":"ack","ids":[]}"#),
        (.ack([EventID((1 << 53) - 1), EventID(0)]), #"{"op":"ack","ids":[9007199254740991,0]}"#),
        (.extend([EventID(7)]), #"{"op":"extend","ids":[7]}"#),
        (.nack([EventID(9)], reason: "a \"b\"\n"), #"{"op":"nack","ids":[9],"reason":"a \"b\"\n"}"#),
        (
            .release(.ids([EventID(9)]), retryAfterMilliseconds: 2000, reason: "database down"),
            #"{"op":"release","ids":[9],"retry_after_ms":2000,"reason":"database down"}"#
        ),
        (
            .release(.all, retryAfterMilliseconds: 0, reason: ""),
            #"{"op":"release","ids":"all","retry_after_ms":0,"reason":""}"#
        ),
        (
            .report(["database": ["id": "x", "engine": "sqlite", "ok": true], "tasks": [:], "metrics": ["a": 1.5]]),
            #"{"op":"report","database":{"id":"x","engine":"sqlite","ok":true},"tasks":{},"metrics":{"a":1.5}}"#
        ),
        (
            .command(ref: 1, shard: 0, payload: ["op": 3, "d": ["since": nil]]),
            #"{"op":"command","ref":1,"shard":0,"payload":{"op":3,"d":{"since":null}}}"#
        ),
        (.drain, #"{"op":"drain"}"#),
        (.status, #"{"op":"status"}"#),
        (.pong, #"{"op":"pong"}"#),
    ]

    @Test(arguments: golden)
    func `a frame is written as documented and read back`(frame: WorkerFrame, line: String) throws {
        #expect(encode(frame) == line + "\n")
        #expect(try decode(line) == frame)
    }

    @Test(arguments: [
        (#" { "ids" : [ 7 ] , "later" : {"a":[1]} , "op" : "ack" } "#, WorkerFrame.ack([EventID(7)])),
        ("{\"op\":\"pong\"}\r", .pong),
        (#"{"op":"\u0070ong","ids":"ignored"}"#, .pong),
        (#"{"op":"nack","ids":[1]}"#, .nack([EventID(1)], reason: "")),
        (#"{"op":"nack","ids":[1],"reason":null}"#, .nack([EventID(1)], reason: "")),
        (#"{"op":"report"}"#, .report([:])),
        (
            #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":1,"events":null,"done":null,"journal":null}"#,
            .hello(WorkerHello(worker: "w", version: "1", capacity: 1))
        ),
        (
            #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":1,"events":["A","A"]}"#,
            .hello(WorkerHello(worker: "w", version: "1", capacity: 1, events: ["A"]))
        ),
    ])
    func `order, blanks, escapes, unknown and null fields do not matter`(line: String, frame: WorkerFrame) throws {
        #expect(try decode(line) == frame)
    }

    private static let hello = #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":1"#

    @Test(arguments: [
        "", " ", "{", "nonsense", "7", "null", #""op""#, #"[{"op":"pong"}]"#, #"{"op":"pong"}{"op":"pong"}"#,
        #"{"op":"pong"} x"#, "{}", #"{"op":7}"#, #"{"op":null}"#, #"{"Op":"pong"}"#, "{\"op\":\"p\u{1}\"}",
        #"{"op":"ack"}"#, #"{"op":"ack","ids":7}"#, #"{"op":"ack","ids":"all"}"#, #"{"op":"ack","ids":["7"]}"#,
        #"{"op":"ack","ids":[7.0]}"#, #"{"op":"ack","ids":[-1]}"#, #"{"op":"ack","ids":[9007199254740992]}"#,
        #"{"op":"ack","ids":[18446744073709551615]}"#, #"{"op":"ack","ids":[1e3]}"#, #"{"op":"ack","ids":[null]}"#,
        #"{"op":"ack","ids":[[7]]}"#, #"{"op":"ack","ids":{"0":7}}"#, #"{"op":"extend"}"#,
        #"{"op":"nack","ids":[1],"reason":7}"#, #"{"op":"nack","reason":"x"}"#,
        #"{"op":"release","ids":"some","retry_after_ms":1}"#, #"{"op":"release","ids":[1]}"#,
        #"{"op":"release","retry_after_ms":1}"#, #"{"op":"release","ids":[1],"retry_after_ms":-1}"#,
        #"{"op":"release","ids":[1],"retry_after_ms":"1"}"#,
        #"{"op":"report","database":7}"#, #"{"op":"report","tasks":[]}"#, #"{"op":"report","metrics":"x"}"#,
        #"{"op":"command","ref":1,"shard":0}"#, #"{"op":"command","ref":1,"shard":0,"payload":{"d":1}}"#,
        #"{"op":"command","ref":1,"shard":-1,"payload":{"op":3}}"#,
        #"{"op":"command","ref":"1","shard":0,"payload":{"op":3}}"#,
        #"{"op":"command","shard":0,"payload":{"op":3}}"#, #"{"op":"command","ref":1,"shard":0,"payload":{"op":"3"}}"#,
        #"{"op":"hello"}"#, #"{"op":"hello","protocol":"1","worker":"w","version":"1","capacity":1}"#,
        #"{"op":"hello","protocol":1,"version":"1","capacity":1}"#,
        #"{"op":"hello","protocol":1,"worker":"w","capacity":1}"#,
        #"{"op":"hello","protocol":1,"worker":"","version":"1","capacity":1}"#,
        #"{"op":"hello","protocol":1,"worker":"a b","version":"1","capacity":1}"#,
        #"{"op":"hello","protocol":1,"worker":"ä","version":"1","capacity":1}"#,
        #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":0}"#,
        #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":65537}"#,
        #"{"op":"hello","protocol":1,"worker":"w","version":"1","capacity":1.5}"#,
        hello + #","capacity_bytes":0}"#, hello + #","capacity_bytes":"8MB"}"#, hello + #","events":"MESSAGE_CREATE"}"#,
        hello + #","events":[""]}"#, hello + #","events":[7]}"#, hello + #","ephemeral":{}}"#,
        hello + #","protocol_min":2}"#, hello + #","protocol_min":"1"}"#, hello + #","immediate":[null]}"#,
        hello + #","journal":7}"#, hello + #","done":[-5]}"#,
    ])
    func `what is not a frame is malformed`(line: String) {
        #expect(throws: FrameError.self) { try decode(line) }
        do {
            _ = try decode(line)
        } catch let error as FrameError {
            #expect(error.code == .malformed)
        } catch {}
    }

    @Test func `other bytes than UTF-8, and nesting without end, are malformed`() {
        var decoder = WorkerFrameDecoder()
        for bytes in [
            ByteBuffer(bytes: Array(#"{"op":"a"#.utf8) + [0xFF] + Array(#""}"#.utf8)),
            ByteBuffer(bytes: [0xC0, 0x80]),
            ByteBuffer(string: #"{"op":"pong","x":"# + String(repeating: "[", count: 100_000)),
        ] {
            let error = #expect(throws: FrameError.self) { try decoder.decode(bytes) }
            #expect(error?.code == .malformed)
        }
        #expect(throws: Never.self) { try decoder.decode(ByteBuffer(string: #"{"op":"pong"}"#)) }
    }

    @Test(arguments: [
        (
            #"{"op":"ack","ids":[-1]}"#,
            "malformed: \"ids\" of \"ack\" is not accepted: it must be an array of event ids, which are integers from 0 to 2^53-1"
        ),
        (
            #"{"op":"hello","protocol":1,"worker":"w","version":"1"}"#,
            "malformed: \"capacity\" of \"hello\" is missing: it must be an integer from 1 to 65536"
        ),
        (#"{"op":"event"}"#, "unknown_op: there is no op \"event\" in this direction"),
        (
            #"{"op":"hello","protocol":2}"#,
            "unsupported_protocol: the worker speaks queue protocol 2, this gateway 1; upgrade the older of the two"
        ),
        ("[]", "malformed: the line is not a JSON object: it is of type array"),
        ("{}", "malformed: the frame has no \"op\", or it is not a string"),
    ])
    func `an error names frame, field and what is accepted`(line: String, description: String) {
        let error = #expect(throws: FrameError.self) { try decode(line) }
        #expect(error?.description == description)
    }

    @Test func `an unknown op is quoted only in part`() throws {
        let line = #"{"op":""# + String(repeating: "x", count: 1000) + #""}"#
        let error = #expect(throws: FrameError.self) { try decode(line) }
        #expect(error?.code == .unknownOp)
        #expect(try #require(error).message.count < 120)
    }

    @Test func `names and lists have limits, and a long reason is cut between characters`() throws {
        let name = String(repeating: "n", count: 64)
        guard
            case .hello(let hello) = try decode(
                #"{"op":"hello","protocol":1,"worker":"\#(name)","version":"1","capacity":1}"#)
        else { Issue.record("not a hello"); return }
        #expect(hello.worker == name)
        #expect(throws: FrameError.self) {
            try decode(#"{"op":"hello","protocol":1,"worker":"\#(name)n","version":"1","capacity":1}"#)
        }
        let many = (0...QueueProtocol.maximumNames).map { "\"e\($0)\"" }.joined(separator: ",")
        #expect(throws: FrameError.self) { try decode(Self.hello + #","events":[\#(many)]}"#) }

        let long = "x" + String(repeating: "é", count: 3000)
        guard case .nack(_, let reason) = try decode(#"{"op":"nack","ids":[1],"reason":"\#(long)"}"#) else {
            Issue.record("not a nack")
            return
        }
        #expect(reason.utf8.count <= QueueProtocol.maximumReasonBytes)
        #expect(reason.hasPrefix("xéé") && reason.hasSuffix("é…"))
    }

    @Test func `an error becomes the frame that the worker gets`() {
        #expect(FrameError(.unknownOp, "x").frame == .error(code: "unknown_op", message: "x"))
    }
}
