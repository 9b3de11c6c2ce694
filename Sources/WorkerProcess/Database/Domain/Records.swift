internal import Shared

/// How long records are kept.
enum RecordAge {
    /// Records of messages and of runs that have ended. An event can be delivered again for as long as it waits in the queue or
    /// among the dead letters, which keep it for 14 days.
    static let kept: Duration = .seconds(30 * 86_400)
    /// Rows of each kind that one transaction removes.
    static let batchLimit = 1000
    /// Guilds whose records one transaction removes; each may have many.
    static let guildBatchLimit = 5
    /// What is kept of a guild that the bot has left, should it come back.
    static let ofGuildsGone: Duration = .seconds(30 * 86_400)
}

extension OutgoingMessageState {
    /// From the columns of the statement `message_state`.
    init(row: (channel: Snowflake, begunAt: Int64, age: Int64, isSent: Bool, message: Snowflake?)) {
        self =
            row.isSent
            ? .sent(row.message)
            : .begun(row.begunAt, age: .microseconds(max(0, row.age)), in: row.channel)
    }
}

extension GuildConfiguration {
    /// From the columns of the statement `read_settings`.
    init(
        guild: Snowflake,
        row: (
            name: String?, welcomeChannel: Snowflake?, dailyChannel: Snowflake?, prefix: String?,
            preferredLocale: String?, leftAt: Int64?, memberCount: Int64?, welcomeText: String?, dailyMinute: Int32?,
            timeZone: String?, language: String?
        )
    ) {
        self.init(guild: guild)
        name = row.name
        welcomeChannel = row.welcomeChannel
        welcomeText = row.welcomeText
        dailyChannel = row.dailyChannel
        dailyMinute = row.dailyMinute.map(Int.init)
        timeZone = row.timeZone
        language = row.language.flatMap(Language.init(rawValue:))
        memberCount = row.memberCount.map(Int.init)
        prefix = row.prefix
        preferredLocale = row.preferredLocale
        hasLeft = row.leftAt != nil
    }
}

extension DailyPost {
    /// From columns of `daily_post`.
    init(row: (number: Int32, text: String, author: Snowflake)) {
        self.init(number: Int(row.number), text: row.text, author: row.author)
    }
}

extension DueGuild {
    /// From the columns of the statement `due_guilds`.
    init(
        row: (
            guild: Snowflake, at: Int64?, minute: Int32?, timeZone: String?, channel: Snowflake?, leftAt: Int64?
        )
    ) {
        var configuration = GuildConfiguration(guild: row.guild)
        configuration.dailyChannel = row.channel
        configuration.dailyMinute = row.minute.map(Int.init)
        configuration.timeZone = row.timeZone
        configuration.hasLeft = row.leftAt != nil
        self.init(configuration: configuration, nextAt: row.at ?? 0)
    }
}

extension DailyRun {
    /// From the columns of the statement `claim_runs`.
    init(
        row: (
            guild: Snowflake, task: String, date: LocalDate, dueAt: Int64, attempts: Int32, channel: Snowflake?,
            message: Snowflake?
        ), lease: String
    ) {
        self.init(
            key: Key(guild: row.guild, task: row.task, date: row.date), dueAt: row.dueAt, attempts: Int(row.attempts),
            post: row.channel.flatMap { channel in row.message.map { Post(channel: channel, message: $0) } },
            lease: lease)
    }
}

extension DailyRun.Ending {
    /// The row's state.
    var state: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .skipped: "skipped"
        }
    }

    var reason: String? {
        switch self {
        case .done: nil
        case .failed(let reason), .skipped(let reason): reason
        }
    }
}

extension Duration {
    /// Whole microseconds.
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
