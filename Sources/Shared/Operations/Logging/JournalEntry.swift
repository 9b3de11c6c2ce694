internal import Logging
internal import NIOCore

extension ByteBuffer {
    /// Longest value of a field, in bytes. A datagram holds about 200 KiB (net.core.wmem_max), which so are never reached.
    private static let longestValue = 16 << 10

    /// Appends an entry with the fields of systemd.journal-fields(7), and each metadata value as one of its own.
    mutating func writeJournalEntry(_ entry: LogEntry) {
        writeField("MESSAGE", entry.message)
        writeField("PRIORITY", String(entry.level.priority))
        writeField("SYSLOG_IDENTIFIER", entry.label)
        writeField("OLIM_LEVEL", entry.level.rawValue)
        if let error = entry.error { writeField("OLIM_ERROR", error) }
        for (key, value) in entry.metadata.sorted(by: { $0.key < $1.key }) {
            writeField("OLIM_" + Self.journalName(key), value.description)
        }
    }

    /// `NAME=value` and a line break; a value that has one itself goes behind its length (64 bits, little-endian).
    private mutating func writeField(_ name: String, _ value: String) {
        let bytes = value.utf8.prefix(Self.longestValue)
        writeString(name)
        if bytes.contains(UInt8(ascii: "\n")) {
            writeInteger(UInt8(ascii: "\n"))
            writeInteger(UInt64(bytes.count), endianness: .little)
        } else {
            writeInteger(UInt8(ascii: "="))
        }
        writeBytes(bytes)
        writeInteger(UInt8(ascii: "\n"))
    }

    /// A field's name has capital letters, digits and underscores only, and at most 64 of them.
    private static func journalName(_ key: String) -> String {
        let bytes = key.uppercased().utf8.prefix(64 - "OLIM_".count).map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: UInt8(ascii: "_")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
