internal import GRDB

/// The schema's history. A migration that has been released is never changed; the next one goes at the end.
enum SQLiteMigrations {
    static let all: [SQLiteMigration] = [
        SQLiteMigration(number: 1, name: "guilds, activity, command registration") { database in
            for table in firstTables { try database.execute(sql: table) }
            return try SQLiteAdoption(database).run()
        },
        SQLiteMigration(number: 2, name: "order of settings, messages sent, daily runs") { database in
            for statement in tablesOfEffects { try database.execute(sql: statement) }
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
}
