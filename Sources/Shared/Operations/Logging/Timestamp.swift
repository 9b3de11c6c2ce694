internal import Glibc
internal import NIOCore

extension ByteBuffer {
    /// Appends a time in microseconds since 1970 as RFC 3339 in UTC, to the millisecond: `2026-11-24T02:09:25.123Z`.
    mutating func writeTimestamp(_ microseconds: Int64) {
        var seconds = time_t(microseconds.flooredQuotient(1_000_000))
        var parts = tm()
        gmtime_r(&seconds, &parts)
        writeDigits(Int(parts.tm_year) + 1900, width: 4)
        writeInteger(UInt8(ascii: "-"))
        writeDigits(Int(parts.tm_mon) + 1, width: 2)
        writeInteger(UInt8(ascii: "-"))
        writeDigits(Int(parts.tm_mday), width: 2)
        writeInteger(UInt8(ascii: "T"))
        writeTime(parts, microseconds)
        writeInteger(UInt8(ascii: "Z"))
    }

    /// Appends the local time of day, to the millisecond: `02:09:25.123`.
    mutating func writeTimeOfDay(_ microseconds: Int64) {
        var seconds = time_t(microseconds.flooredQuotient(1_000_000))
        var parts = tm()
        localtime_r(&seconds, &parts)
        writeTime(parts, microseconds)
    }

    private mutating func writeTime(_ parts: tm, _ microseconds: Int64) {
        writeDigits(Int(parts.tm_hour), width: 2)
        writeInteger(UInt8(ascii: ":"))
        writeDigits(Int(parts.tm_min), width: 2)
        writeInteger(UInt8(ascii: ":"))
        writeDigits(Int(parts.tm_sec), width: 2)
        writeInteger(UInt8(ascii: "."))
        let within = microseconds - microseconds.flooredQuotient(1_000_000) * 1_000_000
        writeDigits(Int(within / 1000), width: 3)
    }

    private mutating func writeDigits(_ value: Int, width: Int) {
        var unit = 1
        for _ in 1..<width { unit *= 10 }
        while unit > 0 {
            writeInteger(UInt8(ascii: "0") + UInt8(value / unit % 10))
            unit /= 10
        }
    }
}

extension Int64 {
    /// Rounds down, also below zero.
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
    }
}
