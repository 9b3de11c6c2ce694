internal import Shared

/// Makes ids that carry the time of their making and always grow (reference.mdx, Snowflakes).
struct SnowflakeMint: Equatable, Sendable {
    private var last: UInt64 = 0

    /// A new id for this moment.
    /// - Parameter now: microseconds since 1970.
    mutating func next(at now: Int) -> Snowflake {
        let milliseconds = UInt64(max(0, now / 1000)) - min(UInt64(max(0, now / 1000)), Snowflake.epochMilliseconds)
        // Worker and process are 1 and 1, so that nobody takes them for zero.
        let candidate = milliseconds << 22 | 1 << 17 | 1 << 12
        last = candidate > last ? candidate : last + 1
        return Snowflake(last)
    }

    /// The id of something made in the past, which does not have to grow: `position` tells apart what is made in one
    /// millisecond.
    static func past(milliseconds: UInt64, position: UInt64 = 0) -> Snowflake {
        Snowflake((milliseconds - min(milliseconds, Snowflake.epochMilliseconds)) << 22 | position & 0xfff)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator that gives the same run for the same seed.
struct SeededGenerator: RandomNumberGenerator, Equatable, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// So many hexadecimal digits.
    mutating func hexadecimal(_ count: Int) -> String {
        var digits = ""
        while digits.count < count {
            let text = String(next(), radix: 16)
            digits += String(repeating: "0", count: 16 - text.count) + text
        }
        return String(digits.prefix(count))
    }
}
