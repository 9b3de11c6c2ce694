internal import Shared

extension SQLiteStore {
    private typealias Statements = SQLiteStatements.Counts

    func statistics(
        of member: Snowflake, in guild: Snowflake, today: Int
    ) async throws(StoreError) -> MemberStatistics {
        let rows = try await read { session in
            try session.rows(Statements.ofMember, (guild, member))
        }
        return MemberStatistics(days: rows.map { (Int($0), Int($1)) }, today: today)
    }

    func leaderboard(
        of guild: Snowflake, days: ClosedRange<Int>?, offset: Int, limit: Int
    ) async throws(StoreError) -> Leaderboard {
        let days = Int32(clamping: days?.lowerBound ?? 0)...Int32(clamping: days?.upperBound ?? .max)
        return try await read { session in
            let rows = try session.rows(
                Statements.leaderboard, (guild, days.lowerBound, days.upperBound, Int64(limit), Int64(offset)))
            let size = try session.rows(Statements.leaderboardSize, (guild, days.lowerBound, days.upperBound)).first
            return Leaderboard(
                rows: rows.map { LeaderboardRow(member: $0, messages: Int($1), activeDays: Int($2)) },
                members: Int(size ?? 0))
        }
    }

    func dailyActivity(of guild: Snowflake, days: ClosedRange<Int>) async throws(StoreError) -> [DayActivity] {
        let days = Int32(clamping: days.lowerBound)...Int32(clamping: days.upperBound)
        let rows = try await read { session in
            try session.rows(Statements.ofGuild, (guild, days.lowerBound, days.upperBound))
        }
        return rows.map { DayActivity(day: Int($0), messages: Int($1), members: Int($2)) }
    }

    func memberRecords(of member: Snowflake) async throws(StoreError) -> MemberRecords {
        try await read { session in
            let days = try session.rows(Statements.memberDays, member)
            let posts = try session.rows(Statements.memberPosts, member)
            return MemberRecords(
                days: days.map { MemberRecords.Day(guild: $0, day: Int($1), messages: Int($2)) },
                posts: posts.map { ($0, DailyPost(number: Int($1), text: $2, author: $3)) })
        }
    }

    func eraseMember(_ member: Snowflake) async throws(StoreError) -> Int {
        try await write { session in
            let erased = try session.rows(Statements.eraseDays, member)
            try session.run(Statements.eraseAuthor, member)
            return erased.count
        }
    }
}
