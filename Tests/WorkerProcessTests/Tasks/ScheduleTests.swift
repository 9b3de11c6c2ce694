import Foundation
import Shared
import Testing

@testable import WorkerProcess

@Suite struct ScheduleTests {
    /// `2026-03-29T01:30:00Z` in microseconds since 1970.
    private static func instant(_ text: String) throws -> Int64 {
        let date = try Date(text, strategy: .iso8601)
        return Int64(date.timeIntervalSince1970) * 1_000_000
    }

    @Test(
        arguments: [
            ("Europe/Madrid", 9 * 60, "2026-11-26T07:00:00Z", "2026-11-26", "2026-11-26T08:00:00Z"),
            // Exactly at a run the next one is meant.
            ("Europe/Madrid", 9 * 60, "2026-11-26T08:00:00Z", "2026-11-27", "2026-11-27T08:00:00Z"),
            (nil, 0, "2026-11-26T23:59:59Z", "2026-11-27", "2026-11-27T00:00:00Z"),
            ("Asia/Kathmandu", 0, "2026-11-26T18:00:00Z", "2026-11-27", "2026-11-26T18:15:00Z"),
            // 2:30 does not exist on that day: as long after midnight as on other days.
            ("Europe/Madrid", 150, "2026-03-28T12:00:00Z", "2026-03-29", "2026-03-29T01:30:00Z"),
            // 2:30 comes twice: the first time.
            ("Europe/Madrid", 150, "2026-10-24T12:00:00Z", "2026-10-25", "2026-10-25T00:30:00Z"),
            ("Europe/Madrid", 150, "2026-10-25T00:30:00Z", "2026-10-26", "2026-10-26T01:30:00Z"),
            ("America/New_York", 150, "2026-03-07T12:00:00Z", "2026-03-08", "2026-03-08T07:30:00Z"),
            // Half an hour.
            ("Australia/Lord_Howe", 135, "2026-10-03T12:00:00Z", "2026-10-04", "2026-10-03T15:45:00Z"),
            // Samoa had no 30 December 2011.
            ("Pacific/Apia", 600, "2011-12-29T21:00:00Z", "2011-12-31", "2011-12-30T20:00:00Z"),
            // The clock is put forward over midnight: 23:30 is half an hour into the next day.
            ("America/Nuuk", 1410, "2024-03-30T12:00:00Z", "2024-03-30", "2024-03-31T01:30:00Z"),
            ("Nowhere/Else", 60, "2026-11-26T00:00:00Z", "2026-11-26", "2026-11-26T01:00:00Z"),
        ] as [(String?, Int, String, String, String)])
    func `the next run is at the local time`(zone: String?, minute: Int, now: String, date: String, at: String) throws {
        let next = Schedule(timeZone: zone, minute: minute).next(after: try Self.instant(now))
        #expect("\(next.date)" == date)
        #expect(next.at == (try Self.instant(at)))
    }

    @Test(arguments: [
        "Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago", "UTC",
    ])
    func `a year has a run on each of its days, at the time or as near as the clock lets it`(zone: String) throws {
        for minute in [0, 2 * 60 + 30, 9 * 60, 23 * 60 + 59] {
            let schedule = Schedule(timeZone: zone, minute: minute)
            var now = try Self.instant("2026-01-01T12:00:00Z")
            var last: LocalDate?
            for _ in 0..<365 {
                let run = schedule.next(after: now)
                #expect(run.at > now && run.at - now <= 26 * 3_600_000_000)
                #expect(schedule.date(of: run.at) == run.date)
                if let last { #expect(run.date.daysSince1970 == last.daysSince1970 + 1) }
                let off = abs(schedule.timeOfDay(at: run.at).minute - minute)
                #expect(off == 0 || off == 60 || off == 30)
                last = run.date
                now = run.at
            }
        }
    }

    // MARK: Plans

    private static func guild(_ zone: String?, minute: Int, nextAt: Int64, left: Bool = false) -> DueGuild {
        var configuration = GuildConfiguration(guild: Snowflake(1))
        configuration.dailyChannel = Snowflake(2)
        configuration.dailyMinute = minute
        configuration.timeZone = zone
        configuration.hasLeft = left
        return DueGuild(configuration: configuration, nextAt: nextAt)
    }

    @Test func `what was missed is planned, each date once, and the next time is set down`() throws {
        let now = try Self.instant("2026-11-26T12:00:00Z")
        let due = try Self.instant("2026-11-24T08:00:00Z")
        let plan = DailyPlan([Self.guild("Europe/Madrid", minute: 540, nextAt: due)], tasks: ["a", "b"], before: now)
        #expect(
            plan.runs.map { "\($0.key.task) \($0.key.date)" } == [
                "a 2026-11-24", "b 2026-11-24", "a 2026-11-25", "b 2026-11-25", "a 2026-11-26", "b 2026-11-26",
            ])
        #expect(plan.next.map(\.at) == [try Self.instant("2026-11-27T08:00:00Z")])
    }

    @Test func `a bot that was off for a year does not begin with a year's runs`() throws {
        let now = try Self.instant("2026-11-26T12:00:00Z")
        let plan = DailyPlan(
            [Self.guild(nil, minute: 60, nextAt: try Self.instant("2025-11-26T01:00:00Z"))], tasks: ["a"], before: now)
        #expect(plan.runs.count == 31)
    }

    @Test func `a guild that was never planned has missed nothing, and one that is gone has no runs`() throws {
        let now = try Self.instant("2026-11-26T12:00:00Z")
        let new = DailyPlan([Self.guild(nil, minute: 60, nextAt: 0)], tasks: ["a"], before: now)
        #expect(new.runs.isEmpty)
        #expect(new.next.map(\.at) == [try Self.instant("2026-11-27T01:00:00Z")])
        let gone = DailyPlan(
            [Self.guild(nil, minute: 60, nextAt: now - 1, left: true)], tasks: ["a"], before: now)
        #expect(gone.runs.isEmpty)
        #expect(gone.next.first?.at != nil)
    }

    @Test func `a time that is put off on the same day does not post twice`() throws {
        // Posted at 9:00, then set to 18:00: the run of the same date is there already.
        let morning = try Self.instant("2026-11-26T09:00:01Z")
        let next = Schedule(timeZone: nil, minute: 18 * 60).next(after: morning)
        #expect("\(next.date)" == "2026-11-26")
    }

    @Test func `beginnings are spread over time`() {
        var pace = Pace(perSecond: 10)
        let now = ContinuousClock.now
        #expect((0..<4).map { _ in pace.next(now) - now } == [0, 100, 200, 300].map { .milliseconds($0) })
        #expect(pace.next(now + .seconds(5)) == now + .seconds(5))
    }

    // MARK: Times and zones

    @Test(arguments: [("9", 540), ("09:05", 545), ("21:30", 1290), ("0:00", 0), ("23:59", 1439)] as [(String, Int)])
    func `a time of day is read`(text: String, minute: Int) { #expect(TimeOfDay(text)?.minute == minute) }

    @Test(arguments: ["", "24:00", "9:5", "9:60", "-1:00", "9:00:00", "nine", "9 pm"])
    func `what is no time of day is not`(text: String) { #expect(TimeOfDay(text) == nil) }

    @Test func `a city is found by what it begins with, however it is spelt`() {
        #expect(TimeZones.search("madr").first == "Europe/Madrid")
        #expect(TimeZones.search("new york").first == "America/New_York")
        #expect(TimeZones.search("").contains("UTC"))
        #expect(TimeZones.search("a").count == 25)
        #expect(TimeZones.search("\u{202E}<@everyone>").isEmpty)
        #expect(TimeZones.named("europe/madrid") == "Europe/Madrid")
        #expect(TimeZones.named("Europe/Nowhere") == nil)
    }

    @Test func `streaks go on until a day was left out, and today may still come`() {
        func statistics(_ days: [Int]) -> MemberStatistics {
            MemberStatistics(days: days.map { ($0, 2) }, today: 100)
        }
        #expect(statistics([98, 99, 100]).streak == 3)
        #expect(statistics([97, 98, 99]).streak == 3)
        #expect(statistics([96, 97, 98]).streak == 0)
        #expect(statistics([100, 90, 91, 92, 93]).longestStreak == 4)
        #expect(statistics([]) == MemberStatistics())
        #expect(statistics([99]).messagesToday == 0)
    }

    @Test(arguments: [(0, 1), (4, 1), (5, 2), (8, 2), (9, 5), (20, 5), (21, 10), (999, 500)] as [(Int, Int)])
    func `a scale has round steps`(most: Int, step: Int) { #expect(ChartLayout.step(for: most) == step) }

    @Test func `bars stand within the picture, and today has its date`() {
        let layout = ChartLayout([0, 3, 12, 7], lastDay: 20_783)
        #expect(layout.bars.map(\.height)[0] == 0)
        #expect(layout.bars.allSatisfy { $0.x >= 64 && $0.x + $0.width <= ChartLayout.width && $0.y >= 16 })
        #expect(layout.scale.map(\.text) == ["0", "5", "10", "15", "20"])
        #expect(layout.days.last?.text == "26.11.")
        #expect(ChartLayout.short(1200) == "1.2k" && ChartLayout.short(3_000_000) == "3M")
    }

    @Test func `a chart is a small PNG`() throws {
        let png = try #require(ActivityChart.png((0..<30).map { $0 * 37 % 101 }, lastDay: 20_783))
        #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(png.count < 60_000)
    }
}

extension LocalDate {
    fileprivate var daysSince1970: Int64 {
        var day: Int64 = 0
        while let date = LocalDate(daysSince1970: day), date < self { day += date.year < year - 1 ? 365 : 1 }
        return day
    }
}
