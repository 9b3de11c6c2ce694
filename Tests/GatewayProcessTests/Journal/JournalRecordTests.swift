internal import NIOCore
internal import Shared
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

@Suite struct JournalRecordTests {
    private static let event = JournaledEvent(
        id: EventID(1_764_000_000_000_007), shard: 3, session: "abc", sequence: 42, type: "MESSAGE_CREATE",
        key: QueueKey(keyClass: .guild, number: 81_384_788_765_712_384), receivedAt: 1_764_000_000_000_000,
        retryOf: nil, data: ByteBuffer(string: #"{"x":1}"#))

    private static func written(seed: UInt64 = 9) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeRecord(event, index: 7, seed: seed)
        return buffer
    }

    private func find(_ buffer: ByteBuffer, at offset: Int = 0, seed: UInt64 = 9) -> JournalRecord.Finding {
        buffer.withUnsafeReadableBytes { JournalRecord.find(in: $0, at: offset, seed: seed) }
    }

    @Test func `An event is read as it was written, also between others`() throws {
        var buffer = Self.written()
        let first = buffer.readableBytes
        #expect(first % JournalRecord.alignment == 0)
        var retried = Self.event
        retried.retryOf = EventID(5)
        retried.data = ByteBuffer(string: "null")
        buffer.writeRecord(retried, index: 8, seed: 9)
        guard case .record(let head) = find(buffer), case .record(let second) = find(buffer, at: first) else {
            Issue.record("no record found")
            return
        }
        #expect(head.kind == .event && head.index == 7 && head.stride == first)
        #expect(JournaledEvent(in: buffer, at: 0, length: head.length) == Self.event)
        #expect(second.index == 8)
        #expect(JournaledEvent(in: buffer, at: first, length: second.length) == retried)
    }

    @Test func `The form is pinned`() {
        // A change of these bytes is a change of the format: raise JournalHeader.format.
        let bytes = Array(Self.written().readableBytesView)
        #expect(Array(bytes[8..<16]) == [90, 0, 0, 0, 7, 0, 1, 0])
        #expect(Array(bytes[56..<66]) == [3, 0, 0, 0, 0, 0, 14, 0, 3, 0])
        #expect(String(decoding: bytes[66..<90], as: UTF8.self) == #"MESSAGE_CREATEabc{"x":1}"#)
        #expect(Array(bytes[0..<8]) == [113, 63, 240, 249, 201, 211, 101, 176])
    }

    @Test func `Whatever byte is wrong or missing, it is noticed`() {
        let good = Self.written()
        let length = 90
        for position in 0..<length {
            var bad = good
            let byte = bad.getInteger(at: position, as: UInt8.self) ?? 0
            bad.setInteger(byte ^ 0x10, at: position)
            if case .record = find(bad) { Issue.record("byte \(position)") }
        }
        for count in 0..<length {
            let cut = good.getSlice(at: 0, length: count) ?? ByteBuffer()
            guard case .incomplete = find(cut) else {
                Issue.record("\(count) bytes")
                continue
            }
        }
        #expect(find(good, seed: 10) == .damaged, "records of another segment")
    }

    @Test func `Numbers and notes are read as they were written`() throws {
        let numbers = JournalNumbers(
            lastID: EventID(12), isWhole: true,
            shards: [0: .init(session: "a", sequence: 1), 17: .init(session: "b\u{1F600}", sequence: 1 << 40)])
        let note = JournalNote(failures: 2, deaths: 1, isDeferred: true, reasons: ["no", "ÄÖ"])
        var buffer = ByteBuffer()
        buffer.writeRecord(numbers, index: 0, seed: 1)
        let second = buffer.readableBytes
        buffer.writeRecord(note, about: 300, index: 0, seed: 1)
        guard case .record(let first) = find(buffer, seed: 1),
            case .record(let last) = find(buffer, at: second, seed: 1)
        else {
            Issue.record("no record found")
            return
        }
        buffer.withUnsafeReadableBytes { bytes in
            #expect(JournalNumbers(in: bytes, at: 0, length: first.length) == numbers)
            let read = JournalNote.read(in: bytes, at: second, length: last.length)
            #expect(read?.about == 300 && read?.note == note)
        }
    }

    @Test func `Damage in the middle costs what is damaged, at the end it ends the walk`() {
        var buffer = Self.written()
        let stride = buffer.readableBytes
        buffer.writeImmutableBuffer(Self.written())
        buffer.writeImmutableBuffer(Self.written())
        buffer.setInteger(UInt8(0), at: stride + 70)
        var found: [Int] = []
        let whole = JournalWalk.walk(buffer, seed: 9) { found.append($1) }
        #expect(found == [0, 2 * stride] && whole.end == 3 * stride && whole.damaged == stride)
        found = []
        let cut = JournalWalk.walk(buffer, seed: 9, stopsAtDamage: true) { found.append($1) }
        #expect(found == [0] && cut.end == stride)
    }

    @Test func `A header tells what is ours`() throws {
        let header = JournalHeader(
            segment: 5, markCapacity: 64, seed: 77, journal: UUIDBytes(repeatElement(1, count: 16)),
            boot: UUIDBytes(repeatElement(2, count: 16)))
        #expect(header.encoded.readableBytes == JournalHeader.bytes)
        #expect(try JournalHeader(reading: header.encoded, of: 5) == header)
        let refusals: [(ByteBuffer, JournalHeader.Unreadable)] = [
            (ByteBuffer(), .unfinished), (ByteBuffer(repeating: 0, count: 4096), .unfinished),
            (ByteBuffer(repeating: 65, count: 4096), .foreign("it does not begin as a journal's segment does")),
            (changed(header, at: 8, to: 2), .foreign("its format is 2, this release knows 1")),
            (changed(header, at: 33, to: 9), .damaged),
            (torn(header, after: 5), .damaged), (torn(header, after: 9), .damaged), (torn(header, after: 70), .damaged),
        ]
        for (bytes, refusal) in refusals {
            #expect(throws: refusal) { try JournalHeader(reading: bytes, of: 5) }
        }
        #expect(throws: JournalHeader.Unreadable.misnamed(header)) {
            try JournalHeader(reading: header.encoded, of: 6)
        }
    }

    /// As an interrupted write leaves it.
    private func torn(_ header: JournalHeader, after count: Int) -> ByteBuffer {
        var bytes = ByteBuffer(header.encoded.readableBytesView.prefix(count))
        bytes.writeRepeatingByte(0, count: JournalHeader.bytes - count)
        return bytes
    }

    private func changed(_ header: JournalHeader, at offset: Int, to byte: UInt8) -> ByteBuffer {
        var bytes = header.encoded
        bytes.setInteger(byte, at: offset)
        return bytes
    }

    @Test func `A UUID is read as it is told`() {
        let text = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"
        #expect(UUIDBytes(text)?.description == text)
        #expect(UUIDBytes("f81d4fae") == nil)
        var random = SeededGenerator(seed: 1)
        #expect(UUIDBytes("\(UUIDBytes(using: &random))") != nil)
    }
}
