/// One of Discord's ids: 64 bits whose upper 42 are the time of creation (reference.mdx, Snowflakes).
public struct Snowflake: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 2015-01-01T00:00:00Z in milliseconds since 1970, where Discord's time begins.
    public static let epochMilliseconds: UInt64 = 1_420_070_400_000

    /// The id as a number.
    public let rawValue: UInt64

    /// Wraps a number.
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Reads a decimal string without sign or leading zero, as Discord sends it; nil if it is anything else.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let id = text.withUTF8({ Snowflake(decimal: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    /// Reads decimal digits.
    public init?(decimal bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, bytes.count <= 20, bytes.count == 1 || bytes[0] != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        var position = 0
        let base = bytes.baseAddress.unsafelyUnwrapped
        while position &+ 8 <= bytes.count {
            guard let eight = Self.eightDigits(base.loadUnaligned(fromByteOffset: position, as: UInt64.self)) else {
                return nil
            }
            value = value &* 100_000_000 &+ eight
            position &+= 8
        }
        // Nineteen digits always fit.
        while position < min(bytes.count, 19) {
            let digit = base.load(fromByteOffset: position, as: UInt8.self) &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            position &+= 1
        }
        if bytes.count == 20 {
            let digit = bytes[19] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit))
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        rawValue = value
    }

    /// The number that eight bytes spell, all of them at once: neighbours are joined to pairs, fours and eight. Nil if one is no digit.
    private static func eightDigits(_ bytes: UInt64) -> UInt64? {
        let digits = UInt64(littleEndian: bytes) &- 0x3030_3030_3030_3030
        // A byte below "0" borrows, and one above "9" carries, into the upper half of some byte.
        guard (digits | (digits &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 == 0 else { return nil }
        let pairs = (digits &* 10 &+ digits >> 8) & 0x00FF_00FF_00FF_00FF
        let fours = (pairs &* 100 &+ pairs >> 16) & 0x0000_FFFF_0000_FFFF
        return (fours &* 10_000 &+ fours >> 32) & 0xFFFF_FFFF
    }

    /// When it was made, in milliseconds since 1970.
    public var millisecondsSince1970: UInt64 { (rawValue >> 22) + Self.epochMilliseconds }

    /// The shard that gets this guild's events (gateway.mdx, Sharding).
    public func shard(of count: Int) -> Int { Int((rawValue >> 22) % UInt64(count)) }

    /// Decimal digits.
    public var description: String { String(rawValue) }

    /// By number, which is by time of creation to within a millisecond.
    public static func < (left: Snowflake, right: Snowflake) -> Bool { left.rawValue < right.rawValue }
}
