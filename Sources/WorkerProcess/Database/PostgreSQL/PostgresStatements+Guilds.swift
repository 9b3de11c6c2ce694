internal import Shared

extension PostgresStatements {
    /// What admins set for their guild.
    enum Settings {
        static let all: [StatementShape] = [
            read.shape, hold.shape, touch.shape, writeConfig.shape, writePreference.shape, forgetWelcomeChannel.shape,
            addNote.shape, notes.shape, removeNotes.shape, notify.shape,
        ]

        static let read = statement(
            "read_settings", takes: Snowflake.self,
            gives: String?.self, Snowflake?.self, Snowflake?.self, String?.self, String?.self, Int64?.self, Int64?.self,
            String?.self, Int32?.self, String?.self, String?.self,
            sql: """
                SELECT c.guild_name, c.welcome_channel_id, c.daily_channel_id, c.prefix, c.preferred_locale, c.left_at,
                    c.member_count, p.welcome_text, p.daily_minute, p.time_zone, p.language
                FROM guild_config AS c LEFT JOIN guild_preference AS p ON p.guild_id = c.guild_id
                WHERE c.guild_id = $1
                """)

        /// Makes the row, and holds it to the end of the transaction.
        static let hold = statement(
            "hold_settings", takes: Snowflake.self, EventID.self, gives: Snowflake.self,
            sql: """
                INSERT INTO guild_config AS kept (guild_id, settings_event_id) VALUES ($1, $2)
                ON CONFLICT (guild_id) DO UPDATE SET
                    settings_event_id = greatest(kept.settings_event_id, excluded.settings_event_id)
                RETURNING guild_id
                """)

        /// Notes which event a setting is of. Gives nothing if a later one was here.
        static let touch = statement(
            "touch_setting", takes: Snowflake.self, String.self, EventID.self, gives: Snowflake.self,
            sql: """
                INSERT INTO setting_event AS kept (guild_id, setting, event_id)
                VALUES ($1, $2, $3)
                ON CONFLICT (guild_id, setting) DO UPDATE SET event_id = excluded.event_id
                WHERE kept.event_id <= excluded.event_id
                RETURNING guild_id
                """)

        static let writeConfig = statement(
            "write_config", takes: Snowflake.self, Snowflake?.self, Snowflake?.self, String?.self,
            sql: """
                UPDATE guild_config SET welcome_channel_id = $2, daily_channel_id = $3, prefix = $4
                WHERE guild_id = $1
                """)

        static let writePreference = statement(
            "write_preference",
            takes: Snowflake.self, String?.self, Int32?.self, String?.self, String?.self, Int64?.self,
            sql: """
                INSERT INTO guild_preference
                    (guild_id, welcome_text, daily_minute, time_zone, language, next_daily_at)
                VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (guild_id) DO UPDATE SET
                    welcome_text = excluded.welcome_text, daily_minute = excluded.daily_minute,
                    time_zone = excluded.time_zone, language = excluded.language,
                    next_daily_at = excluded.next_daily_at
                """)

        static let forgetWelcomeChannel = statement(
            "forget_welcome_channel", takes: Snowflake.self, Snowflake.self,
            sql: """
                UPDATE guild_config SET welcome_channel_id = NULL
                WHERE guild_id = $1 AND welcome_channel_id = $2
                """)

        /// Gives nothing if there is one of the last day already.
        static let addNote = statement(
            "add_note", takes: Snowflake.self, String.self, Snowflake.self, Int64.self, gives: Snowflake.self,
            sql: """
                INSERT INTO admin_note AS kept (guild_id, cause, channel_id, noted_at)
                VALUES ($1, $2, $3, $4)
                ON CONFLICT (guild_id, cause) DO UPDATE SET
                    channel_id = excluded.channel_id, noted_at = excluded.noted_at
                WHERE kept.noted_at < excluded.noted_at - 86400000000
                RETURNING guild_id
                """)

        static let notes = statement(
            "notes", takes: Snowflake.self, gives: String.self, Snowflake.self, Int64.self,
            sql: "SELECT cause, channel_id, noted_at FROM admin_note WHERE guild_id = $1 ORDER BY cause")

        static let removeNotes = statement(
            "remove_notes", takes: Snowflake.self, [String].self,
            sql: """
                DELETE FROM admin_note
                WHERE guild_id = $1 AND cause = ANY ($2)
                """)

        /// Told to those who listen when the transaction is committed. What it counts makes it be evaluated.
        static let notify = statement(
            "notify_settings", takes: String.self, gives: Int64.self,
            sql: "SELECT count(pg_notify('olim_settings', $1)::text)")
    }

    /// Texts of daily posts.
    enum Posts {
        static let all: [StatementShape] = [
            list.shape, added.shape, nextNumber.shape, add.shape, numbered.shape, remove.shape, skip.shape,
            takenNumber.shape, first.shape, take.shape, moveBack.shape,
        ]

        static let list = statement(
            "list_posts", takes: Snowflake.self, gives: Int32.self, String.self, Snowflake.self,
            sql: """
                SELECT number, text, author_id FROM daily_post
                WHERE guild_id = $1 AND removed_by_event IS NULL ORDER BY turn
                """)

        static let added = statement(
            "added_post", takes: Snowflake.self, EventID.self, gives: Int32.self, String.self, Snowflake.self,
            sql: """
                SELECT number, text, author_id FROM daily_post WHERE guild_id = $1 AND added_by_event = $2
                """)

        static let nextNumber = statement(
            "next_post_number", takes: Snowflake.self, gives: Int32.self,
            sql: """
                INSERT INTO guild_preference AS kept (guild_id, last_post_number) VALUES ($1, 1)
                ON CONFLICT (guild_id) DO UPDATE SET last_post_number = kept.last_post_number + 1
                RETURNING last_post_number
                """)

        static let add = statement(
            "add_post", takes: Snowflake.self, Int32.self, String.self, Snowflake.self, EventID.self,
            sql: """
                INSERT INTO daily_post (guild_id, number, text, author_id, turn, added_by_event)
                VALUES ($1, $2, $3, $4,
                    (SELECT coalesce(max(turn), 0) + 1 FROM daily_post WHERE guild_id = $1), $5)
                """)

        static let numbered = statement(
            "numbered_post", takes: Snowflake.self, Int32.self, gives: Int32.self, String.self, Snowflake.self,
            sql: "SELECT number, text, author_id FROM daily_post WHERE guild_id = $1 AND number = $2")

        /// Gives the text again to the event that removed it.
        static let remove = statement(
            "remove_post", takes: Snowflake.self, Int32.self, EventID.self,
            gives: Int32.self, String.self, Snowflake.self,
            sql: """
                UPDATE daily_post SET removed_by_event = $3
                WHERE guild_id = $1 AND number = $2
                    AND (removed_by_event IS NULL OR removed_by_event = $3)
                RETURNING number, text, author_id
                """)

        /// Succeeds again for the event that has succeeded, which the reason names.
        static let skip = statement(
            "skip_run", takes: Snowflake.self, String.self, LocalDate.self, Int64.self, String.self,
            gives: Snowflake.self,
            sql: """
                INSERT INTO daily_run AS kept
                    (guild_id, task, local_date, due_at, claimable_at, state, reason)
                VALUES ($1, $2, $3, $4, $4, 'skipped', $5)
                ON CONFLICT (guild_id, task, local_date) DO UPDATE SET state = 'skipped', reason = excluded.reason
                WHERE kept.state = 'due'
                    OR kept.state = 'skipped' AND kept.reason = excluded.reason
                RETURNING guild_id
                """)

        /// Holds the run, so that two who think that they have it do not both take a text.
        static let takenNumber = statement(
            "taken_post_number", takes: Snowflake.self, String.self, LocalDate.self, gives: Int32?.self,
            sql: """
                SELECT post_number FROM daily_run WHERE guild_id = $1 AND task = $2 AND local_date = $3
                FOR UPDATE
                """)

        static let first = statement(
            "first_post", takes: Snowflake.self, gives: Int32.self, String.self, Snowflake.self,
            sql: """
                SELECT number, text, author_id FROM daily_post
                WHERE guild_id = $1 AND removed_by_event IS NULL ORDER BY turn LIMIT 1
                """)

        static let take = statement(
            "take_post", takes: Snowflake.self, String.self, LocalDate.self, Int32.self,
            sql: """
                UPDATE daily_run SET post_number = $4
                WHERE guild_id = $1 AND task = $2 AND local_date = $3
                """)

        static let moveBack = statement(
            "move_post_back", takes: Snowflake.self, Int32.self,
            sql: """
                UPDATE daily_post SET turn = (SELECT max(turn) + 1 FROM daily_post WHERE guild_id = $1)
                WHERE guild_id = $1 AND number = $2
                """)
    }
}
