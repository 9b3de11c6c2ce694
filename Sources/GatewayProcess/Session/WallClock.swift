internal import Shared

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The time of day, for what must be understood outside this process or after it.
enum WallClock {
    /// Microseconds since 1970.
    static func now() -> Int64 {
        ProcessClock.wallMicroseconds
    }

    /// A time as people and logs read it, such as `2026-11-24T02:30:00Z`.
    static func text(_ microseconds: Int64) -> String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        var characters = [CChar](repeating: 0, count: 32)
        guard gmtime_r(&seconds, &parts) != nil,
            strftime(&characters, characters.count, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0
        else { return "\(microseconds)" }
        return String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
