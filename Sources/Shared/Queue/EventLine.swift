internal import Glibc
internal import NIOCore

/// Reads the line of an event that is spelled as `ByteBuffer.writeEvent` spells it: of every event's line, but only one way of many to
/// write it. What is before `d` is compared byte for byte instead of being read as JSON, for a tenth of that.
///
/// A line that is spelled otherwise is for `FrameFields` to read, which comes to the same.
struct EventLine {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    private init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The event, and its `d` parsed. Nil if it is spelled otherwise, or if `d` is no JSON.
    static func read(_ line: ByteBuffer, parser: JSONParser) -> (event: EventFrame, data: JSONValue)? {
        line.withUnsafeReadableBytes { bytes in
            var reader = EventLine(bytes)
            guard var event = reader.head(), bytes.last == UInt8(ascii: "}") else { return nil }
            let data = reader.position..<bytes.count - 1
            guard let first = bytes[data].first, let last = bytes[data].last, first > 0x20, last > 0x20,
                let value = try? parser.parse(UnsafeRawBufferPointer(rebasing: bytes[data]))
            else { return nil }
            event.data = line.getSlice(at: line.readerIndex + data.lowerBound, length: data.count) ?? ByteBuffer()
            return (event, value)
        }
    }

    /// All before the value of `d`.
    private mutating func head() -> EventFrame? {
        guard skip(#"{"op":"event","id":"#), let id = integer(),
            skip(#","attempt":"#), let attempt = integer(), attempt >= 1,
            skip(#","shard":"#), let shard = integer(),
            skip(#","seq":"#), let sequence = integer(),
            skip(#","t":""#), let type = text(),
            skip(#"","key":""#), let key = text(),
            skip(#"","received_at":"#), let receivedAt = integer(),
            skip(#","sent_at":"#), let sentAt = integer()
        else { return nil }
        var event = EventFrame(
            id: EventID(Int64(id)), attempt: attempt, shard: shard, sequence: sequence, type: type, key: key,
            receivedAt: Int64(receivedAt), sentAt: Int64(sentAt), data: ByteBuffer())
        event.redelivered = skip(#","redelivered":true"#)
        event.deferred = skip(#","deferred":true"#)
        if skip(#","retry_of":"#) {
            guard let id = integer() else { return nil }
            event.retryOf = EventID(Int64(id))
        }
        return skip(#","d":"#) ? event : nil
    }

    /// Passes over a text if it stands here.
    private mutating func skip(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard bytes.count - position >= length, let base = bytes.baseAddress,
            memcmp(base + position, text.utf8Start, length) == 0
        else { return false }
        position += length
        return true
    }

    /// An integer in the range of the protocol's.
    private mutating func integer() -> Int? {
        let start = position
        var value = 0
        while position < bytes.count, position - start < Self.maximumDigits {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value * 10 + Int(digit)
            position += 1
        }
        let isJSON = position > start && (bytes[start] != UInt8(ascii: "0") || position - start == 1)
        return isJSON && FrameFields.integers.contains(value) ? value : nil
    }

    /// Of the largest integer that is allowed.
    private static let maximumDigits = 16

    /// What stands before the next quote, if that is plain ASCII and not nothing.
    private mutating func text() -> String? {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard 0x20..<0x7F ~= bytes[position], bytes[position] != UInt8(ascii: "\\") else { return nil }
            position += 1
        }
        guard position > start else { return nil }
        return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
    }
}
