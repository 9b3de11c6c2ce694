internal import Shared

/// Something that an admin should know about a guild's settings, kept until the cause is gone.
struct AdminNote: Sendable, Equatable {
    enum Cause: String, Sendable, CaseIterable {
        case welcomeForbidden = "welcome_forbidden"
        case welcomeChannelGone = "welcome_channel_gone"
        case dailyForbidden = "daily_forbidden"
        case dailyChannelGone = "daily_channel_gone"
    }

    let cause: Cause
    let channel: Snowflake
    /// Microseconds since 1970.
    let at: Int64
}

/// How runs come to be, what an operator sees of them, and what is left of guilds that are gone.
protocol DailyPlanning: Sendable {
    /// Makes the rows of runs of all guilds whose time has come, or comes before `horizon`, at most `limit` guilds, and sets down
    /// each guild's next time. Any number of workers may do this at once.
    /// - Returns: guilds planned; fewer than `limit` when none is left.
    func planDue(
        tasks: [String], before horizon: Int64, limit: Int
    ) async throws(StoreError) -> Int

    /// How many runs are in which state, by task: those that are due later than now count as `planned`.
    func runCounts() async throws(StoreError) -> [(task: String, state: String, count: Int)]

    /// The latest runs that failed or were skipped, with their reasons.
    func runTroubles(limit: Int) async throws(StoreError) -> [(key: DailyRun.Key, state: String, reason: String)]

    /// Keeps a note for a guild's admins, one for each cause.
    /// - Returns: false if there is one of the last day already.
    func addNote(_ note: AdminNote, to guild: Snowflake) async throws(StoreError) -> Bool

    func notes(of guild: Snowflake) async throws(StoreError) -> [AdminNote]

    /// The cause is gone.
    func removeNotes(_ causes: [AdminNote.Cause], of guild: Snowflake) async throws(StoreError)

    /// Removes everything about guilds that the bot left longer ago than `age`, some of them in one transaction.
    /// - Returns: how many guilds; nothing is left when that is 0.
    func forgetGuilds(leftLongerThan age: Duration) async throws(StoreError) -> Int
}
