internal import CXXHash
internal import NIOCore
internal import Shared

/// The form of records in a segment.
///
/// Integers are little-endian, and each record begins at a multiple of 8:
///
///     0  checksum u64, XXH3 over the rest, seeded with the segment's seed
///     8  length   u32, of the whole record without the padding behind it
///     12 index    u16, number in the segment
///     14 kind     u8
///     15 unused   u8
///     16 …        as the kind says
///
/// A record that a crash cut off or a disk mangled is known by its checksum; the seed keeps what an earlier file left in the same
/// blocks from passing for one.
enum JournalRecord {
    enum Kind: UInt8, Sendable {
        /// One event.
        case event = 1
        /// How far sessions were received, for dispatches that left no event.
        case numbers = 2
        /// What has happened to an event of the same segment.
        case note = 3
    }

    /// What all records have.
    struct Head: Equatable, Sendable {
        let length: Int
        let index: UInt16
        let kind: Kind

        /// From this record's beginning to the next one's.
        var stride: Int { JournalRecord.padded(length) }
    }

    enum Finding: Equatable {
        case record(Head)
        /// It goes on behind what there is to read: so many bytes it has, if its length is to be believed.
        case incomplete(length: Int)
        case damaged
    }

    static let headBytes = 16
    static let alignment = 8
    /// Longer ones are none of ours: a payload is at most 16 MiB.
    static let maximumBytes = 32 << 20

    static func padded(_ length: Int) -> Int { (length + alignment - 1) & ~(alignment - 1) }

    /// Looks at the record that begins there.
    static func find(in bytes: UnsafeRawBufferPointer, at offset: Int, seed: UInt64) -> Finding {
        guard offset + headBytes <= bytes.count else { return .incomplete(length: headBytes) }
        let length = Int(bytes.littleEndian(UInt32.self, at: offset + 8))
        guard length >= headBytes, length <= maximumBytes,
            let kind = Kind(rawValue: bytes[offset + 14])
        else { return .damaged }
        guard offset + length <= bytes.count else { return .incomplete(length: length) }
        let record = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
        guard record.littleEndian(UInt64.self, at: 0) == checksum(of: record, seed: seed) else { return .damaged }
        return .record(Head(length: length, index: record.littleEndian(UInt16.self, at: 12), kind: kind))
    }

    fileprivate static func checksum(of record: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        guard let base = record.baseAddress else { return 0 }
        return xxh3_64bits(base + 8, record.count - 8, seed)
    }
}

extension ByteBuffer {
    /// Appends a record of known length, padding excluded; `body` writes what its kind has behind the head to its place. Asks
    /// for room once, since this is done for every event.
    mutating func writeRecord(
        _ kind: JournalRecord.Kind, length: Int, index: UInt16, seed: UInt64,
        _ body: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let stride = JournalRecord.padded(length)
        _ = writeWithUnsafeMutableBytes(minimumWritableBytes: stride) { room in
            let record = UnsafeMutableRawBufferPointer(rebasing: room[..<stride])
            body(record)
            record.storeBytes(of: UInt32(length).littleEndian, toByteOffset: 8, as: UInt32.self)
            record.storeBytes(of: index.littleEndian, toByteOffset: 12, as: UInt16.self)
            record[14] = kind.rawValue
            record[15] = 0
            for position in length..<stride { record[position] = 0 }
            let whole = UnsafeRawBufferPointer(rebasing: record[..<length])
            let checksum = JournalRecord.checksum(of: whole, seed: seed)
            record.storeBytes(of: checksum.littleEndian, toByteOffset: 0, as: UInt64.self)
            return stride
        }
    }

    /// Appends a record; `body` writes what its kind has behind the head.
    mutating func writeRecord(
        _ kind: JournalRecord.Kind, index: UInt16, seed: UInt64, _ body: (inout ByteBuffer) -> Void
    ) {
        let start = writerIndex
        writeRepeatingByte(0, count: JournalRecord.headBytes)
        body(&self)
        let length = writerIndex - start
        setInteger(UInt32(length), at: start + 8, endianness: .little)
        setInteger(index, at: start + 12, endianness: .little)
        setInteger(kind.rawValue, at: start + 14)
        let from = start - readerIndex
        let checksum = withUnsafeReadableBytes { bytes in
            JournalRecord.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[from..<from + length]), seed: seed)
        }
        setInteger(checksum, at: start, endianness: .little)
        writeRepeatingByte(0, count: JournalRecord.padded(length) - length)
    }

    /// Appends text whose length fits 16 bits; nothing that Discord names is longer.
    /// - Returns: its length in bytes.
    mutating func writeShortText(_ text: String) -> UInt16 {
        let limit = Int(UInt16.max)
        if text.utf8.count <= limit { return UInt16(writeString(text)) }
        return UInt16(writeBytes(text.utf8.prefix(limit)))
    }
}

extension UnsafeRawBufferPointer {
    /// An integer as records have it. The caller has made sure that it is there.
    func littleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(_ type: Integer.Type, at offset: Int) -> Integer {
        Integer(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// Text between two offsets; nil if it is not there.
    func text(at offset: Int, count: Int) -> String? {
        guard count >= 0, offset >= 0, offset + count <= self.count else { return nil }
        return String(decoding: self[offset..<offset + count], as: UTF8.self)
    }
}
