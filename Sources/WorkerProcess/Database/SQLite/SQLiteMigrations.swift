internal import GRDB

/// The schema's history. A migration that has been released is never changed; the next one goes at the end.
enum SQLiteMigrations {
    static let all: [SQLiteMigration] = [
        SQLiteMigration(number: 1, name: "guilds, activity, command registration") { database in
            for table in firstTables { try database.execute(sql: table) }
            return try SQLiteAdoption(database).run()
        }
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
}
