internal import Shared

/// A guild whose next daily time has come.
struct DueGuild: Sendable {
    let configuration: GuildConfiguration
    /// Microseconds since 1970; 0 where it has never been reckoned.
    let nextAt: Int64
}

/// The names under which daily tasks have their runs.
enum DailyTaskName {
    static let post = "post"
    static let digest = "digest"
}

/// Which runs are to be made for guilds whose time has come, and when each comes again.
struct DailyPlan: Sendable {
    /// Runs that were missed for longer are not even recorded; a bot that was off for months should not begin with those.
    static let recorded: Int64 = 31 * 86_400 * 1_000_000

    private(set) var runs: [PlannedRun] = []
    /// Nil where there is no daily post any more.
    private(set) var next: [(guild: Snowflake, at: Int64?)] = []

    /// - Parameter horizon: up to which runs are made, in microseconds since 1970.
    init(_ guilds: [DueGuild], tasks: [String], before horizon: Int64) {
        for guild in guilds { add(guild, tasks, horizon) }
    }

    private mutating func add(_ guild: DueGuild, _ tasks: [String], _ horizon: Int64) {
        let configuration = guild.configuration
        let id = configuration.guild
        guard configuration.dailyChannel != nil else { return next.append((id, nil)) }
        let schedule = Schedule(timeZone: configuration.timeZone, minute: configuration.effectiveDailyMinute)
        // A row that was never reckoned has missed nothing.
        var run = schedule.next(after: guild.nextAt == 0 ? horizon : max(guild.nextAt, horizon - Self.recorded) - 1)
        while run.at <= horizon {
            // A guild that the bot has left keeps its times, for when it comes back.
            if !configuration.hasLeft {
                runs += tasks.map {
                    PlannedRun(key: DailyRun.Key(guild: id, task: $0, date: run.date), dueAt: run.at)
                }
            }
            run = schedule.next(after: run.at)
        }
        next.append((id, run.at))
    }
}
