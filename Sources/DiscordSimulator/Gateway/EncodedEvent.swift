internal import NIOCore
internal import Shared

/// A dispatch whose bytes are made once and shared by every session that gets it, and by their replay buffers; only the
/// sequence number differs.
final class EncodedEvent {
    let name: String
    /// Where it happened; nil goes to shard 0.
    let guild: Snowflake?
    /// `{"t":"…","s":`
    let prefix: ByteBuffer
    /// `,"op":0,"d":…}`
    let suffix: ByteBuffer
    /// The suffix compressed by itself, for runs of many events; see `ZlibCompressor.prepare`.
    var deflatedSuffix: ByteBuffer?
    /// The same event for sessions without MESSAGE_CONTENT, if that makes a difference.
    private(set) var blanked: EncodedEvent?

    /// Encodes an event whose `d` is given byte for byte.
    init(name: String, guild: Snowflake?, d: ByteBuffer, style: Style = .compact) {
        self.name = name
        self.guild = guild
        var prefix = ByteBuffer()
        prefix.writeString(style == .pretty ? "{\r\n  \"t\":\t" : "{\"t\":")
        prefix.writeJSONString(name)
        prefix.writeString(style == .pretty ? ",\n  \"s\": " : ",\"s\":")
        self.prefix = prefix
        var suffix = ByteBuffer()
        suffix.reserveCapacity(d.readableBytes + 16)
        suffix.writeString(style == .pretty ? ",\n  \"op\": 0,\n  \"d\": " : ",\"op\":0,\"d\":")
        if style == .pretty { suffix.writePretty(d) } else { suffix.writeImmutableBuffer(d) }
        suffix.writeString(style == .pretty ? "\n}\n" : "}")
        self.suffix = suffix
    }

    /// How the tokens of a payload are set.
    enum Style: Equatable, Sendable {
        /// As Discord does it: nothing between them.
        case compact
        /// Line breaks and spaces between them, as JSON allows.
        case pretty
    }

    /// Encodes an event of the world's.
    convenience init(_ event: WorldEvent, bot: Snowflake, style: Style = .compact) {
        self.init(name: event.name, guild: event.guild, d: Self.bytes(event.d), style: style)
        if let d = MessageContent.blank(event, bot: bot) {
            blanked = EncodedEvent(name: event.name, guild: event.guild, d: Self.bytes(d), style: style)
        }
    }

    /// Bytes of the payload with that sequence number.
    func byteCount(sequence: Int) -> Int {
        prefix.readableBytes + sequence.decimalDigits + suffix.readableBytes
    }

    /// The whole payload.
    func payload(sequence: Int) -> ByteBuffer {
        var buffer = prefix
        buffer.writeDecimal(sequence)
        buffer.writeImmutableBuffer(suffix)
        return buffer
    }

    private static func bytes(_ value: JSON) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeJSON(value)
        return buffer
    }
}

extension Int {
    /// Decimal digits of a number that is not negative.
    var decimalDigits: Int {
        var digits = 1
        var rest = self
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        return digits
    }
}

extension ByteBuffer {
    /// Appends JSON text with a line break after every comma and around every bracket that stands outside of strings.
    mutating func writePretty(_ text: ByteBuffer) {
        var isString = false
        var isEscaped = false
        for byte in text.readableBytesView {
            if isString {
                writeInteger(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                isString = true
                writeInteger(byte)
            case UInt8(ascii: ","), UInt8(ascii: "{"), UInt8(ascii: "["):
                writeInteger(byte)
                writeStaticString("\n    ")
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                writeStaticString("\r\n  ")
                writeInteger(byte)
            case UInt8(ascii: ":"): writeStaticString(" : ")
            default: writeInteger(byte)
            }
        }
    }
}

/// What sessions without the MESSAGE_CONTENT intent do not get (resources/message.mdx, Message Content Intent).
enum MessageContent {
    /// The event's `d` without content, or nil if its content is for everybody: the app's own messages, direct ones,
    /// and those that mention the app.
    static func blank(_ event: WorldEvent, bot: Snowflake) -> JSON? {
        switch event.name {
        case "MESSAGE_CREATE", "MESSAGE_UPDATE":
            guard event.guild != nil, !isForBot(event.d, bot: bot) else { return nil }
            return blank(event.d, bot: bot)
        case "AUTO_MODERATION_ACTION_EXECUTION":
            return event.d.merging(["content": "", "matched_content": ""])
        default:
            return nil
        }
    }

    private static func blank(_ message: JSON, bot: Snowflake) -> JSON {
        guard case .object(let members) = message else { return message }
        return .object(
            members.compactMap { member -> JSON.Member? in
                switch member.key {
                case "content": return JSON.Member(member.key, "")
                case "embeds", "attachments", "components": return JSON.Member(member.key, [])
                case "poll": return nil
                case "referenced_message" where !isForBot(member.value, bot: bot):
                    return JSON.Member(member.key, blank(member.value, bot: bot))
                default: return member
                }
            })
    }

    private static func isForBot(_ message: JSON, bot: Snowflake) -> Bool {
        let id = JSON.string(bot.description)
        if message["author"]?["id"] == id { return true }
        return (message["mentions"]?.elements ?? []).contains { $0["id"] == id }
    }
}
