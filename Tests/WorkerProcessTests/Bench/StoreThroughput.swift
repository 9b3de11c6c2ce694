import Glibc
import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// Not a test but a contestant of `./olim bench activity`, which sets the environment: how many messages a second a store counts,
/// written behind as the worker does, or with one statement for each, as a bot does that thinks nothing of it.
@Suite(.enabled(if: getenv("OLIM_BENCH_STORE") != nil, "only for ./olim bench activity")) struct StoreThroughput {
    @Test func `The store counts as fast as it can`() async throws {
        let database = try await database()
        let events = try #require(Int(setting("EVENTS")))
        let isBehind = setting("WAY") == "behind"
        let store = try await database.openMigrated()
        let all = Self.events(events)
        let clock = ContinuousClock()
        let time = try await clock.measure {
            if isBehind {
                let size = WriteBehind<ActivityEvent>.standardBatchLimit
                for start in stride(from: 0, to: all.count, by: size) {
                    try await store.recordActivity(Array(all[start..<min(start + size, all.count)]))
                }
            } else {
                try await Self.countOneByOne(all, store)
            }
        }
        await store.close()
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        print(#"{"events":\#(events),"seconds":\#(seconds)}"#)
        fflush(nil)
    }

    /// PostgreSQL as it is installed waits for the disk at each commit; with `fsync` off, which nobody runs it with, what a statement
    /// costs by itself shows.
    private func database() async throws -> TestDatabase {
        let engine = try #require(Engine(rawValue: setting("STORE")))
        guard engine == .postgresql else { return try await TestDatabase(engine) }
        var options = PostgresServer.Options()
        options.settings["fsync"] = setting("FSYNC")
        return try await TestDatabase(engine, in: PostgresServer.start(options))
    }

    private func setting(_ name: String) -> String { getenv("OLIM_BENCH_\(name)").map { String(cString: $0) } ?? "" }

    /// A thousand guilds, of which few have most of the messages, with 20 members each.
    private static func events(_ count: Int) -> [ActivityEvent] {
        var random = SplitMix(state: 7)
        return (0..<count).map { number in
            let draw = Double.random(in: 0..<1, using: &random)
            let guild = Snowflake(UInt64(1 + Int(1000 * draw * draw * draw)))
            let member = Snowflake(guild.rawValue * 100 + UInt64.random(in: 0..<20, using: &random))
            return ActivityEvent(
                key: "guild:\(guild)", event: EventID(Int64(number + 1)), guild: guild, member: member, day: 20_000)
        }
    }

    /// With as many connections as the worker's pool has.
    private static func countOneByOne(_ events: [ActivityEvent], _ store: any Store) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<4 {
                group.addTask {
                    for place in stride(from: part, to: events.count, by: 4) {
                        let event = events[place]
                        switch store {
                        case let store as PostgresStore:
                            try await store.perform(.single) { session throws(PostgresError) in
                                try session.run(
                                    PostgresStatements.addMessages,
                                    ([event.guild], [event.member], [Int32(event.day)], [1]))
                            }
                        case let store as SQLiteStore:
                            try await store.write {
                                try $0.run(
                                    SQLiteStatements.addMessages, (event.guild, event.member, Int32(event.day), 1))
                            }
                        default: Issue.record("there is a third engine")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
