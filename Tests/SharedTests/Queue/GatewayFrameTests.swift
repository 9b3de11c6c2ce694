import NIOCore
import Testing

@testable import Shared

@Suite struct GatewayFrameTests {
    private func decode(_ line: String) throws -> GatewayFrame {
        var decoder = GatewayFrameDecoder()
        return try decoder.decode(ByteBuffer(string: line))
    }

    private func encode(_ frame: GatewayFrame) -> String {
        var buffer = ByteBuffer()
        buffer.writeFrame(frame)
        return String(buffer: buffer)
    }

    private static func event(
        redelivered: Bool = false, deferred: Bool = false, retryOf: EventID? = nil, data: String = #"{"content":"hi"}"#
    ) -> EventFrame {
        EventFrame(
            id: EventID(7), attempt: 1, shard: 0, sequence: 42, type: "MESSAGE_CREATE", key: "guild:1",
            receivedAt: 1_764_000_000_000_000, sentAt: 1_764_000_000_000_120, redelivered: redelivered,
            deferred: deferred, retryOf: retryOf, data: ByteBuffer(string: data))
    }

    private static let head =
        #"{"op":"event","id":7,"attempt":1,"shard":0,"seq":42,"t":"MESSAGE_CREATE","key":"guild:1","#
        + #""received_at":1764000000000000,"sent_at":1764000000000120"#

    /// Frames with their bytes as docs/queue-protocol.md writes them.
    static let golden: [(GatewayFrame, String)] = [
        (.event(event()), head + #","d":{"content":"hi"}}"#),
        (.event(event(redelivered: true)), head + #","redelivered":true,"d":{"content":"hi"}}"#),
        (
            .event(event(redelivered: true, deferred: true, retryOf: EventID(3))),
            head + #","redelivered":true,"deferred":true,"retry_of":3,"d":{"content":"hi"}}"#
        ),
        (.event(event(data: "null")), head + #","d":null}"#),
        (
            .welcome(
                Welcome(
                    version: "0.1.0", journal: "UUID", applicationID: Snowflake(5), userID: nil, shardIDs: [0, 1],
                    shardCount: 4, workers: 2)),
            #"{"op":"welcome","protocol":1,"version":"0.1.0","journal":"UUID","application_id":"5","user_id":null,"#
                + #""shards":{"ids":[0,1],"count":4},"workers":2}"#
        ),
        (.returned([EventID(9), EventID(10)]), #"{"op":"returned","ids":[9,10]}"#),
        (.members(3), #"{"op":"members","workers":3}"#),
        (.commandResult(ref: 1, failure: nil), #"{"op":"command_result","ref":1,"ok":true}"#),
        (
            .commandResult(ref: 1, failure: "no shard 9"),
            #"{"op":"command_result","ref":1,"ok":false,"message":"no shard 9"}"#
        ),
        (.status(["version": "0.1.0", "shards": []]), #"{"op":"status","version":"0.1.0","shards":[]}"#),
        (.draining, #"{"op":"draining"}"#),
        (.ping, #"{"op":"ping"}"#),
        (.pleaseDrain, #"{"op":"please_drain"}"#),
        (.goodbye(reason: "stopping"), #"{"op":"goodbye","reason":"stopping"}"#),
        (.error(code: "busy", message: "too many"), #"{"op":"error","code":"busy","message":"too many"}"#),
    ]

    @Test(arguments: golden)
    func `a frame is written as documented and read back`(frame: GatewayFrame, line: String) throws {
        #expect(encode(frame) == line + "\n")
        #expect(try decode(line) == frame)
    }

    @Test func `an event written from its parts is the same bytes as from a frame`() {
        var buffer = ByteBuffer()
        buffer.writeEvent(
            id: EventID(7), attempt: 1, shard: 0, sequence: 42, type: "MESSAGE_CREATE", keyClass: "guild", keyNumber: 1,
            receivedAt: 1_764_000_000_000_000, sentAt: 1_764_000_000_000_120, redelivered: true, deferred: true,
            retryOf: EventID(3), data: ByteBuffer(string: "{}"))
        #expect(
            String(buffer: buffer)
                == encode(.event(Self.event(redelivered: true, deferred: true, retryOf: EventID(3), data: "{}"))))
    }

    @Test func `numbers of any length are written whole`() {
        var numbers: [UInt64] = [0, .max]
        var power: UInt64 = 1
        for _ in 0..<20 {
            numbers += [power, power &- 1, power &+ 1, UInt64.random(in: 0...power)]
            power = power &* 10
        }
        for number in numbers {
            var buffer = ByteBuffer()
            buffer.writeEvent(
                id: EventID(Int64(clamping: number)), attempt: 1, shard: 0, sequence: 0, type: "X", keyClass: "guild",
                keyNumber: number, receivedAt: -1, sentAt: Int64.min, redelivered: false, deferred: false, retryOf: nil,
                data: ByteBuffer(string: "{}"))
            #expect(
                String(buffer: buffer) == """
                    {"op":"event","id":\(Int64(clamping: number)),"attempt":1,"shard":0,"seq":0,"t":"X",\
                    "key":"guild:\(number)","received_at":-1,"sent_at":\(Int64.min),"d":{}}

                    """)
        }
    }

    /// Texts of `d` that a careless reader cuts short, runs past or rewrites.
    static let data = [
        "{}", "[]", "null", "true", "-1.5e-10", "9007199254740993", "18446744073709551616.000", #""""#, #""\"}""#,
        #"{"a":"}","b":"{[\\","d":{"d":[1,2,"]"]},"\"":"\\\""}"#,
        #"{"big":[9007199254740993,18446744073709551615,-9223372036854775808]}"#,
        #"{"escapes":"\u00e9\ud83d\ude00\/\n","astral":"😀","e":"é"}"#, #" { "blanks" : [ 1 , 2 ] } "#,
        #"{"op":"event","id":8,"d":null}"#, "{\"tab\":\t1}",
    ]

    @Test(arguments: data)
    func `d comes out byte for byte, wherever it stands`(data: String) throws {
        let event = Self.event(data: data)
        let fields = Self.head.dropFirst()
        // Blanks around a value are no part of it.
        let value = data.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        for line in [
            Self.head + ",\"d\":\(data)}",
            "{\"d\":\(data),\(fields)}",
            "{\"x\":[{\"d\":1}],\"y\":\"\\\"d\\\":\",\"z\":-1,\"d\":\(data),\(fields)}",
            "{\(fields),\"d\":\(data),\"later\":{\"d\":2}}",
            " {\(fields) , \"d\" : \(data) } \r",
            "{\"\\u0064\":\(data),\(fields)}",
            "{\(fields),\"d\":\(data),\"d\":7}",
        ] {
            guard case .event(var decoded) = try decode(line) else {
                Issue.record("not an event: \(line)")
                continue
            }
            #expect(String(buffer: decoded.data) == String(value), "\(line)")
            decoded.data = event.data
            #expect(decoded == event)
        }
    }

    @Test(arguments: data.filter { !$0.hasPrefix(" ") && !$0.hasSuffix(" ") })
    func `the gateway's own spelling is read at once, to the same event as any other`(data: String) throws {
        for (redelivered, deferred, retryOf) in [(false, false, nil), (true, true, EventID(3)), (false, true, nil)] {
            let event = Self.event(redelivered: redelivered, deferred: deferred, retryOf: retryOf, data: data)
            let line = encode(.event(event)).dropLast()
            let parser = JSONParser()
            let read = try #require(EventLine.read(ByteBuffer(string: String(line)), parser: parser))
            #expect(read.event == event)
            #expect(JSON(read.data) == (try JSON(ofText: data)))
            #expect(try decode(" " + line) == .event(event))
        }
    }

    /// Lines with something that is nearly the spelling expected, and what is wrong there.
    @Test(arguments: [
        (#""id":7"#, #""id":07"#), (#""id":7"#, #""id":9007199254740992"#), (#""id":7"#, #""id":-1"#),
        (#""id":7"#, #""id":7.0"#), (#""id":7"#, #""id":"#), (#""attempt":1"#, #""attempt":0"#),
        (#""t":"MESSAGE_CREATE""#, #""t":"""#), (#""key":"guild:1""#, #""key":"guild:\u0031""#),
        (#""seq""#, #""sequence""#),
        (#""d":{}"#, #""d":{}]"#), (#""d":{}"#, #""d":"#), (#""d":{}"#, #""d":{},"e":1"#),
    ])
    func `what is spelled otherwise is not read at once`(right: String, wrong: String) throws {
        let line = encode(.event(Self.event(data: "{}"))).dropLast()
        #expect(EventLine.read(ByteBuffer(string: String(line)), parser: JSONParser()) != nil)
        #expect(line.contains(right))
        let other = String(line).replacing(right, with: wrong)
        #expect(EventLine.read(ByteBuffer(string: other), parser: JSONParser()) == nil)
    }

    @Test func `an event's data is a slice of its line and its parsed value needs no second parse`() throws {
        let line = ByteBuffer(string: Self.head + #","d":{"content":"hi"}}"#)
        var decoder = GatewayFrameDecoder()
        guard case .event(let event) = try decoder.decode(line) else {
            Issue.record("not an event")
            return
        }
        let start = line.withUnsafeReadableBytes { $0.baseAddress }
        let data = event.data.withUnsafeReadableBytes { $0.baseAddress }
        #expect(data.flatMap { data in start.map { data - $0 } } == Self.head.utf8.count + #","d":"#.utf8.count)
        #expect(decoder.eventData?["content"]?.string == "hi")
        _ = try decoder.decode(ByteBuffer(string: #"{"op":"ping"}"#))
        #expect(decoder.eventData == nil)
    }

    /// Texts of `d` that are no JSON, or are beyond what can be read here, whatever let them through.
    static let unreadable = [
        #"{"a":1e999}"#, "{", "[1,", #"{"a":"x"#, "nul", "{\"a\":\"\u{1}\"}", #"{"a":1}}"#, "", #"{"op":"ping"}{"#,
        String(repeating: "[", count: 2000) + String(repeating: "]", count: 2000),
    ]

    @Test(arguments: unreadable)
    func `an event whose d cannot be read is an event all the same, with what is wrong`(data: String) throws {
        var decoder = GatewayFrameDecoder()
        let frame = try decoder.decode(ByteBuffer(string: Self.head + #","redelivered":true,"d":\#(data)}"#))
        #expect(frame == .event(Self.event(redelivered: true, data: data)))
        #expect(decoder.eventData == nil)
        #expect(decoder.eventProblem?.description.contains("cannot be read") == true)
        guard case .event = try decoder.decode(ByteBuffer(string: Self.head + #","d":{}}"#)) else {
            Issue.record("not an event")
            return
        }
        #expect(decoder.eventData != nil)
        #expect(decoder.eventProblem == nil)
    }

    @Test(arguments: [
        #"{"op":"event","id":7,"d":{"#, #"{"op":"ping","d":{"#, #"{"op":"event""#, "{", #"{""#, #"{"d"#, #"{"d":"#,
    ])
    func `of a broken line that is no event nothing is left`(line: String) {
        let error = #expect(throws: FrameError.self) { try decode(line) }
        #expect(error?.code == .malformed)
    }

    @Test func `every split of a stream of all frames gives the same frames`() throws {
        var stream = ByteBuffer()
        for (frame, _) in Self.golden { stream.writeFrame(frame) }
        for place in 0...stream.readableBytes {
            var splitter = LineSplitter()
            var decoder = GatewayFrameDecoder()
            var frames: [GatewayFrame] = []
            for part in [0..<place, place..<stream.readableBytes] {
                splitter.append(try #require(stream.getSlice(at: part.lowerBound, length: part.count)))
                while let line = try splitter.nextLine() { frames.append(try decoder.decode(line)) }
            }
            #expect(frames == Self.golden.map(\.0), "split at \(place)")
        }
    }

    @Test(arguments: [
        "x", "[]", #"{"op":"event"}"#, head.replacing(#""id":7,"#, with: "") + #","d":1}"#,
        head.replacing(#""id":7"#, with: #""id":"7""#) + #","d":1}"#,
        head.replacing(#""attempt":1"#, with: #""attempt":0"#) + #","d":1}"#,
        head.replacing(#""guild:1""#, with: "7") + #","d":1}"#, head + "}", head + #","redelivered":1,"d":1}"#,
        #"{"op":"welcome"}"#, #"{"op":"returned","ids":"all"}"#, #"{"op":"members"}"#,
        #"{"op":"command_result","ref":1}"#,
        #"{"op":"error"}"#, #"{"op":"goodbye","reason":7}"#,
    ])
    func `what is not a frame is malformed`(line: String) {
        let error = #expect(throws: FrameError.self) { try decode(line) }
        #expect(error?.code == .malformed)
    }

    @Test func `a frame of a later gateway is an unknown op`() {
        let error = #expect(throws: FrameError.self) { try decode(#"{"op":"news"}"#) }
        #expect(error?.code == .unknownOp)
    }

    @Test func `an event of 4 MiB comes through, and small ones after it`() throws {
        let text = "{\"x\":\"" + String(repeating: "😀", count: 1 << 20) + "\"}"
        var decoder = GatewayFrameDecoder()
        for data in [text, "{}", text, "[1]"] {
            var line = ByteBuffer()
            line.writeFrame(Self.event(data: data))
            _ = line.readableBytes
            guard
                case .event(let event) = try decoder.decode(
                    try #require(line.getSlice(at: 0, length: line.readableBytes - 1)))
            else { Issue.record("not an event"); continue }
            #expect(event.data == ByteBuffer(string: data))
        }
    }
}
