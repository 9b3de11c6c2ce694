import Logging
import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// Rows of messages: what every engine promises, asked of each.
@Suite struct OutgoingMessageConformanceTests {
    private static let channel = Snowflake(81_384_788_765_712_384)

    @Test(arguments: Engine.allCases)
    func `a message is new, then begun, then sent, for every worker`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let stores = [try await database.openMigrated(), try await database.openMigrated()]
        guard case .new(let beginning) = try await stores[0].beginMessage("n", in: Self.channel) else {
            Issue.record("there was a row")
            return
        }
        // By the clock of the database, which is this machine's.
        #expect(abs(beginning - ProcessClock.wallMicroseconds) < 3_600_000_000)
        guard case .begun(beginning, let age, Self.channel) = try await stores[1].beginMessage("n", in: Snowflake(5))
        else {
            Issue.record("it was not begun")
            return
        }
        #expect(age >= .zero && age < .seconds(3600))
        try await stores[1].recordMessage("n", in: Self.channel, id: Snowflake(.max))
        #expect(try await stores[0].beginMessage("n", in: Self.channel) == .sent(Snowflake(.max)))
        // Withdrawn too late, and recorded by one who was not told the id.
        try await stores[0].withdrawMessage("n", begun: beginning)
        try await stores[0].recordMessage("n", in: Self.channel, id: nil)
        #expect(try await stores[0].beginMessage("n", in: Self.channel) == .sent(Snowflake(.max)))
        guard case .new = try await stores[0].beginMessage("m", in: Self.channel) else {
            Issue.record("nonces are mixed up")
            return
        }
        for store in stores { await store.close() }
    }

    @Test(arguments: Engine.allCases)
    func `the age is counted from the first beginning, and of those who begin again one is let`(
        engine: Engine
    ) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        _ = try await store.beginMessage("n", in: Self.channel)
        try await database.run("UPDATE outgoing_message SET begun_at = begun_at - 7200000000")
        guard case .begun(let old, let age, _) = try await store.beginMessage("n", in: Self.channel) else {
            Issue.record("it was not begun")
            return
        }
        #expect(age >= .seconds(7200))
        let again = try await withThrowingTaskGroup(of: Int64?.self) { tasks in
            for _ in 0..<4 {
                tasks.addTask { try await store.beginMessageAgain("n", in: Snowflake(6), after: old) }
            }
            return try await tasks.reduce(into: [Int64]()) { $0 += [$1].compactMap(\.self) }
        }
        let beginning = try #require(again.first)
        #expect(again.count == 1)
        guard case .begun(beginning, _, Snowflake(6)) = try await store.beginMessage("n", in: Self.channel) else {
            Issue.record("it was not begun again where it is wanted")
            return
        }
        // Whoever had begun earlier has nothing to withdraw any more.
        try await store.withdrawMessage("n", begun: old)
        #expect(try await database.run("SELECT nonce FROM outgoing_message") == ["n"])
        try await store.withdrawMessage("n", begun: beginning)
        #expect(try await database.run("SELECT nonce FROM outgoing_message") == [])
        try await store.recordMessage("n", in: Self.channel, id: nil)
        #expect(try await store.beginMessage("n", in: Self.channel) == .sent(nil))
        #expect(try await store.beginMessageAgain("n", in: Self.channel, after: beginning) == nil)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `of many that begin at once one is the first`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let stores = [try await database.openMigrated(), try await database.openMigrated()]
        let states = try await withThrowingTaskGroup(of: OutgoingMessageState.self) { tasks in
            for index in 0..<20 {
                tasks.addTask { try await stores[index % 2].beginMessage("n", in: Self.channel) }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(states.count == 20)
        #expect(states.count { if case .new = $0 { true } else { false } } == 1)
        for store in stores { await store.close() }
    }

    @Test(arguments: Engine.allCases)
    func `old records go, however many, and younger ones and runs that are still to be made stay`(
        engine: Engine
    ) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        let numbers =
            engine == .sqlite
            ? "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n)"
            : "generate_series(1, 2500) AS n (i)"
        try await database.run(
            "INSERT INTO outgoing_message (nonce, channel_id, begun_at) SELECT 'old' || i, 1, i FROM \(numbers)")
        _ = try await store.beginMessage("young", in: Self.channel)
        for (state, due) in [("done", 5), ("failed", 5), ("skipped", 5), ("due", 5), ("posted", 5), ("done", 1 << 60)] {
            try await database.run(
                """
                INSERT INTO daily_run (guild_id, task, local_date, due_at, claimable_at, state)
                VALUES (1, '\(state)', '20\(due == 5 ? 25 : 99)-01-01', \(due), 0, '\(state)')
                """)
        }
        await Housekeeping(store: store, logger: .silent, age: .seconds(86_400)) { throw CancellationError() }.run()
        #expect(try await database.run("SELECT nonce FROM outgoing_message") == ["young"])
        let left = try await database.run("SELECT task || local_date FROM daily_run ORDER BY 1")
        #expect(left == ["done2099-01-01", "due2025-01-01", "posted2025-01-01"])
        #expect(try await store.forgetRecords(olderThan: .seconds(86_400)) == 0)
        await store.close()
    }

    // MARK: Settings

    @Test(arguments: Engine.allCases)
    func `settings are as the latest event left them, in whatever order events come`(engine: Engine) async throws {
        let guild = Snowflake(5)
        let store = try await TestDatabase(engine).openMigrated()
        for (channel, event) in [(1, 10), (2, 20), (1, 10), (3, 19), (2, 20)] as [(UInt64, Int64)] {
            try await store.change(.welcome(channel: Snowflake(channel), text: nil), of: guild, event: EventID(event))
        }
        #expect(try await store.configuration(of: guild).welcomeChannel == Snowflake(2))
        try await store.forgetWelcomeChannel(Snowflake(1), of: guild)
        #expect(try await store.configuration(of: guild).welcomeChannel == Snowflake(2))
        try await store.forgetWelcomeChannel(Snowflake(2), of: guild)
        #expect(try await store.configuration(of: guild).welcomeChannel == nil)
        // Switching off is a change like others.
        try await store.change(.welcome(channel: nil, text: nil), of: guild, event: EventID(30))
        try await store.change(.welcome(channel: Snowflake(4), text: nil), of: guild, event: EventID(29))
        #expect(try await store.configuration(of: guild).welcomeChannel == nil)
        await store.close()
    }
}
