import Logging
import Shared
import Synchronization
import TestKit
import Testing

@testable import WorkerProcess

/// Settings, texts, counts and plans, on both engines.
@Suite struct GuildStoreConformanceTests {
    private static let guild = Snowflake(888_832_427_022_221_319)
    private static let author = Snowflake(5)

    @Test(arguments: Engine.allCases) func `settings change, one after the other, and go back`(engine: Engine)
        async throws
    {
        let store = try await TestDatabase(engine).openMigrated()
        let changes: [SettingChange] = [
            .welcome(channel: Snowflake(1), text: "Hi {member} 🐘 'q' \"x\""),
            .daily(channel: Snowflake(2), minute: 610),
            .prefix("?!"), .timeZone("Asia/Kathmandu"), .language(.spanish),
        ]
        var expected = GuildConfiguration(guild: Self.guild)
        for (number, change) in changes.enumerated() {
            try await store.change(change, of: Self.guild, event: EventID(Int64(10 + number)))
            expected.apply(change)
        }
        #expect(try await store.configuration(of: Self.guild) == expected)
        // What comes again, or late, undoes nothing of its own setting, and counts for another.
        try await store.change(.prefix("old"), of: Self.guild, event: EventID(11))
        #expect(try await store.configuration(of: Self.guild).prefix == "?!")
        try await store.change(.welcome(channel: Snowflake(8), text: nil), of: Self.guild, event: EventID(11))
        #expect(try await store.configuration(of: Self.guild).welcomeChannel == Snowflake(8))
        try await store.change(.reset, of: Self.guild, event: EventID(20))
        expected.apply(.reset)
        #expect(try await store.configuration(of: Self.guild) == expected)
        await store.close()
    }

    @Test(arguments: Engine.allCases) func `texts take turns, and a run keeps its own`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        for (event, text) in [(1, "a"), (2, "b"), (3, "c"), (2, "b again")] {
            _ = try await store.addDailyPost(text, by: Self.author, to: Self.guild, event: EventID(Int64(event)))
        }
        #expect(try await store.dailyPosts(of: Self.guild).map(\.text) == ["a", "b", "c"])
        var taken: [String] = []
        for day in 1...4 {
            let date = try #require(LocalDate(year: 2026, month: 11, day: day))
            let key = DailyRun.Key(guild: Self.guild, task: DailyTaskName.post, date: date)
            try await store.planRuns([PlannedRun(key: key, dueAt: 1)])
            let post = try #require(try await store.takeDailyPost(for: key))
            #expect(try await store.takeDailyPost(for: key) == post)
            taken.append(post.text)
        }
        #expect(taken == ["a", "b", "c", "a"])
        #expect(try await store.dailyPosts(of: Self.guild).map(\.text) == ["b", "c", "a"])
        let removed = try await store.removeDailyPost(2, from: Self.guild, event: EventID(9))
        #expect(removed?.text == "b")
        #expect(try await store.removeDailyPost(2, from: Self.guild, event: EventID(9)) == removed)
        #expect(try await store.removeDailyPost(2, from: Self.guild, event: EventID(10)) == nil)
        #expect(try await store.removeDailyPost(99, from: Self.guild, event: EventID(10)) == nil)
        // Its number is not given again.
        guard
            case .added(let next) = try await store.addDailyPost(
                "d", by: Self.author, to: Self.guild, event: EventID(11))
        else {
            Issue.record("there is room")
            return
        }
        #expect(next.number == 4)
        await store.close()
    }

    @Test(arguments: Engine.allCases) func `a guild has so many texts and no more`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        for event in 1...DailyPostLimits.maximumPosts {
            _ = try await store.addDailyPost("x", by: Self.author, to: Self.guild, event: EventID(Int64(event)))
        }
        #expect(
            try await store.addDailyPost("x", by: Self.author, to: Self.guild, event: EventID(1000))
                == .full(limit: DailyPostLimits.maximumPosts))
        await store.close()
    }

    @Test(arguments: Engine.allCases) func `a date is left out once, and not after it was posted`(engine: Engine)
        async throws
    {
        let store = try await TestDatabase(engine).openMigrated()
        let date = try #require(LocalDate(year: 2026, month: 11, day: 26))
        #expect(try await store.skipDaily(on: date, of: Self.guild, event: EventID(7)))
        #expect(try await store.skipDaily(on: date, of: Self.guild, event: EventID(7)))
        #expect(try await !store.skipDaily(on: date, of: Self.guild, event: EventID(8)))
        let key = DailyRun.Key(guild: Self.guild, task: DailyTaskName.post, date: date)
        try await store.planRuns([PlannedRun(key: key, dueAt: 1)])
        #expect(try await store.claimRuns(of: [DailyTaskName.post], limit: 5, lease: .seconds(60)).isEmpty)
        await store.close()
    }

    @Test(arguments: Engine.allCases) func `counts are read by member, by guild and by day`(engine: Engine) async throws
    {
        let store = try await TestDatabase(engine).openMigrated()
        var id: Int64 = 0
        func count(_ member: UInt64, day: Int, _ times: Int) async throws {
            for _ in 0..<times {
                id += 1
                try await store.recordActivity([
                    ActivityEvent(
                        key: "guild:\(Self.guild)", event: EventID(id), guild: Self.guild, member: Snowflake(member),
                        day: day)
                ])
            }
        }
        try await count(1, day: 99, 3)
        try await count(1, day: 100, 2)
        try await count(2, day: 90, 9)
        try await count(3, day: 100, 2)
        let mine = try await store.statistics(of: Snowflake(1), in: Self.guild, today: 100)
        #expect((mine.messages, mine.messagesToday, mine.streak, mine.activeDays) == (5, 2, 2, 2))
        let all = try await store.leaderboard(of: Self.guild, days: nil, offset: 0, limit: 2)
        #expect(all.members == 3)
        #expect(all.rows.map(\.member) == [Snowflake(2), Snowflake(1)])
        let week = try await store.leaderboard(of: Self.guild, days: 94...100, offset: 0, limit: 10)
        #expect(
            week.rows == [
                LeaderboardRow(member: Snowflake(1), messages: 5, activeDays: 2),
                LeaderboardRow(member: Snowflake(3), messages: 2, activeDays: 1),
            ])
        #expect(try await store.leaderboard(of: Self.guild, days: nil, offset: 2, limit: 2).rows.count == 1)
        #expect(
            try await store.dailyActivity(of: Self.guild, days: 95...100) == [
                DayActivity(day: 99, messages: 3, members: 1), DayActivity(day: 100, messages: 4, members: 2),
            ])
        // Export and erasure.
        _ = try await store.addDailyPost("mine", by: Snowflake(1), to: Self.guild, event: EventID(5))
        let records = try await store.memberRecords(of: Snowflake(1))
        #expect(records.days.map(\.messages) == [3, 2])
        #expect(records.posts.map(\.post.text) == ["mine"])
        #expect(try await store.eraseMember(Snowflake(1)) == 2)
        #expect(try await store.eraseMember(Snowflake(1)) == 0)
        let after = try await store.memberRecords(of: Snowflake(1))
        #expect(after.days.isEmpty && after.posts.isEmpty)
        #expect(try await store.dailyPosts(of: Self.guild).map(\.text) == ["mine"])
        await store.close()
    }

    @Test(arguments: Engine.allCases) func `guilds whose time has come are planned once by many`(engine: Engine)
        async throws
    {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        for guild in 1...50 {
            try await store.change(
                .daily(channel: Snowflake(9), minute: 0), of: Snowflake(UInt64(guild)), event: EventID(1))
        }
        // Nothing is due yet.
        #expect(try await store.planDue(tasks: ["post"], before: ProcessClock.wallMicroseconds, limit: 10) == 0)
        let tomorrow = ProcessClock.wallMicroseconds + 86_400_000_000
        let planned = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask { try await Self.planAll(store, before: tomorrow) }
            }
            return try await group.reduce(0, +)
        }
        #expect(planned == 50)
        #expect(try await database.run("SELECT count(*) FROM daily_run") == ["50"])
        #expect(try await store.runCounts().map(\.count) == [50])
        await store.close()
    }

    private static func planAll(_ store: any Store, before horizon: Int64) async throws -> Int {
        var planned = 0
        while true {
            let count = try await store.planDue(tasks: ["post"], before: horizon, limit: 7)
            guard count > 0 else { return planned }
            planned += count
        }
    }

    @Test(arguments: Engine.allCases) func `each join and each leave counts once`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        func count() async throws -> Int? { try await store.configuration(of: Self.guild).memberCount }
        try await store.countMembers(1, of: Self.guild, event: EventID(1))
        #expect(try await count() == nil)
        try await store.recordGuild(.of(Self.guild, event: 2))
        for (change, event) in [(1, 3), (1, 3), (1, 4), (-1, 5), (-1, 4)] {
            try await store.countMembers(change, of: Self.guild, event: EventID(Int64(event)))
        }
        #expect(try await count() == 6)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `an admin is told once a day, until the cause is gone`(engine: Engine)
        async throws
    {
        let store = try await TestDatabase(engine).openMigrated()
        func note(_ at: Int64) -> AdminNote { AdminNote(cause: .dailyForbidden, channel: Snowflake(2), at: at) }
        #expect(try await store.addNote(note(1), to: Self.guild))
        #expect(try await !store.addNote(note(86_400_000_000), to: Self.guild))
        #expect(try await store.addNote(note(86_400_000_002), to: Self.guild))
        #expect(try await store.notes(of: Self.guild) == [note(86_400_000_002)])
        try await store.removeNotes([.welcomeForbidden], of: Self.guild)
        #expect(try await store.notes(of: Self.guild).count == 1)
        try await store.removeNotes([.dailyForbidden], of: Self.guild)
        #expect(try await store.notes(of: Self.guild).isEmpty)
        await store.close()
    }

    @Test(arguments: Engine.allCases) func `nothing is left of a guild that the bot left long ago`(engine: Engine)
        async throws
    {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        for guild in [Snowflake(1), Snowflake(2)] {
            try await store.recordGuild(.of(guild, name: "x", event: 1))
            try await store.change(.daily(channel: Snowflake(9), minute: 0), of: guild, event: EventID(1))
            _ = try await store.addDailyPost("x", by: Self.author, to: guild, event: EventID(1))
            try await store.recordActivity([
                ActivityEvent(key: "guild:\(guild)", event: EventID(1), guild: guild, member: Self.author, day: 1)
            ])
        }
        try await store.recordDeparture(of: Snowflake(1), event: EventID(5), at: 1)
        try await store.recordDeparture(of: Snowflake(2), event: EventID(5), at: ProcessClock.wallMicroseconds)
        #expect(try await store.forgetGuilds(leftLongerThan: .seconds(30 * 86_400)) == 1)
        #expect(try await store.forgetGuilds(leftLongerThan: .seconds(30 * 86_400)) == 0)
        for table in ["guild_config", "guild_preference", "daily_post", "member_activity"] {
            #expect(try await database.run("SELECT guild_id FROM \(table)") == ["2"], "\(table)")
        }
        await store.close()
    }

    // MARK: The cache

    @Test(arguments: Engine.allCases) func `a change holds in every worker within a second`(engine: Engine) async throws
    {
        let database = try await TestDatabase(engine)
        let stores = [
            try await database.openMigrated(), try await database.open(), try await database.open(),
        ]
        let caches = stores.map { _ in ConfigurationCache(standardPrefix: "!") }
        let watching = zip(stores, caches).map { store, cache in
            Task { await store.watchSettings { cache.heard($0) } }
        }
        // Known everywhere, so that it would be seen if it stayed.
        try await eventually("all listen and remember") {
            for (store, cache) in zip(stores, caches) { _ = try await cache.configuration(of: Self.guild, store) }
            return caches.allSatisfy { $0.known(in: Self.guild) != nil }
        }
        for (number, store) in stores.enumerated() {
            let prefix = "p\(number)"
            try await store.change(.prefix(prefix), of: Self.guild, event: EventID(Int64(number + 1)))
            try await eventually("the change holds in all", within: .seconds(1)) {
                for (store, cache) in zip(stores, caches)
                where try await cache.configuration(of: Self.guild, store).prefix != prefix { return false }
                return true
            }
            try await eventually("all remember again") {
                for (store, cache) in zip(stores, caches) { _ = try await cache.configuration(of: Self.guild, store) }
                return caches.allSatisfy { $0.known(in: Self.guild) != nil }
            }
        }
        for task in watching { task.cancel() }
        for task in watching { await task.value }
        #expect(caches.allSatisfy { $0.known(in: Self.guild) == nil })
        for store in stores { await store.close() }
    }
}
