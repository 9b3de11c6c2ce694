import NIOCore
import Shared
import TestKit
import Testing

@testable import GatewayProcess

struct EnvelopeScannerTests {
    /// By both ways, from token to token and byte by byte, which must come to the same.
    private static func scan(_ text: String) throws -> Envelope {
        try Array(text.utf8).withUnsafeBytes { bytes in
            let indexer = JSONIndexer(maximumBytes: 2 << 20)
            let plain = Result { try EnvelopeScanner.scan(bytes) }
            let byTokens = indexer.tokens(of: bytes).flatMap { TokenScanner.scan(bytes, tokens: $0) }
            #expect(byTokens == (try? plain.get()))
            return try plain.get()
        }
    }

    private static func key(_ text: String) throws -> String {
        let envelope = try scan(text)
        let type = try #require(envelope.type)
        let name = String(decoding: Array(text.utf8)[type.start..<type.end], as: UTF8.self)
        return envelope.key(role: EventRole(eventName: name), shard: 5).description
    }

    @Test(arguments: [
        (#"{"t":"MESSAGE_CREATE","s":9,"op":0,"d":{"guild_id":"1","channel_id":"2"}}"#, "guild:1"),
        (#"{"d":{"guild_id":"1"},"op":0,"s":9,"t":"MESSAGE_CREATE"}"#, "guild:1"),
        (#" { "t" : "MESSAGE_CREATE" , "s" : 9 , "op" : 0 , "d" : { "guild_id" : "1" } } "#, "guild:1"),
        ("{\"op\":0,\"s\":9,\n\"t\":\"X\",\r\n\"d\":{\n\"guild_id\":\n\"1\"}}", "guild:1"),
        (
            #"{"op":0,"s":9,"t":"X","d":{"message_reference":{"guild_id":"8"},"thread":{"guild_id":"7"},"guild_id":"1"}}"#,
            "guild:1"
        ),
        (#"{"op":0,"s":9,"t":"X","d":{"message_reference":{"guild_id":"8"},"channel_id":"3"}}"#, "channel:3"),
        (#"{"op":0,"s":9,"t":"X","d":{"content":"{\"guild_id\":\"6\"}","guild_id":"1"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"X","d":{"content":"}],\\","guild_id":"1"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"X","d":{"guild\u005fid":"1"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"X","d":{"\u0067uild_id":"\u0031\u0032"}}"#, "guild:12"),
        (#"{"op":0,"s":9,"t":"X","d":{"guild_id":null,"channel_id":"3"}}"#, "channel:3"),
        (#"{"op":0,"s":9,"t":"X","d":{"guild_id":"abc","channel_id":"3"}}"#, "channel:3"),
        (#"{"op":0,"s":9,"t":"X","d":{"guild_id":41,"channel_id":"3"}}"#, "guild:41"),
        (#"{"op":0,"s":9,"t":"X","d":{"guild_id":"1","guild_id":"2"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"GUILD_CREATE","d":{"id":"1","channels":[{"id":"4","guild_id":"9"}]}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"GUILD_DELETE","d":{"unavailable":true,"id":"1"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"CHANNEL_CREATE","d":{"id":"4","guild_id":"1"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"CHANNEL_CREATE","d":{"id":"4","type":1}}"#, "channel:4"),
        (#"{"op":0,"s":9,"t":"MESSAGE_CREATE","d":{"id":"4","author":{"id":"5"}}}"#, "shard:5"),
        (#"{"op":0,"s":9,"t":"ENTITLEMENT_CREATE","d":{"id":"4","user_id":"6"}}"#, "user:6"),
        (#"{"op":0,"s":9,"t":"X","d":{"user":{"name":"a","avatar":{"id":"9"},"id":"6"}}}"#, "user:6"),
        (#"{"op":0,"s":9,"t":"PRESENCE_UPDATE","d":{"user":{"id":"6"},"guild_id":"1"}}"#, "guild:1"),
        (#"{"op":0,"s":9,"t":"USER_UPDATE","d":{"id":"6"}}"#, "user:6"),
        (#"{"op":0,"s":9,"t":"READY","d":{"user":{"id":"6"},"guilds":[{"id":"1"}]}}"#, "shard:5"),
        (#"{"op":0,"s":9,"t":"RESUMED","d":{}}"#, "shard:5"),
        (#"{"op":0,"s":9,"t":"INTERACTION_CREATE","d":{"guild_id":"1","id":"8"}}"#, "interaction:8"),
        (#"{"op":0,"s":9,"t":"X","d":[1,2]}"#, "shard:5"),
        (#"{"op":0,"s":9,"t":"X"}"#, "shard:5"),
    ])
    func `The key is that of the guild, channel, user or shard at the top of d`(text: String, key: String) throws {
        #expect(try Self.key(text) == key)
    }

    @Test func `The envelope's own members are found in any order, unknown ones are ignored`() throws {
        let text = #"{"x":{"op":9,"d":1},"s":12,"d":{"op":3,"s":4},"_trace":["op"],"t":"A","op":0}"#
        let envelope = try Self.scan(text)
        #expect(envelope.operation == 0)
        #expect(envelope.sequence == 12)
        #expect(String(decoding: Array(text.utf8)[envelope.data], as: UTF8.self) == #"{"op":3,"s":4}"#)
    }

    @Test(
        arguments: [
            (#"{"op":11}"#, 11, nil), (#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#, 10, nil),
            (#"{"op":9,"d":false,"s":null}"#, 9, nil), (#"{"op":1,"d":null,"s":3}"#, 1, 3), (#"{"op":7}"#, 7, nil),
        ] as [(String, Int, Int?)])
    func `Payloads other than dispatches are read`(text: String, op: Int, sequence: Int?) throws {
        let envelope = try Self.scan(text)
        #expect(envelope.operation == op)
        #expect(envelope.sequence == sequence)
    }

    @Test(arguments: [
        "", " ", "null", "[]", "{", "}", "{}", #"{"op"}"#, #"{"op":}"#, #"{"op":0,}"#, #"{"op":0}x"#, #"{"op":0}{}"#,
        #"{"op":"0"}"#, #"{"op":0.5}"#, #"{"op":-1}"#, #"{"op":0,"s":"1"}"#, #"{"op":0,"t":5}"#, #"{op:0}"#,
        #"{"op":0,"d":{"a":1,}}"#, #"{"op":0,"d":{"a" 1}}"#, #"{"op":0,"d":[1,]}"#, #"{"op":0,"d":[1 2]}"#,
        #"{"op":0,"d":{"a":tru}}"#, #"{"op":0,"d":{"a":truex}}"#, #"{"op":0,"d":{"a":01}}"#, #"{"op":0,"d":{"a":1.}}"#,
        #"{"op":0,"d":{"a":.5}}"#, #"{"op":0,"d":{"a":1e}}"#, #"{"op":0,"d":{"a":-}}"#, #"{"op":0,"d":{"a":+1}}"#,
        #"{"op":0,"d":{"a":"\x"}}"#, #"{"op":0,"d":{"a":"\u12g4"}}"#, #"{"op":0,"d":{"a":"b}}"#,
        #"{"op":0,"d":{"a":"b\"}}"#,
        "{\"op\":0,\"d\":{\"a\":\"b\nc\"}}", "{\"op\":0,\"d\":{\"a\":\"\u{1}\"}}", "{\"op\":0,\u{B}\"d\":1}",
        #"{"op":0,"d":{"a":1]}"#, #"{"op":0,"d":[1}}"#, "\u{FEFF}{\"op\":0}",
    ])
    func `What is not one JSON object with an op is refused`(text: String) {
        #expect(throws: EnvelopeError.self) { try Self.scan(text) }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82], [0xC3], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func `Strings that are not UTF-8 are refused`(bad: [UInt8]) {
        let bytes = Array(#"{"op":0,"d":"padding to pass eight bytes "#.utf8) + bad + Array(#""}"#.utf8)
        let indexer = JSONIndexer(maximumBytes: 1 << 10)
        #expect(throws: EnvelopeError.self) {
            try bytes.withUnsafeBytes { try EnvelopeScanner.scan($0, with: indexer) }
        }
        #expect(bytes.withUnsafeBytes { indexer.tokens(of: $0) == nil })
    }

    @Test func `Nesting is accepted to simdjson's depth and refused beyond it`() throws {
        func nested(_ depth: Int) -> String {
            #"{"op":0,"d":"# + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) + "}"
        }
        #expect(try Self.scan(nested(63)).operation == 0)
        // Deeper than from token to token: left to the other way.
        let indexer = JSONIndexer(maximumBytes: 2 << 20)
        for depth in [64, 65, 1000] {
            let envelope = try Array(nested(depth).utf8).withUnsafeBytes { bytes in
                #expect(indexer.tokens(of: bytes).flatMap { TokenScanner.scan(bytes, tokens: $0) } == nil)
                return try EnvelopeScanner.scan(bytes, with: indexer)
            }
            #expect(envelope.operation == 0)
        }
        #expect(throws: EnvelopeError.self) { try Self.scan(nested(100_000)) }
    }

    @Test func `d is forwarded byte for byte, and loses only line breaks between tokens`() throws {
        let data = #"{"a" : "\n\u0000 é😀\\\"","n":12345678901234567890123,"e":1.0E+2 ,"x":[ ]}"#
        func forwarded(_ text: String) throws -> String {
            let buffer = ByteBuffer(string: text)
            let indexer = JSONIndexer(maximumBytes: 1 << 10)
            let envelope = try buffer.withUnsafeReadableBytes { try EnvelopeScanner.scan($0, with: indexer) }
            #expect(envelope == (try buffer.withUnsafeReadableBytes { try EnvelopeScanner.scan($0) }))
            return String(buffer: buffer.data(of: envelope))
        }
        #expect(try forwarded(#"{"op":0,"d":\#(data),"s":1}"#) == data)
        let broken = data.replacing(",", with: "\r\n,\n").replacing("{", with: "{\n")
        #expect(try forwarded("{\n\"op\":0,\n\"d\":\(broken)\n}") == data)
        #expect(try forwarded(#"{"op":0}"#) == "null")
    }

    @Test func `A text that is too long for the indexer is scanned without it`() throws {
        let indexer = JSONIndexer(maximumBytes: 1 << 10)
        let text = #"{"op":0,"d":{"guild_id":"1","content":"\#(String(repeating: "a", count: 1 << 10))"}}"#
        let envelope = try Array(text.utf8).withUnsafeBytes { try EnvelopeScanner.scan($0, with: indexer) }
        #expect(envelope.guildID == Snowflake(1))
    }

    @Test func `A megabyte of guild is scanned and found whole`() throws {
        let members = (0..<20_000).map { #"{"user":{"id":"\#($0)","username":"é\#($0)"},"roles":[],"guild_id":"5"}"# }
        let text = #"{"t":"GUILD_CREATE","s":2,"op":0,"d":{"members":[\#(members.joined(separator: ","))],"id":"1"}}"#
        #expect(text.utf8.count > 1 << 20)
        let envelope = try Self.scan(text)
        #expect(envelope.id == Snowflake(1))
        #expect(envelope.data.upperBound == text.utf8.count - 1)
    }
}

struct EnvelopeFuzzTests {
    /// Writes a random JSON value. Numbers stay within what simdjson holds: their size is no matter of grammar.
    private static func value(_ depth: Int, _ random: inout SeededGenerator) -> String {
        func space() -> String { ["", "", "", " ", "\n", "\t\r"].randomElement(using: &random) ?? "" }
        func string() -> String {
            let pieces = [
                "a", "guild_id", "id", "d", "op", "\\n", "\\\"", "\\\\", "\\u0041", "é", "😀", "{", "}", ",", ":", "日本",
                " ",
            ]
            let count = Int.random(in: 0...6, using: &random)
            return "\"" + (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined() + "\""
        }
        switch Int.random(in: 0...(depth > 4 ? 5 : 8), using: &random) {
        case 0: return "null"
        case 1: return ["true", "false"].randomElement(using: &random) ?? "true"
        case 2: return "\(Int.random(in: -1_000_000...1_000_000, using: &random))"
        case 3: return ["0", "-0", "0.5", "1e3", "1.25E-2", "-7.0e+1"].randomElement(using: &random) ?? "0"
        case 4, 5: return string()
        case 6:
            let count = Int.random(in: 0...3, using: &random)
            return "[" + (0..<count).map { _ in space() + value(depth + 1, &random) + space() }.joined(separator: ",")
                + "]"
        default:
            let count = Int.random(in: 0...4, using: &random)
            return "{"
                + (0..<count).map { _ in space() + string() + space() + ":" + space() + value(depth + 1, &random) }
                .joined(separator: ",") + space() + "}"
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `Scanner and simdjson accept and refuse the same texts`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let parser = JSONParser()
        let indexer = JSONIndexer(maximumBytes: 1 << 20)
        var accepted = 0
        for round in 0..<4000 {
            var bytes = Array(#"{"op":0,"s":1,"t":"X","d":\#(Self.value(0, &random))}"#.utf8)
            let mutations = Int.random(in: 0...2, using: &random)
            for _ in 0..<mutations { Self.mutate(&bytes, &random) }
            let mine = bytes.withUnsafeBytes { Self.scannerAccepts($0) }
            let theirs = bytes.withUnsafeBytes { Self.parserAccepts($0, parser) }
            bytes.withUnsafeBytes { bytes in
                let byTokens = indexer.tokens(of: bytes).flatMap { TokenScanner.scan(bytes, tokens: $0) }
                let isSame = byTokens == (try? EnvelopeScanner.scan(bytes))
                #expect(isSame, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
            }
            // A mutation can make a number too large for simdjson, or the envelope's own members something else.
            guard let mine, let theirs else { continue }
            accepted += mine ? 1 : 0
            #expect(mine == theirs, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(accepted > 1000)
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let position = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes.remove(at: position)
        case 1: bytes.insert(Array("{}[]\",:0\\ntx\n \u{80}".utf8).randomElement(using: &random) ?? 0, at: position)
        case 2: bytes[position] = UInt8.random(in: 0...255, using: &random)
        default: bytes.removeSubrange(position...)
        }
    }

    /// Nil if the text is refused for its members, not its grammar.
    private static func scannerAccepts(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        do throws(EnvelopeError) {
            _ = try EnvelopeScanner.scan(bytes)
            return true
        } catch .badMember {
            return nil
        } catch {
            return false
        }
    }

    /// Nil if the text is refused for a number's size or an unpaired surrogate, which the grammar allows.
    private static func parserAccepts(_ bytes: UnsafeRawBufferPointer, _ parser: JSONParser) -> Bool? {
        do throws(JSONError) {
            return try parser.parse(bytes).kind == .object
        } catch {
            let text = String(decoding: bytes, as: UTF8.self)
            let hasLongNumber = text.contains { $0.isNumber } && error.description.lowercased().contains("number")
            let hasSurrogate = text.lowercased().contains("\\ud")
            return hasLongNumber || hasSurrogate ? nil : false
        }
    }
}
