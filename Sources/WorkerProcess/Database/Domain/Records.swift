internal import Shared

/// How long records are kept.
enum RecordAge {
    /// Records of messages and of runs that have ended. An event can be delivered again for as long as it waits in the queue or
    /// among the dead letters, which keep it for 14 days.
    static let kept: Duration = .seconds(30 * 86_400)
    /// Rows of each kind that one transaction removes.
    static let batchLimit = 1000
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
