import Logging
import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// Rows of daily runs: what every engine promises, asked of each.
@Suite struct DailyRunConformanceTests {
    private static let task = "quote"
    private static let lease: Duration = .seconds(600)

    private static func planned(
        _ guild: UInt64, due: Int64 = 0, task: String = task, day: Int = 6
    ) throws -> PlannedRun {
        let date = try #require(LocalDate(year: 2026, month: 8, day: day))
        return PlannedRun(key: DailyRun.Key(guild: Snowflake(guild), task: task, date: date), dueAt: due)
    }

    private static func states(_ database: TestDatabase) async throws -> [String] {
        try await database.run("SELECT guild_id, state, attempts FROM daily_run ORDER BY guild_id, task, local_date")
    }

    /// What time does to the lease of a worker that died.
    private static func endLeases(_ database: TestDatabase) async throws {
        try await database.run("UPDATE daily_run SET claimable_at = 0 WHERE state IN ('running', 'posted')")
    }

    @Test(arguments: Engine.allCases)
    func `a run that is due is claimed once, renewed, posted and done`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        let plan = try Self.planned(1, due: 1000)
        try await store.planRuns([plan])
        let run = try #require(try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease).first)
        #expect(run.key == plan.key)
        #expect(run.dueAt == 1000)
        #expect(run.attempts == 1)
        #expect(run.post == nil)
        #expect(try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease) == [])
        #expect(try await store.renewRun(run, lease: Self.lease))
        let post = DailyRun.Post(channel: Snowflake(7), message: Snowflake(.max))
        #expect(try await store.recordPost(post, of: run))
        #expect(try await Self.states(database) == ["1|posted|1"])
        #expect(try await store.endRun(run, .done))
        // An answer can get lost.
        #expect(try await store.endRun(run, .done))
        #expect(try await !store.endRun(run, .failed("no")))
        #expect(try await !store.renewRun(run, lease: Self.lease))
        #expect(try await Self.states(database) == ["1|done|1"])
        #expect(try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease) == [])
        // Planned again by whoever does not know.
        try await store.planRuns([plan])
        #expect(try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease) == [])
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `only what is due is claimed, of tasks one knows, the longest waiting first`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        let later = ProcessClock.wallMicroseconds + 3_600_000_000
        try await store.planRuns([
            try Self.planned(1, due: 30), try Self.planned(2, due: 10), try Self.planned(3, due: 20),
            try Self.planned(4, due: later), try Self.planned(5, task: "of \"a\" later, release"),
        ])
        let first = try await store.claimRuns(of: [Self.task, "another"], limit: 2, lease: Self.lease)
        #expect(first.map(\.key.guild) == [Snowflake(2), Snowflake(3)])
        #expect(Set(first.map(\.lease)).count == 1)
        let second = try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease)
        #expect(second.map(\.key.guild) == [Snowflake(1)])
        #expect(try await store.claimRuns(of: [], limit: 9, lease: Self.lease) == [])
        let third = try await store.claimRuns(of: ["of \"a\" later, release"], limit: 9, lease: Self.lease)
        #expect(third.map(\.key.guild) == [Snowflake(5)])
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a run that has not begun moves to its new time, and one that has does not`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        let later = ProcessClock.wallMicroseconds + 3_600_000_000
        try await store.planRuns([try Self.planned(1, due: 5), try Self.planned(2, due: later)])
        try await store.planRuns([
            try Self.planned(1, due: later), try Self.planned(2, due: 5), try Self.planned(2, due: 5),
        ])
        let runs = try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease)
        #expect(runs.map(\.key.guild) == [Snowflake(2)])
        try await store.planRuns([try Self.planned(2, due: 7)])
        try await store.planRuns([])
        #expect(try await database.run("SELECT due_at FROM daily_run WHERE guild_id = 2") == ["5"])
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `workers that race claim each run once`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let stores = [try await database.openMigrated(), try await database.openMigrated()]
        try await stores[0].planRuns(try (1...60).map { try Self.planned($0, due: Int64($0)) })
        let claimed = try await withThrowingTaskGroup(of: [DailyRun].self) { tasks in
            for index in 0..<8 {
                tasks.addTask {
                    var mine: [DailyRun] = []
                    while true {
                        let runs = try await stores[index % 2].claimRuns(of: [Self.task], limit: 3, lease: Self.lease)
                        if runs.isEmpty { return mine }
                        mine += runs
                    }
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
        // What another was claiming at that moment is passed over, so that the last may have found nothing too early.
        let rest = try await stores[0].claimRuns(of: [Self.task], limit: 60, lease: Self.lease)
        #expect((claimed + rest).map(\.key.guild.rawValue).sorted() == Array(1...60))
        for store in stores { await store.close() }
    }

    @Test func `a claim passes over what another is claiming, instead of waiting for it`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated()
        let postgres = try #require(store as? PostgresStore)
        try await store.planRuns([try Self.planned(1, due: 1), try Self.planned(2, due: 2)])
        let (locked, claimed) = (Counter(), Counter())
        async let other: Void = postgres.perform(.transaction) { session throws(PostgresError) in
            try session.execute("SELECT 1 FROM daily_run WHERE guild_id = 1 FOR UPDATE")
            _ = locked.next()
            // Ends with the test's deadline if the claim waits for it.
            var rounds = 0
            while claimed.value == 0, rounds < 2000 {
                try session.execute("SELECT pg_sleep(0.01)")
                rounds += 1
            }
        }
        try await eventually("the row is locked") { locked.value == 1 }
        let runs = try await store.claimRuns(of: [Self.task], limit: 9, lease: Self.lease)
        #expect(runs.map(\.key.guild) == [Snowflake(2)])
        _ = claimed.next()
        try await other
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `the run of a worker that died with its lease is another's, and not the dead one's any more`(
        engine: Engine
    ) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        try await store.planRuns([try Self.planned(1)])
        let dead = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
        #expect(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease) == [])
        try await Self.endLeases(database)
        let heir = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
        #expect(heir.key == dead.key)
        #expect(heir.attempts == 2)
        #expect(heir.lease != dead.lease)
        // It was only suspended.
        let post = DailyRun.Post(channel: Snowflake(7), message: Snowflake(8))
        #expect(try await !store.renewRun(dead, lease: Self.lease))
        #expect(try await !store.recordPost(post, of: dead))
        #expect(try await !store.endRun(dead, .done))
        try await store.putOffRun(dead, for: .zero, reason: "late")
        #expect(try await Self.states(database) == ["1|running|2"])
        #expect(try await store.endRun(heir, .done))
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `whoever takes over a run that has posted is told the message`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        try await store.planRuns([try Self.planned(1)])
        let dead = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
        let post = DailyRun.Post(channel: Snowflake(7), message: Snowflake(8))
        #expect(try await store.recordPost(post, of: dead))
        try await Self.endLeases(database)
        let heir = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
        #expect(heir.post == post)
        #expect(try await store.endRun(heir, .done))
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a run that cannot be made now comes again, and keeps its message`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        try await store.planRuns([try Self.planned(1), try Self.planned(2)])
        let runs = try await store.claimRuns(of: [Self.task], limit: 2, lease: Self.lease)
        let post = DailyRun.Post(channel: Snowflake(7), message: Snowflake(8))
        let posted = try #require(runs.first { $0.key.guild == Snowflake(2) })
        #expect(try await store.recordPost(post, of: posted))
        for run in runs { try await store.putOffRun(run, for: .seconds(3600), reason: "Discord is down") }
        #expect(try await Self.states(database) == ["1|due|1", "2|posted|1"])
        #expect(try await store.claimRuns(of: [Self.task], limit: 2, lease: Self.lease) == [])
        try await database.run("UPDATE daily_run SET claimable_at = claimable_at - 3600000000")
        let again = try await store.claimRuns(of: [Self.task], limit: 2, lease: Self.lease)
        #expect(again.map(\.attempts) == [2, 2])
        #expect(again.first { $0.key == posted.key }?.post == post)
        #expect(again.first { $0.key != posted.key }?.post == nil)
        await store.close()
    }

    @Test(arguments: Engine.allCases, [DailyRun.Ending.failed("channel is gone"), .skipped("switched off")])
    func `how a run ended is kept, with the reason`(engine: Engine, ending: DailyRun.Ending) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        try await store.planRuns([try Self.planned(1)])
        let run = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
        #expect(try await store.endRun(run, ending))
        let row = try await database.run("SELECT state, reason FROM daily_run")
        #expect(row == ["\(ending.state)|\(try #require(ending.reason))"])
        try await Self.endLeases(database)
        #expect(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease) == [])
        await store.close()
    }

    // MARK: Posting

    /// A worker that makes runs: claims one, posts, records, ends. It dies where a test says.
    private enum Death: CaseIterable { case beforeSending, afterSending, afterRecording }

    private static func message(of run: DailyRun) -> OneTimeMessage {
        OneTimeMessage(
            nonce: run.key.nonce, channel: Snowflake(7), message: OutgoingMessage("Quote of \(run.key.date)"),
            trace: .text)
    }

    private static func services(_ api: FakeDiscord, _ store: any Store) -> Services {
        let fake = Services.fake(api, FakeStore())
        return Services(
            api: api, store: store, commands: fake.commands, configurations: fake.configurations,
            permissions: fake.permissions, gateway: fake.gateway,
            registrar: fake.registrar, counters: fake.counters, logger: fake.logger)
    }

    @Test(arguments: Engine.allCases, [false, true])
    private func `a run is posted once, wherever its first worker died, and however late the next one comes`(
        engine: Engine, isLate: Bool
    ) async throws {
        for death in Death.allCases {
            let database = try await TestDatabase(engine)
            let store = try await database.openMigrated()
            let api = FakeDiscord()
            api.add(
                ChannelMessage(
                    id: Snowflake(millisecondsSince1970: ProcessClock.wallMicroseconds / 1000), author: Snowflake(1),
                    content: "Quote of 2026-08-06"), in: Snowflake(7))
            try await store.planRuns([try Self.planned(1)])
            let dead = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
            switch death {
            case .beforeSending: _ = try await store.beginMessage(dead.key.nonce, in: Snowflake(7))
            case .afterSending:
                api.failAfterwards(FakeDiscord.error(.unavailable, mayHaveBeenCarriedOut: true))
                _ = try? await Self.message(of: dead).send(Self.services(api, store))
            case .afterRecording: _ = try await Self.message(of: dead).send(Self.services(api, store))
            }

            try await Self.endLeases(database)
            if isLate {
                api.forgetNonces()
                try await database.run("UPDATE outgoing_message SET begun_at = begun_at - 120000000")
            }
            let heir = try #require(try await store.claimRuns(of: [Self.task], limit: 1, lease: Self.lease).first)
            let id = try await Self.message(of: heir).send(Self.services(api, store))
            #expect(api.messages.count == 1, "\(death)")
            #expect(id == api.ids.first, "\(death)")
            let post = DailyRun.Post(channel: Snowflake(7), message: try #require(id))
            #expect(try await store.recordPost(post, of: heir))
            #expect(try await store.endRun(heir, .done))
            await store.close()
        }
    }

    @Test func `the nonce is made from guild, task and local date`() throws {
        let plans = [
            try Self.planned(1), try Self.planned(2), try Self.planned(1, task: "another"), try Self.planned(1, day: 7),
        ]
        #expect(Set(plans.map(\.key.nonce)).count == 4)
        #expect(try Self.planned(1, due: 5).key.nonce == plans[0].key.nonce)
        #expect(plans.allSatisfy { (1...25).contains($0.key.nonce.count) })
    }
}

@Suite struct LocalDateTests {
    @Test(arguments: ["2026-08-06", "0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29"])
    func `a date is written as it is read`(text: String) {
        #expect(LocalDate(text)?.description == text)
    }

    @Test(arguments: [
        "2026-02-29", "1900-02-29", "2026-00-01", "2026-13-01", "2026-04-31", "2026-01-00", "0000-01-01", "2026-1-01",
        "26-01-01", "2026-01-01 ", "2026/01/01", "", "2026-01", "+026-01-01", "2026-01-0x",
    ])
    func `what the calendar does not have is none`(text: String) {
        #expect(LocalDate(text) == nil)
    }

    @Test func `dates are in the order of time`() {
        let dates = ["2025-12-31", "2026-01-01", "2026-01-02", "2026-02-01"].map { LocalDate($0) }
        #expect(dates.compactMap(\.self).sorted() == dates.compactMap(\.self))
        #expect(dates.compactMap(\.self).count == 4)
    }
}
