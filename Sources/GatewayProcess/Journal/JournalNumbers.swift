internal import NIOCore
internal import Shared

/// How far each shard's session was received, and the last event's id.
///
///     16 last id i64 · 24 whole u8 · 25 unused u8 · 26 count u16
///     then for each: shard u32 · length of session u16 · sequence i64 · session
struct JournalNumbers: Equatable {
    struct Entry: Equatable {
        let session: String
        var sequence: Int
    }

    var lastID: EventID
    /// Whether it names every shard; otherwise those that it does not name stay as they were.
    var isWhole: Bool
    var shards: [Int: Entry]

    private static let fixedBytes = 28
    private static let entryBytes = 14

    /// Takes in what a later record says.
    mutating func apply(_ later: JournalNumbers) {
        lastID = max(lastID, later.lastID)
        if later.isWhole { shards = later.shards } else { shards.merge(later.shards) { $1 } }
    }

    /// Takes in how far a queue in memory has come since.
    mutating func adopt(_ checkpoint: QueueCheckpoint) {
        lastID = max(lastID, checkpoint.lastID)
        guard checkpoint.isOfMemory else { return }
        for shard in checkpoint.shards {
            guard let contiguous = shard.contiguous else { continue }
            if let known = shards[shard.shard], known.session == shard.session, known.sequence >= contiguous {
                continue
            }
            shards[shard.shard] = Entry(session: shard.session, sequence: contiguous)
        }
    }

    /// Takes in one event's.
    mutating func apply(_ event: JournaledEvent) {
        lastID = max(lastID, event.id)
        // A retried dead letter has the numbers of an event long gone.
        guard event.retryOf == nil else { return }
        shards[event.shard] = Entry(session: event.session, sequence: event.sequence)
    }
}

extension JournalNumbers {
    /// Reads the record that begins there; nil if it is none.
    init?(in bytes: UnsafeRawBufferPointer, at offset: Int, length: Int) {
        guard length >= Self.fixedBytes, offset + length <= bytes.count else { return nil }
        let record = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
        lastID = EventID(record.littleEndian(Int64.self, at: 16))
        isWhole = record[24] != 0
        shards = [:]
        var next = Self.fixedBytes
        for _ in 0..<record.littleEndian(UInt16.self, at: 26) {
            guard next + Self.entryBytes <= length else { return nil }
            let shard = Int(record.littleEndian(UInt32.self, at: next))
            let count = Int(record.littleEndian(UInt16.self, at: next + 4))
            let sequence = Int(record.littleEndian(Int64.self, at: next + 6))
            guard let session = record.text(at: next + Self.entryBytes, count: count) else { return nil }
            shards[shard] = Entry(session: session, sequence: sequence)
            next += Self.entryBytes + count
        }
    }
}

extension ByteBuffer {
    mutating func writeRecord(_ numbers: JournalNumbers, index: UInt16, seed: UInt64) {
        writeRecord(.numbers, index: index, seed: seed) { record in
            record.writeInteger(numbers.lastID.rawValue, endianness: .little)
            record.writeInteger(UInt8(numbers.isWhole ? 1 : 0))
            record.writeInteger(UInt8(0))
            record.writeInteger(UInt16(truncatingIfNeeded: numbers.shards.count), endianness: .little)
            for (shard, entry) in numbers.shards.sorted(by: { $0.key < $1.key }) {
                record.writeInteger(UInt32(truncatingIfNeeded: shard), endianness: .little)
                let length = record.writerIndex
                record.writeInteger(UInt16(0))
                record.writeInteger(Int64(entry.sequence), endianness: .little)
                record.setInteger(record.writeShortText(entry.session), at: length, endianness: .little)
            }
        }
    }
}
