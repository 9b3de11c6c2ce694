import Logging
import Shared
import TestKit
import Testing

@testable import WorkerProcess

@Suite struct SchedulerTests {
    private static let guilds: ClosedRange<UInt64> = 1...300

    private static func services(_ api: any DiscordAPI, _ store: any Store) -> Services {
        let fake = Services.fake(api, FakeStore())
        return Services(
            api: api, store: store, commands: fake.commands, configurations: fake.configurations,
            permissions: fake.permissions, gateway: fake.gateway, registrar: fake.registrar, counters: fake.counters,
            logger: fake.logger)
    }

    private static func channel(of guild: UInt64) -> Snowflake { Snowflake(10_000 + guild) }

    /// Guilds with a text each, all of them due since this moment, or so many hours.
    private static func due(_ database: TestDatabase, _ store: any Store, hours: Int64 = 0) async throws {
        for guild in guilds {
            try await store.change(
                .daily(channel: channel(of: guild), minute: 0), of: Snowflake(guild), event: EventID(1))
            _ = try await store.addDailyPost(
                "text of \(guild)", by: Snowflake(5), to: Snowflake(guild), event: EventID(1))
        }
        let time = ProcessClock.wallMicroseconds - 1_000_000 - hours * 3_600_000_000
        let minute = time / 60_000_000 % 1440
        try await database.run(
            "UPDATE guild_preference SET daily_minute = \(minute), next_daily_at = \(time / 60_000_000 * 60_000_000)")
    }

    private static var settings: Scheduler.Settings {
        Scheduler.Settings(interval: .milliseconds(30), lease: .seconds(1), concurrency: 8, share: 1000, planned: 20)
    }

    @Test(arguments: Engine.allCases)
    func `three workers share the runs, one dies, and each guild has its post once`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let api = FakeDiscord()
        var stores: [any Store] = []
        for _ in 0..<3 { stores.append(try await database.openMigrated()) }
        try await Self.due(database, stores[0])
        let schedulers = stores.map { Scheduler(Self.services(api, $0), settings: Self.settings) }
        let running = schedulers.map { scheduler in Task { await scheduler.run() } }
        try await eventually("some are posted") { api.messages.count > 20 }
        running[0].cancel()
        try await eventually("all runs have ended", within: .seconds(30)) {
            try await database.run("SELECT count(*) FROM daily_run WHERE task = 'post' AND state = 'done'") == ["300"]
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
        let channels = api.messages.map(\.channel)
        #expect(Set(channels).count == 300)
        #expect(channels.count == 300)
        // There was nothing to tell of the day before.
        #expect(
            try await database.run("SELECT DISTINCT state, reason FROM daily_run WHERE task = 'digest'")
                == ["skipped|nobody wrote anything"])
        for store in stores { await store.close() }
    }

    @Test func `what was missed by more than twelve hours is skipped, and why is recorded`() async throws {
        let database = try await TestDatabase(.sqlite)
        let store = try await database.openMigrated()
        try await Self.due(database, store, hours: 13)
        let api = FakeDiscord()
        let scheduler = Scheduler(Self.services(api, store), settings: Self.settings)
        let running = Task { await scheduler.run() }
        try await eventually("all have ended", within: .seconds(20)) {
            try await database.run("SELECT count(*) FROM daily_run WHERE state = 'skipped'") == ["600"]
        }
        running.cancel()
        await running.value
        #expect(api.messages.isEmpty)
        #expect(try await store.runTroubles(limit: 1).first?.reason == "missed by 13 hours")
        await store.close()
    }

    @Test func `a channel that is gone is told to the admins once, and not tried again`() async throws {
        let database = try await TestDatabase(.sqlite)
        let store = try await database.openMigrated()
        let guild = Snowflake(1)
        try await store.change(.daily(channel: Snowflake(7), minute: 0), of: guild, event: EventID(1))
        _ = try await store.addDailyPost("x", by: Snowflake(5), to: guild, event: EventID(1))
        let date = try #require(LocalDate(year: 2026, month: 11, day: 26))
        let now = ProcessClock.wallMicroseconds
        try await store.planRuns([
            PlannedRun(key: .init(guild: guild, task: DailyTaskName.post, date: date), dueAt: now)
        ])
        let api = FakeDiscord()
        api.fail(FakeDiscord.error(.rejected, status: 404, code: 10003))
        let scheduler = Scheduler(Self.services(api, store), settings: Self.settings)
        let running = Task { await scheduler.run() }
        try await eventually("it has failed") {
            try await database.run("SELECT state FROM daily_run") == ["failed"]
        }
        running.cancel()
        await running.value
        #expect(try await store.notes(of: guild).map(\.cause) == [.dailyChannelGone])
        #expect(api.calls.count == 1)
        await store.close()
    }

    @Test func `while Discord is down a run is put off`() async throws {
        let store = try await TestDatabase(.sqlite).openMigrated()
        let guild = Snowflake(1)
        try await store.change(.daily(channel: Snowflake(7), minute: 0), of: guild, event: EventID(1))
        _ = try await store.addDailyPost("x", by: Snowflake(5), to: guild, event: EventID(1))
        let date = try #require(LocalDate(year: 2026, month: 11, day: 26))
        try await store.planRuns([
            PlannedRun(
                key: .init(guild: guild, task: DailyTaskName.post, date: date), dueAt: ProcessClock.wallMicroseconds)
        ])
        let api = FakeDiscord()
        api.fail(FakeDiscord.error(.unavailable, retryAfter: .milliseconds(50)))
        let scheduler = Scheduler(Self.services(api, store), settings: Self.settings)
        let running = Task { await scheduler.run() }
        try await eventually("it is posted later") { api.messages.count == 1 }
        running.cancel()
        await running.value
        await store.close()
    }
}
