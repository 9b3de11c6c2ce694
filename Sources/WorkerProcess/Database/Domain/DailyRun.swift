internal import Shared

/// What a task does for one guild on one day: one row, so that it is done once, whoever does it.
///
/// `due` → `running` (a worker has the lease) → `posted` (its message is at Discord, and known) → `done`; or, from `running` and
/// `posted`, `failed` or `skipped`. A lease that ends unrenewed makes a run claimable again in the state it was in.
struct DailyRun: Sendable, Equatable {
    /// Which run.
    struct Key: Sendable, Hashable {
        let guild: Snowflake
        /// The task's name.
        let task: String
        let date: LocalDate

        /// The nonce of the run's message, the same for whoever posts it.
        var nonce: String { Nonce.of("daily", "\(guild)", task, "\(date)") }

        /// What stands below the run's message, by which it is recognised: the rest of it may read otherwise when it is made
        /// again.
        var footer: String { "\(date) · \(task)" }
    }

    /// The message that a run has posted.
    struct Post: Sendable, Equatable {
        let channel: Snowflake
        let message: Snowflake
    }

    /// How a run ends.
    enum Ending: Sendable, Equatable {
        case done
        case failed(String)
        /// Not to be made up any more, or switched off meanwhile.
        case skipped(String)
    }

    let key: Key
    /// When it was to be, in microseconds since 1970: how late it is decides whether it is made up.
    let dueAt: Int64
    /// How often it has been claimed, this time included.
    let attempts: Int
    /// What an earlier holder has posted.
    let post: Post?
    /// Names this claim of it. Whoever has another one has lost the run.
    let lease: String
}

/// A run that is to be.
struct PlannedRun: Sendable, Equatable {
    let key: DailyRun.Key
    /// Microseconds since 1970.
    let dueAt: Int64
}
