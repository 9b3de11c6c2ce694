internal import CXXHash
internal import NIOCore
internal import Shared

/// The first bytes of a segment: which format it has, whose it is.
///
///     0 "OLIMJRNL" · 8 format u32 · 12 room for marks u32 · 16 segment u32 · 20 unused u32 · 24 seed u64
///     32 journal, 16 bytes · 48 boot, 16 bytes · 64 checksum u64 over all before it
///
/// Behind it, from `bytes` on, one byte of marks for each record, and then the records.
struct JournalHeader: Equatable, Sendable {
    static let format: UInt32 = 1
    /// A page, so that marks are written to pages of their own.
    static let bytes = 4096
    private static let magic: StaticString = "OLIMJRNL"
    private static let usedBytes = 72

    var segment: UInt32
    /// Most records, and bytes set aside for their marks.
    var markCapacity: Int
    /// Mixed into the checksums of its records.
    var seed: UInt64
    /// Names the journal to workers.
    var journal: UUIDBytes
    /// Names the machine's run in which the segment was made (proc(5), random/boot_id).
    var boot: UUIDBytes

    var recordsOffset: Int { Self.bytes + markCapacity }

    enum Unreadable: Error, Equatable {
        /// Nothing but zeros or less than a header: its making was interrupted.
        case unfinished
        /// It began as ours and is not whole: its making was interrupted if nothing stands behind it.
        case damaged
        case foreign(String)
        /// It is whole, and another segment's.
        case misnamed(JournalHeader)
    }

    init(segment: UInt32, markCapacity: Int, seed: UInt64, journal: UUIDBytes, boot: UUIDBytes) {
        self.segment = segment
        self.markCapacity = markCapacity
        self.seed = seed
        self.journal = journal
        self.boot = boot
    }

    init(reading buffer: ByteBuffer, of segment: UInt32) throws(Unreadable) {
        let outcome: Result<JournalHeader, Unreadable> = buffer.withUnsafeReadableBytes { bytes in
            do throws(Unreadable) { return .success(try Self.read(bytes, of: segment)) } catch {
                return .failure(error)
            }
        }
        self = try outcome.get()
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, of segment: UInt32) throws(Unreadable) -> JournalHeader {
        guard bytes.count >= usedBytes, let last = bytes.prefix(usedBytes).lastIndex(where: { $0 != 0 }) else {
            throw .unfinished
        }
        let beginning = Self.beginning
        guard last >= beginning.count || !bytes[...last].elementsEqual(beginning[...last]) else { throw .damaged }
        guard bytes.prefix(8).elementsEqual(UnsafeRawBufferPointer(start: magic.utf8Start, count: 8)) else {
            throw .foreign("it does not begin as a journal's segment does")
        }
        let format = bytes.littleEndian(UInt32.self, at: 8)
        guard format == Self.format else {
            throw .foreign("its format is \(format), this release knows \(Self.format)")
        }
        guard bytes.littleEndian(UInt64.self, at: 64) == checksum(bytes) else {
            throw .damaged
        }
        let header = JournalHeader(
            segment: bytes.littleEndian(UInt32.self, at: 16),
            markCapacity: Int(bytes.littleEndian(UInt32.self, at: 12)), seed: bytes.littleEndian(UInt64.self, at: 24),
            journal: UUIDBytes(bytes[32..<48]), boot: UUIDBytes(bytes[48..<64]))
        guard header.segment == segment else { throw .misnamed(header) }
        return header
    }

    /// What every header of this format begins with.
    private static var beginning: [UInt8] {
        let number = Self.format.littleEndian
        return (0..<8).map { magic.utf8Start[$0] } + (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.baseAddress.map { xxh3_64bits($0, 64, 0) } ?? 0
    }

    /// The header as it is written: `bytes` long.
    var encoded: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeStaticString(Self.magic)
        buffer.writeInteger(Self.format, endianness: .little)
        buffer.writeInteger(UInt32(markCapacity), endianness: .little)
        buffer.writeInteger(segment, endianness: .little)
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(seed, endianness: .little)
        buffer.writeBytes(journal.bytes)
        buffer.writeBytes(boot.bytes)
        let checksum = buffer.withUnsafeReadableBytes(Self.checksum)
        buffer.writeInteger(checksum, endianness: .little)
        buffer.writeRepeatingByte(0, count: Self.bytes - buffer.readableBytes)
        return buffer
    }
}

/// A UUID as its 16 bytes (RFC 9562).
struct UUIDBytes: Equatable, Hashable, Sendable, CustomStringConvertible {
    static let zero = UUIDBytes(repeatElement(0, count: 16))

    let bytes: [UInt8]

    /// Takes 16 bytes, or fills up with zeros.
    init(_ bytes: some Sequence<UInt8>) {
        let taken = Array(bytes.prefix(16))
        self.bytes = taken + Array(repeating: 0, count: 16 - taken.count)
    }

    /// Reads the text form; nil if it is none.
    init?(_ text: some StringProtocol) {
        let digits = text.compactMap { $0 == "-" ? nil : $0.hexDigitValue }
        guard digits.count == 32, text.utf8.count == 36 else { return nil }
        self.init(stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
    }

    /// A new one at random: version 4, variant 1 (RFC 9562, section 5.4).
    init(using random: inout some RandomNumberGenerator) {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        self.init(bytes)
    }

    var description: String {
        let digits = Array("0123456789abcdef")
        return bytes.enumerated().map { position, byte in
            "\([4, 6, 8, 10].contains(position) ? "-" : "")\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }.joined()
    }
}
