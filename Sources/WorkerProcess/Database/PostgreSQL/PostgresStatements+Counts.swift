internal import Shared

extension PostgresStatements {
    /// What is counted, read and erased.
    enum Counts {
        static let all: [StatementShape] = [
            ofMember.shape, leaderboard.shape, leaderboardSize.shape, ofGuild.shape, memberDays.shape,
            memberPosts.shape,
            eraseDays.shape, eraseAuthor.shape,
        ]

        static let ofMember = statement(
            "member_days", takes: Snowflake.self, Snowflake.self, gives: Int32.self, Int64.self,
            sql: "SELECT day, messages FROM member_activity WHERE guild_id = $1 AND member_id = $2")

        static let leaderboard = statement(
            "leaderboard", takes: Snowflake.self, Int32.self, Int32.self, Int64.self, Int64.self,
            gives: Snowflake.self, Int64.self, Int64.self,
            sql: """
                SELECT member_id, sum(messages)::bigint AS total, count(*) AS days FROM member_activity
                WHERE guild_id = $1 AND day BETWEEN $2 AND $3
                GROUP BY member_id ORDER BY total DESC, member_id LIMIT $4 OFFSET $5
                """)

        static let leaderboardSize = statement(
            "leaderboard_size", takes: Snowflake.self, Int32.self, Int32.self, gives: Int64.self,
            sql: """
                SELECT count(DISTINCT member_id) FROM member_activity
                WHERE guild_id = $1 AND day BETWEEN $2 AND $3
                """)

        static let ofGuild = statement(
            "guild_days", takes: Snowflake.self, Int32.self, Int32.self, gives: Int32.self, Int64.self, Int64.self,
            sql: """
                SELECT day, sum(messages)::bigint, count(*) FROM member_activity
                WHERE guild_id = $1 AND day BETWEEN $2 AND $3 GROUP BY day ORDER BY day
                """)

        static let memberDays = statement(
            "all_member_days", takes: Snowflake.self, gives: Snowflake.self, Int32.self, Int64.self,
            sql: """
                SELECT guild_id, day, messages FROM member_activity WHERE member_id = $1 ORDER BY guild_id, day
                """)

        static let memberPosts = statement(
            "member_posts", takes: Snowflake.self, gives: Snowflake.self, Int32.self, String.self, Snowflake.self,
            sql: """
                SELECT guild_id, number, text, author_id FROM daily_post
                WHERE author_id = $1 ORDER BY guild_id, number
                """)

        static let eraseDays = statement(
            "erase_member_days", takes: Snowflake.self, gives: Int32.self,
            sql: "DELETE FROM member_activity WHERE member_id = $1 RETURNING day")

        /// 0 is nobody's id.
        static let eraseAuthor = statement(
            "erase_author", takes: Snowflake.self,
            sql: "UPDATE daily_post SET author_id = 0 WHERE author_id = $1")
    }
}
