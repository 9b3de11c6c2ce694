internal import Shared

extension SQLiteStatements {
    /// Runs to come, and guilds that are gone.
    enum Planning {
        static let all: [StatementShape] =
            [
                due.shape, setNext.shape, counts.shape, troubles.shape, gone.shape, forgetPosts.shape,
            ] + forgetGuild.map(\.shape)

        static let due = statement(
            "due_guilds", takes: Int64.self, Int64.self,
            gives: Snowflake.self, Int64?.self, Int32?.self, String?.self, Snowflake?.self, Int64?.self,
            sql: """
                SELECT p.guild_id, p.next_daily_at, p.daily_minute, p.time_zone, c.daily_channel_id, c.left_at
                FROM guild_preference AS p JOIN guild_config AS c ON c.guild_id = p.guild_id
                WHERE p.next_daily_at IS NOT NULL AND p.next_daily_at <= ?1
                ORDER BY p.next_daily_at LIMIT ?2

                """)

        static let setNext = statement(
            "set_next_daily", takes: Snowflake.self, Int64?.self,
            sql: "UPDATE guild_preference SET next_daily_at = ?2 WHERE guild_id = ?1")

        static let counts = statement(
            "run_counts", gives: String.self, String.self, Int64.self,
            sql: """
                SELECT task, CASE WHEN state = 'due' AND claimable_at > \(nowInMicroseconds) THEN 'planned' ELSE state END AS shown,
                    count(*)
                FROM daily_run WHERE state IN ('due', 'running', 'posted') GROUP BY task, shown
                UNION ALL
                SELECT task, state, count(*) FROM daily_run
                WHERE state IN ('done', 'failed', 'skipped') AND due_at > \(nowInMicroseconds) - 86400000000 GROUP BY task, state
                """)

        static let troubles = statement(
            "run_troubles", takes: Int64.self,
            gives: Snowflake.self, String.self, LocalDate.self, String.self, String?.self,
            sql: """
                SELECT guild_id, task, local_date, state, reason FROM daily_run
                WHERE state IN ('done', 'failed', 'skipped') AND state <> 'done' ORDER BY due_at DESC LIMIT ?1
                """)

        static let gone = statement(
            "gone_guilds", takes: Int64.self, Int64.self, gives: Snowflake.self,
            sql: """
                SELECT guild_id FROM guild_config WHERE left_at IS NOT NULL AND left_at < \(nowInMicroseconds) - ?1
                ORDER BY left_at LIMIT ?2 
                """)

        /// Texts that were removed: they are kept for as long as an event that removed one may come again.
        static let forgetPosts = statement(
            "forget_posts", takes: Int64.self, gives: Int32.self,
            sql: """
                DELETE FROM daily_post WHERE removed_by_event IS NOT NULL AND removed_by_event < \(nowInMicroseconds) - ?1
                RETURNING number
                """)

        /// Everything of a guild; its row, which says that it is gone, comes last.
        static let forgetGuild = [
            "member_activity", "daily_post", "daily_run", "admin_note", "setting_event", "guild_preference",
            "guild_config",
        ].map { table in
            statement("forget_\(table)", takes: Snowflake.self, sql: "DELETE FROM \(table) WHERE guild_id = ?1")
        }
    }
}
