internal import Glibc
internal import NIOCore

/// Writes the parts of a line one behind the other into room that is known to be enough for all of them.
struct LineWriter {
    /// More than an event's line takes beside its type and its data, with every number at its longest.
    static let eventOverhead = 320

    private var next: UnsafeMutableRawPointer
    private let end: UnsafeMutableRawPointer

    fileprivate init(_ room: UnsafeMutableRawPointer, count: Int) {
        next = room
        end = room + count
    }

    /// Whether a text stands in JSON as it is, between quotes (RFC 8259, section 7).
    @inline(__always)
    static func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in text where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
        return true
    }

    @inline(__always)
    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        // Against a bound that is wrong; it costs nothing beside the copy.
        precondition(bytes.count <= end - next, "a line is longer than was reckoned")
        guard let base = bytes.baseAddress else { return }
        memcpy(next, base, bytes.count)
        next += bytes.count
    }

    @inline(__always)
    mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func write(decimal value: Int64) {
        if value < 0 { write("-") }
        write(decimal: value.magnitude)
    }

    mutating func write(decimal value: UInt64) {
        precondition(end - next >= Self.maximumDigits, "a line is longer than was reckoned")
        // Written from the right end of where the longest number would stand, and moved to where the line ends.
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { digits in
            var position = Self.maximumDigits
            var rest = value
            while rest >= 100 {
                let pair = rest % 100
                rest /= 100
                position -= 2
                Self.copy(pair: Int(pair), to: digits, at: position)
            }
            if rest >= 10 {
                position -= 2
                Self.copy(pair: Int(rest), to: digits, at: position)
            } else {
                position -= 1
                digits[position] = UInt8(ascii: "0") + UInt8(rest)
            }
            let count = Self.maximumDigits - position
            next.copyMemory(from: digits.baseAddress.unsafelyUnwrapped + position, byteCount: count)
            next += count
        }
    }

    /// Of a 64-bit number.
    private static let maximumDigits = 20

    @inline(__always)
    private static func copy(pair: Int, to digits: UnsafeMutableRawBufferPointer, at position: Int) {
        let two = UnsafeRawPointer(pairs.utf8Start).loadUnaligned(fromByteOffset: 2 * pair, as: UInt16.self)
        digits.storeBytes(of: two, toByteOffset: position, as: UInt16.self)
    }

    /// 00 to 99: two digits at a time take half as many divisions.
    private static var pairs: StaticString {
        """
        0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
        5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """
    }

    fileprivate func count(from start: UnsafeMutableRawPointer) -> Int { next - start }
}

extension ByteBuffer {
    /// Appends what `body` writes, at most so many bytes.
    mutating func writeLine(of bound: Int, _ body: (inout LineWriter) -> Void) {
        _ = writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { room in
            guard let start = room.baseAddress else { return 0 }
            var line = LineWriter(start, count: room.count)
            body(&line)
            return line.count(from: start)
        }
    }
}
