internal import Shared

/// New command names per scope in the last day, of which there may be 200 (application-commands.mdx).
struct CommandCreates: Equatable {
    /// Microseconds.
    private static let day = 86_400_000_000

    private var times: [Snowflake?: [Int]] = [:]

    /// Takes so many, if there are so many left.
    mutating func spend(_ count: Int, in scope: Snowflake?, at now: Int) -> Bool {
        let recent = (times[scope] ?? []).filter { now - $0 < Self.day }
        guard recent.count + count <= CommandRules.maximumCreatesPerDay else { return false }
        times[scope] = recent + Array(repeating: now, count: count)
        return true
    }
}
