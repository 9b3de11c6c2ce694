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
    static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
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
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var position = 20
            var rest = value
            while rest >= 100 {
                let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
                position -= 2
                Self.copy(pair: Int(pair), to: digits, at: position)
                rest = quotient
            }
            if rest >= 10 {
                position -= 2
                Self.copy(pair: Int(rest), to: digits, at: position)
            } else {
                position -= 1
                digits[position] = UInt8(ascii: "0") + UInt8(rest)
            }
            write(UnsafeRawBufferPointer(rebasing: digits[position...]))
        }
    }

    @inline(__always)
    private static func copy(pair: Int, to digits: UnsafeMutableRawBufferPointer, at position: Int) {
        digits[position] = pairs.utf8Start[2 * pair]
        digits[position + 1] = pairs.utf8Start[2 * pair + 1]
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
