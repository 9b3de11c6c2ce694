import NIOCore
import Shared
import Testing

@testable import DiscordSimulator

@Suite struct EncodedEventTests {
    @Test func `d stands in the payload byte for byte`() {
        let d = #"{"a":"\u00e9\/😀","n":18446744073709551616,  "x" : 1.50}"#
        let event = EncodedEvent(name: "RAW", guild: nil, d: ByteBuffer(string: d))
        #expect(String(buffer: event.payload(sequence: 42)) == #"{"t":"RAW","s":42,"op":0,"d":"# + d + "}")
        #expect(event.byteCount(sequence: 42) == event.payload(sequence: 42).readableBytes)
    }

    @Test func `line breaks between tokens change nothing but the bytes`() {
        let d: JSON = ["text": "a, {b}: [c]\n\"d\\", "list": [1, nil, true], "empty": .object([])]
        let event = EncodedEvent(
            WorldEvent(name: "PRETTY", guild: nil, d: d), bot: Snowflake(1), style: .pretty)
        let bytes = event.payload(sequence: 7)
        #expect(bytes.readableBytesView.count { $0 == UInt8(ascii: "\n") } > 8)
        let parser = JSONParser()
        let parsed = withExtendedLifetime(parser) { (try? parser.parse(bytes)).map { JSON($0) } }
        #expect(parsed == ["t": "PRETTY", "s": 7, "op": 0, "d": d])
    }

    @Test(arguments: [(0, 1), (9, 1), (10, 2), (999_999, 6), (1_000_000, 7)])
    func `digits are counted right`(number: Int, digits: Int) {
        #expect(number.decimalDigits == digits)
    }
}

@Suite struct MessageContentTests {
    private static let bot = Snowflake(7)

    private static func blank(
        author: Int = 1, mentions: [JSON] = [], guild: Snowflake? = Snowflake(9), name: String = "MESSAGE_CREATE",
        extra: JSON = .object([])
    ) -> JSON? {
        let d: JSON = [
            "content": "text", "embeds": [1], "attachments": [1], "components": [1], "poll": 1, "id": "5",
            "author": ["id": .string(String(author))], "mentions": .array(mentions),
        ]
        return MessageContent.blank(WorldEvent(name: name, guild: guild, d: d.merging(extra)), bot: bot)
    }

    @Test func `without the intent the content of others is blank and the rest stays`() {
        let d = Self.blank()
        #expect(d?["content"] == "")
        for field in ["embeds", "attachments", "components"] { #expect(d?[field] == []) }
        #expect(d?["poll"] == nil)
        #expect(d?["id"] == "5")
    }

    @Test func `a message replied to is blanked by its own author`() {
        let others = Self.blank(extra: ["referenced_message": ["content": "x", "author": ["id": "2"]]])
        #expect(others?["referenced_message"]?["content"] == "")
        let own = Self.blank(extra: ["referenced_message": ["content": "x", "author": ["id": "7"]]])
        #expect(own?["referenced_message"]?["content"] == "x")
    }

    @Test func `own messages, mentions, direct messages and other events are for everybody`() {
        #expect(Self.blank(author: 7) == nil)
        #expect(Self.blank(mentions: [["id": "7"]]) == nil)
        #expect(Self.blank(guild: nil) == nil)
        #expect(Self.blank(name: "MESSAGE_DELETE") == nil)
    }
}

@Suite struct EventIntentsTests {
    /// Event, whether in a guild, intent bits, whether it comes.
    @Test(arguments: [
        ("MESSAGE_CREATE", true, 1 << 9, true), ("MESSAGE_CREATE", true, 1 << 12, false),
        ("MESSAGE_CREATE", false, 1 << 12, true), ("MESSAGE_CREATE", false, 1 << 9, false),
        ("MESSAGE_CREATE", true, 1 << 15, false), ("GUILD_MEMBER_ADD", true, 1 << 1, true),
        ("GUILD_MEMBER_ADD", true, 1, false), ("GUILD_CREATE", true, 1, true), ("GUILD_CREATE", true, 2, false),
        ("INTERACTION_CREATE", true, 0, true), ("READY", false, 0, true), ("SOMETHING_NEW", true, 0, true),
        ("PRESENCE_UPDATE", true, 1 << 8, true), ("THREAD_MEMBERS_UPDATE", true, 2, true),
        ("CHANNEL_PINS_UPDATE", false, 1 << 12, true), ("MESSAGE_POLL_VOTE_ADD", true, 1 << 24, true),
    ]) func `an intent lets its events through`(name: String, isInGuild: Bool, bits: Int, comes: Bool) {
        #expect(EventIntents.allow(name, isInGuild: isInGuild, intents: Intents(rawValue: bits)) == comes)
    }
}

@Suite struct GatewayFaultsTests {
    @Test func `a fault strikes as often as ordered, where ordered`() {
        var faults = GatewayFaults()
        faults.add(GatewayFault(kind: .noAcknowledgement, shard: 1, count: 2))
        #expect(faults.take(.noAcknowledgement, shard: 0) == nil)
        #expect(faults.take(.duplicate) == nil)
        #expect(faults.take(.noAcknowledgement, shard: 1) != nil)
        #expect(faults.take(.noAcknowledgement, shard: 1) != nil)
        #expect(faults.take(.noAcknowledgement, shard: 1) == nil)
        #expect(faults.isEmpty)
    }

    @Test func `a fault without an end strikes until it is lifted`() throws {
        var faults = GatewayFaults()
        faults.add(try #require(GatewayFault(["kind": "drop", "count": nil, "events": ["TYPING_START"]])))
        for _ in 0..<5 { #expect(faults.take(.drop, event: "TYPING_START") != nil) }
        #expect(faults.take(.drop, event: "MESSAGE_CREATE") == nil)
        faults.removeAll()
        #expect(faults.take(.drop, event: "TYPING_START") == nil)
    }
}

@Suite struct SnowflakeMintTests {
    @Test func `ids carry their time and always grow, also when the clock stands or goes back`() {
        var mint = SnowflakeMint()
        let now = 1_764_000_000_123_000
        var last = mint.next(at: now)
        #expect(last.millisecondsSince1970 == 1_764_000_000_123)
        for time in [now, now, now - 5_000_000, now + 1000] {
            let next = mint.next(at: time)
            #expect(next > last)
            last = next
        }
        #expect(last.millisecondsSince1970 == 1_764_000_000_124)
    }
}
