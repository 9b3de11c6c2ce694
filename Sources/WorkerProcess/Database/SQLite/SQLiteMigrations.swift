/// The schema's history. A migration that has been released is never changed; the next one goes at the end.
enum SQLiteMigrations {
    static let all: [SQLiteMigration] = [
        SQLiteMigration(number: 1, name: "guilds, activity, command registration", usableFrom: 1) { connection in
            for table in firstTables { try connection.execute(table) }
            return try SQLiteAdoption(connection).run()
        },
        SQLiteMigration(number: 2, name: "order of settings, messages sent, daily runs", usableFrom: 2) { connection in
            for statement in tablesOfEffects { try connection.execute(statement) }
            return []
        },
        SQLiteMigration(number: 3, name: "preferences, daily posts, notes for admins", usableFrom: 3) { connection in
            for statement in tablesOfAGuild { try connection.execute(statement) }
            return []
        },
    ]

    /// `guild_config` is made by `SQLiteAdoption`, whether there is one to take over or not.
    private static let firstTables = [
        """
        CREATE TABLE olim_identity (
            only_row INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
            id TEXT NOT NULL
        )
        """,
        "INSERT INTO olim_identity (id) VALUES (lower(hex(randomblob(16))))",
        """
        CREATE TABLE member_activity (
            guild_id INTEGER NOT NULL,
            member_id INTEGER NOT NULL,
            day INTEGER NOT NULL, -- since 1970 in UTC
            messages INTEGER NOT NULL,
            PRIMARY KEY (guild_id, member_id, day)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE activity_cursor (
            key TEXT NOT NULL PRIMARY KEY,
            last_event_id INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE command_registration (
            application_id INTEGER NOT NULL PRIMARY KEY,
            hash TEXT,
            lease_holder TEXT,
            lease_until INTEGER -- milliseconds since 1970
        )
        """,
        """
        CREATE TABLE guild_config_rejected (
            id INTEGER PRIMARY KEY,
            column_name TEXT NOT NULL,
            reason TEXT NOT NULL,
            legacy_row TEXT NOT NULL -- JSON, every column as text
        )
        """,
    ]

    private static let tablesOfEffects = [
        "ALTER TABLE guild_config ADD COLUMN settings_event_id INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE outgoing_message (
            nonce TEXT NOT NULL PRIMARY KEY,
            channel_id INTEGER NOT NULL,
            begun_at INTEGER NOT NULL, -- microseconds since 1970; before the first request went out
            sent_at INTEGER, -- NULL while it is not known to be there
            message_id INTEGER
        ) WITHOUT ROWID
        """,
        "CREATE INDEX outgoing_message_begun_at ON outgoing_message (begun_at)",
        """
        CREATE TABLE daily_run (
            guild_id INTEGER NOT NULL,
            task TEXT NOT NULL,
            local_date TEXT NOT NULL,
            due_at INTEGER NOT NULL, -- microseconds since 1970
            state TEXT NOT NULL DEFAULT 'due'
                CHECK (state IN ('due', 'running', 'posted', 'done', 'failed', 'skipped')),
            claimable_at INTEGER NOT NULL, -- microseconds since 1970; the end of the lease while somebody has it
            lease TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            channel_id INTEGER,
            message_id INTEGER,
            reason TEXT,
            PRIMARY KEY (guild_id, task, local_date)
        )
        """,
        """
        CREATE INDEX daily_run_claimable_at ON daily_run (claimable_at)
        WHERE state IN ('due', 'running', 'posted')
        """,
        "CREATE INDEX daily_run_ended ON daily_run (due_at) WHERE state IN ('done', 'failed', 'skipped')",
    ]

    private static let tablesOfAGuild = [
        """
        CREATE TABLE guild_preference (
            guild_id INTEGER NOT NULL PRIMARY KEY,
            welcome_text TEXT,
            daily_minute INTEGER, -- after local midnight
            time_zone TEXT,
            language TEXT,
            next_daily_at INTEGER, -- microseconds since 1970; NULL where there is no daily post
            last_post_number INTEGER NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE INDEX guild_preference_next_daily_at ON guild_preference (next_daily_at)
        WHERE next_daily_at IS NOT NULL
        """,
        """
        CREATE TABLE setting_event (
            guild_id INTEGER NOT NULL,
            setting TEXT NOT NULL,
            event_id INTEGER NOT NULL,
            PRIMARY KEY (guild_id, setting)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE daily_post (
            guild_id INTEGER NOT NULL,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            author_id INTEGER NOT NULL,
            turn INTEGER NOT NULL, -- the least one comes next
            added_by_event INTEGER NOT NULL,
            removed_by_event INTEGER,
            PRIMARY KEY (guild_id, number)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX daily_post_turn ON daily_post (guild_id, turn) WHERE removed_by_event IS NULL",
        "CREATE INDEX daily_post_author ON daily_post (author_id)",
        "CREATE INDEX daily_post_removed ON daily_post (removed_by_event) WHERE removed_by_event IS NOT NULL",
        "ALTER TABLE daily_run ADD COLUMN post_number INTEGER",
        """
        CREATE TABLE admin_note (
            guild_id INTEGER NOT NULL,
            cause TEXT NOT NULL,
            channel_id INTEGER NOT NULL,
            noted_at INTEGER NOT NULL,
            PRIMARY KEY (guild_id, cause)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE settings_change (
            only_row INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
            number INTEGER NOT NULL DEFAULT 0 -- grows with each change of a guild's settings
        )
        """,
        "INSERT INTO settings_change DEFAULT VALUES",
        "CREATE INDEX member_activity_day ON member_activity (guild_id, day)",
        "CREATE INDEX member_activity_member ON member_activity (member_id)",
        "CREATE INDEX guild_config_left_at ON guild_config (left_at) WHERE left_at IS NOT NULL",
        """
        INSERT INTO guild_preference (guild_id, next_daily_at)
        SELECT guild_id, 0 FROM guild_config WHERE daily_channel_id IS NOT NULL
        """,
    ]
}
