internal import NIOCore

/// What has happened to an unfinished event: written behind it, into the same segment, each time as a whole.
///
///     16 index of the event u16 · 18 failures u16 · 20 deaths u16 · 22 deferred u8 · 23 number of reasons u8
///     then for each reason: length u16 · text
struct JournalNote: Equatable, Sendable {
    var failures = 0
    var deaths = 0
    var isDeferred = false
    /// Of the counted failures, the last ones if they are very many.
    var reasons: [String] = []

    /// More reasons, or longer ones, tell nobody more.
    static let maximumReasons = 200
    static let maximumReasonBytes = 2_000

    private static let fixedBytes = 24

    /// Reads the record that begins there, and which event of its segment it is about; nil if it is none.
    static func read(
        in bytes: UnsafeRawBufferPointer, at offset: Int, length: Int
    ) -> (about: UInt16, note: JournalNote)? {
        guard length >= fixedBytes, offset + length <= bytes.count else { return nil }
        let record = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
        var note = JournalNote()
        note.failures = Int(record.littleEndian(UInt16.self, at: 18))
        note.deaths = Int(record.littleEndian(UInt16.self, at: 20))
        note.isDeferred = record[22] != 0
        var next = fixedBytes
        for _ in 0..<record[23] {
            guard next + 2 <= length else { return nil }
            let count = Int(record.littleEndian(UInt16.self, at: next))
            guard let reason = record.text(at: next + 2, count: count) else { return nil }
            note.reasons.append(reason)
            next += 2 + count
        }
        return (record.littleEndian(UInt16.self, at: 16), note)
    }
}

extension ByteBuffer {
    mutating func writeRecord(_ note: JournalNote, about event: UInt16, index: UInt16, seed: UInt64) {
        writeRecord(.note, index: index, seed: seed) { record in
            record.writeInteger(event, endianness: .little)
            record.writeInteger(UInt16(clamping: note.failures), endianness: .little)
            record.writeInteger(UInt16(clamping: note.deaths), endianness: .little)
            record.writeInteger(UInt8(note.isDeferred ? 1 : 0))
            let reasons = note.reasons.suffix(JournalNote.maximumReasons)
            record.writeInteger(UInt8(reasons.count))
            for reason in reasons {
                let bytes = reason.utf8.prefix(JournalNote.maximumReasonBytes)
                record.writeInteger(UInt16(bytes.count), endianness: .little)
                record.writeBytes(bytes)
            }
        }
    }
}
