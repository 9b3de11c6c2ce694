internal import Shared

extension PostgresStatements {
    enum DailyRuns {
        static let all: [StatementShape] = [
            plan.shape, claim.shape, renew.shape, recordPost.shape, end.shape, putOff.shape, forget.shape,
        ]

        /// In the order of the keys, so that two workers that plan the same wait for each other in one direction only.
        static let plan = statement(
            "plan_runs", takes: [Snowflake].self, [String].self, [LocalDate].self, [Int64].self,
            sql: """
                INSERT INTO daily_run AS kept (guild_id, task, local_date, due_at, claimable_at)
                SELECT DISTINCT ON (guild_id, task, local_date) guild_id, task, local_date, due_at, due_at
                FROM unnest($1, $2, $3, $4) AS planned (guild_id, task, local_date, due_at)
                ORDER BY guild_id, task, local_date, due_at
                ON CONFLICT (guild_id, task, local_date) DO UPDATE SET
                    due_at = excluded.due_at, claimable_at = excluded.due_at
                WHERE kept.state = 'due' AND kept.attempts = 0 AND kept.due_at <> excluded.due_at
                """)

        /// What another worker is claiming at this moment is passed over instead of waited for.
        static let claim = statement(
            "claim_runs", takes: [String].self, String.self, Int64.self, Int64.self,
            gives: Snowflake.self, String.self, LocalDate.self, Int64.self, Int32.self, Snowflake?.self,
            Snowflake?.self,
            sql: """
                WITH free AS (
                    SELECT guild_id, task, local_date FROM daily_run
                    WHERE state IN ('due', 'running', 'posted') AND claimable_at <= \(now) AND task = ANY ($1)
                    ORDER BY claimable_at LIMIT $4
                    FOR UPDATE SKIP LOCKED
                )
                UPDATE daily_run AS kept SET
                    state = CASE kept.state WHEN 'due' THEN 'running' ELSE kept.state END,
                    lease = $2, claimable_at = \(now) + $3, attempts = kept.attempts + 1
                FROM free
                WHERE kept.guild_id = free.guild_id AND kept.task = free.task AND kept.local_date = free.local_date
                RETURNING kept.guild_id, kept.task, kept.local_date, kept.due_at, kept.attempts, kept.channel_id,
                    kept.message_id
                """)

        static let renew = statement(
            "renew_run", takes: Snowflake.self, String.self, LocalDate.self, String.self, Int64.self,
            gives: Snowflake.self,
            sql: """
                UPDATE daily_run SET claimable_at = \(now) + $5
                WHERE guild_id = $1 AND task = $2 AND local_date = $3 AND lease = $4
                    AND state IN ('running', 'posted')
                RETURNING guild_id
                """)

        static let recordPost = statement(
            "record_post", takes: Snowflake.self, String.self, LocalDate.self, String.self, Snowflake.self,
            Snowflake.self, gives: Snowflake.self,
            sql: """
                UPDATE daily_run SET state = 'posted', channel_id = $5, message_id = $6
                WHERE guild_id = $1 AND task = $2 AND local_date = $3 AND lease = $4
                    AND state IN ('running', 'posted')
                RETURNING guild_id
                """)

        /// Succeeds again if it has succeeded before, since an answer can get lost.
        static let end = statement(
            "end_run", takes: Snowflake.self, String.self, LocalDate.self, String.self, String.self, String?.self,
            gives: Snowflake.self,
            sql: """
                UPDATE daily_run SET state = $5, reason = $6
                WHERE guild_id = $1 AND task = $2 AND local_date = $3 AND lease = $4
                    AND state IN ('running', 'posted', $5)
                RETURNING guild_id
                """)

        static let putOff = statement(
            "put_off_run", takes: Snowflake.self, String.self, LocalDate.self, String.self, Int64.self, String.self,
            sql: """
                UPDATE daily_run SET
                    state = CASE WHEN message_id IS NULL THEN 'due' ELSE 'posted' END,
                    lease = NULL, claimable_at = \(now) + $5, reason = $6
                WHERE guild_id = $1 AND task = $2 AND local_date = $3 AND lease = $4
                    AND state IN ('running', 'posted')
                """)

        static let forget = statement(
            "forget_runs", takes: Int64.self, Int64.self, gives: String.self,
            sql: """
                DELETE FROM daily_run WHERE (guild_id, task, local_date) IN (
                    SELECT guild_id, task, local_date FROM daily_run
                    WHERE state IN ('done', 'failed', 'skipped') AND due_at < \(now) - $1
                    ORDER BY due_at LIMIT $2)
                RETURNING task
                """)
    }
}
