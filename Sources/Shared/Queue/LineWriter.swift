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
        let count = Self.digits(of: value)
        precondition(end - next >= count, "a line is longer than was reckoned")
        // From the last digit to the first.
        var position = count
        var rest = value
        while rest >= 100 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            rest = quotient
            position &-= 2
            write(pair: pair, at: position)
        }
        if rest >= 10 {
            write(pair: rest, at: 0)
        } else {
            next.storeBytes(of: UInt8(ascii: "0") &+ UInt8(rest), as: UInt8.self)
        }
        next += count
    }

    /// How many decimal digits it has.
    private static func digits(of value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10_000 {
            rest /= 10_000
            count &+= 4
        }
        return rest < 10 ? count : rest < 100 ? count &+ 1 : rest < 1000 ? count &+ 2 : count &+ 3
    }

    @inline(__always)
    private func write(pair: UInt64, at position: Int) {
        let two = UnsafeRawPointer(Self.pairs.utf8Start).loadUnaligned(fromByteOffset: 2 &* Int(pair), as: UInt16.self)
        next.storeBytes(of: two, toByteOffset: position, as: UInt16.self)
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
