internal import Shared

extension SQLiteStatements {
    enum DailyRuns {
        static let all: [StatementShape] = [
            plan.shape, claim.shape, renew.shape, recordPost.shape, end.shape, putOff.shape, forget.shape,
        ]

        static let plan = statement(
            "plan_run", takes: Snowflake.self, String.self, LocalDate.self, Int64.self,
            sql: """
                INSERT INTO daily_run (guild_id, task, local_date, due_at, claimable_at) VALUES (?1, ?2, ?3, ?4, ?4)
                ON CONFLICT (guild_id, task, local_date) DO UPDATE SET
                    due_at = excluded.due_at, claimable_at = excluded.due_at
                WHERE state = 'due' AND attempts = 0 AND due_at <> excluded.due_at
                """)

        static let claim = statement(
            "claim_runs", takes: [String].self, String.self, Int64.self, Int64.self,
            gives: Snowflake.self, String.self, LocalDate.self, Int64.self, Int32.self, Snowflake?.self,
            Snowflake?.self,
            sql: """
                UPDATE daily_run SET
                    state = CASE state WHEN 'due' THEN 'running' ELSE state END,
                    lease = ?2, claimable_at = \(nowInMicroseconds) + ?3, attempts = attempts + 1
                WHERE rowid IN (
                    SELECT rowid FROM daily_run
                    WHERE state IN ('due', 'running', 'posted') AND claimable_at <= \(nowInMicroseconds)
                        AND task IN (SELECT value FROM json_each(?1))
                    ORDER BY claimable_at LIMIT ?4)
                RETURNING guild_id, task, local_date, due_at, attempts, channel_id, message_id
                """)

        static let renew = statement(
            "renew_run", takes: Snowflake.self, String.self, LocalDate.self, String.self, Int64.self,
            gives: Snowflake.self,
            sql: """
                UPDATE daily_run SET claimable_at = \(nowInMicroseconds) + ?5
                WHERE guild_id = ?1 AND task = ?2 AND local_date = ?3 AND lease = ?4
                    AND state IN ('running', 'posted')
                RETURNING guild_id
                """)

        static let recordPost = statement(
            "record_post", takes: Snowflake.self, String.self, LocalDate.self, String.self, Snowflake.self,
            Snowflake.self, gives: Snowflake.self,
            sql: """
                UPDATE daily_run SET state = 'posted', channel_id = ?5, message_id = ?6
                WHERE guild_id = ?1 AND task = ?2 AND local_date = ?3 AND lease = ?4
                    AND state IN ('running', 'posted')
                RETURNING guild_id
                """)

        /// Succeeds again if it has succeeded before, since an answer can get lost.
        static let end = statement(
            "end_run", takes: Snowflake.self, String.self, LocalDate.self, String.self, String.self, String?.self,
            gives: Snowflake.self,
            sql: """
                UPDATE daily_run SET state = ?5, reason = ?6
                WHERE guild_id = ?1 AND task = ?2 AND local_date = ?3 AND lease = ?4
                    AND state IN ('running', 'posted', ?5)
                RETURNING guild_id
                """)

        static let putOff = statement(
            "put_off_run", takes: Snowflake.self, String.self, LocalDate.self, String.self, Int64.self, String.self,
            sql: """
                UPDATE daily_run SET
                    state = CASE WHEN message_id IS NULL THEN 'due' ELSE 'posted' END,
                    lease = NULL, claimable_at = \(nowInMicroseconds) + ?5, reason = ?6
                WHERE guild_id = ?1 AND task = ?2 AND local_date = ?3 AND lease = ?4
                    AND state IN ('running', 'posted')
                """)

        static let forget = statement(
            "forget_runs", takes: Int64.self, Int64.self, gives: String.self,
            sql: """
                DELETE FROM daily_run WHERE rowid IN (
                    SELECT rowid FROM daily_run
                    WHERE state IN ('done', 'failed', 'skipped') AND due_at < \(nowInMicroseconds) - ?1
                    ORDER BY due_at LIMIT ?2)
                RETURNING task
                """)
    }
}
