internal import Shared

/// What is counted of one member in one guild. Days are days since 1970 in UTC.
struct MemberStatistics: Sendable, Equatable {
    var messages = 0
    var activeDays = 0
    var messagesToday = 0
    /// Days in a row with a message, up to today or yesterday.
    var streak = 0
    var longestStreak = 0
    var firstDay: Int?
    /// Messages by day.
    var byDay: [Int: Int] = [:]

    init() {}

    /// From days with messages, in any order, each once.
    init(days: [(day: Int, messages: Int)], today: Int) {
        let days = days.sorted { $0.day < $1.day }
        messages = days.reduce(0) { $0 + $1.messages }
        activeDays = days.count
        firstDay = days.first?.day
        byDay = Dictionary(days.map { ($0.day, $0.messages) }) { first, _ in first }
        messagesToday = days.last.flatMap { $0.day == today ? $0.messages : nil } ?? 0
        var run = 0
        var last: Int?
        for (day, _) in days {
            run = last == day - 1 ? run + 1 : 1
            last = day
            longestStreak = max(longestStreak, run)
        }
        // Whoever has not written yet today has not broken it.
        if let last, last >= today - 1 { streak = run }
    }
}

/// One place of a leaderboard.
struct LeaderboardRow: Sendable, Equatable {
    let member: Snowflake
    let messages: Int
    let activeDays: Int
}

struct Leaderboard: Sendable, Equatable {
    var rows: [LeaderboardRow]
    /// All who have a place.
    var members: Int
}

/// One guild's day.
struct DayActivity: Sendable, Equatable {
    /// Days since 1970 in UTC.
    let day: Int
    let messages: Int
    let members: Int
}

/// What is counted, read.
protocol Statistics: Sendable {
    func statistics(
        of member: Snowflake, in guild: Snowflake, today: Int
    ) async throws(StoreError) -> MemberStatistics

    /// Those who wrote most within these days (nil: ever), by messages, then by id.
    func leaderboard(
        of guild: Snowflake, days: ClosedRange<Int>?, offset: Int, limit: Int
    ) async throws(StoreError) -> Leaderboard

    /// Days with messages, ascending.
    func dailyActivity(of guild: Snowflake, days: ClosedRange<Int>) async throws(StoreError) -> [DayActivity]
}

/// Everything that is stored about one user.
struct MemberRecords: Sendable, Equatable {
    struct Day: Sendable, Equatable {
        let guild: Snowflake
        let day: Int
        let messages: Int
    }

    /// By guild, then by day.
    var days: [Day]
    /// Texts that the user has added to guilds' rotations.
    var posts: [(guild: Snowflake, post: DailyPost)]

    static func == (left: MemberRecords, right: MemberRecords) -> Bool {
        left.days == right.days && left.posts.map(\.guild) == right.posts.map(\.guild)
            && left.posts.map(\.post) == right.posts.map(\.post)
    }
}

/// What members can ask about themselves.
protocol MemberPrivacy: Sendable {
    func memberRecords(of member: Snowflake) async throws(StoreError) -> MemberRecords

    /// Erases what is counted of a user, in all guilds, and the user's name on texts for daily posts, which belong to their guild
    /// and stay. Returns how many rows of counts went.
    func eraseMember(_ member: Snowflake) async throws(StoreError) -> Int
}
