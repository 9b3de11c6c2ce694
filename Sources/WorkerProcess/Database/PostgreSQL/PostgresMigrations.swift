/// One step of the schema: constant texts, run in one transaction.
struct PostgresMigration: Sendable {
    let number: Int
    let name: String
    /// The oldest version of the schema whose statements are valid after it (`MigrationPlan`).
    let usableFrom: Int
    let statements: [String]
}

/// The schema's history. A migration that has been released is never changed; the next one goes at the end.
enum PostgresMigrations {
    static let all: [PostgresMigration] = [
        PostgresMigration(
            number: 1, name: "guilds, activity, command registration", usableFrom: 1,
            statements: firstTables + PostgresAdoption.statements),
        PostgresMigration(
            number: 2, name: "order of settings, messages sent, daily runs", usableFrom: 2, statements: tablesOfEffects),
        PostgresMigration(
            number: 3, name: "preferences, daily posts, notes for admins", usableFrom: 3, statements: tablesOfAGuild),
    ]

    /// Where migrations are recorded; made before the first.
    static let createRecord = """
        CREATE TABLE IF NOT EXISTS schema_migration (
            version BIGINT PRIMARY KEY,
            name TEXT NOT NULL,
            release TEXT NOT NULL,
            applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
        );
        DO $$ BEGIN
            -- Asked first, because ALTER TABLE waits for everyone who reads the table.
            IF NOT EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = 'schema_migration'::regclass AND attname = 'usable_from'
            ) THEN
                ALTER TABLE schema_migration ADD COLUMN usable_from BIGINT;
            END IF;
        END $$
        """

    /// Held by whoever migrates, to the end of the transaction. The number is "OLIM" in ASCII.
    static let lock = "SELECT pg_advisory_xact_lock(1330399565)"

    /// `guild_config` is made by `PostgresAdoption`, whether there is one to take over or not.
    private static let firstTables = [
        """
        CREATE TABLE olim_identity (
            only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
            id TEXT NOT NULL
        )
        """,
        "INSERT INTO olim_identity (id) VALUES (gen_random_uuid())",
        """
        CREATE TABLE member_activity (
            guild_id BIGINT NOT NULL,
            member_id BIGINT NOT NULL,
            day INTEGER NOT NULL,
            messages BIGINT NOT NULL,
            PRIMARY KEY (guild_id, member_id, day)
        )
        """,
        "COMMENT ON COLUMN member_activity.day IS 'days since 1970-01-01 in UTC'",
        """
        CREATE TABLE activity_cursor (
            key TEXT COLLATE "C" PRIMARY KEY,
            last_event_id BIGINT NOT NULL
        )
        """,
        """
        CREATE TABLE command_registration (
            application_id BIGINT PRIMARY KEY,
            hash TEXT,
            lease_holder TEXT,
            lease_until TIMESTAMPTZ
        )
        """,
        """
        CREATE TABLE guild_config_rejected (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            column_name TEXT NOT NULL,
            reason TEXT NOT NULL,
            legacy_row JSONB NOT NULL
        )
        """,
    ]

    private static let tablesOfEffects = [
        "ALTER TABLE guild_config ADD COLUMN settings_event_id BIGINT NOT NULL DEFAULT 0",
        """
        CREATE TABLE outgoing_message (
            nonce TEXT COLLATE "C" PRIMARY KEY,
            channel_id BIGINT NOT NULL,
            begun_at BIGINT NOT NULL,
            sent_at BIGINT,
            message_id BIGINT
        )
        """,
        "COMMENT ON COLUMN outgoing_message.begun_at IS 'microseconds since 1970; before the first request went out'",
        "COMMENT ON COLUMN outgoing_message.sent_at IS 'NULL while it is not known to be there'",
        "CREATE INDEX outgoing_message_begun_at ON outgoing_message (begun_at)",
        """
        CREATE TABLE daily_run (
            guild_id BIGINT NOT NULL,
            task TEXT COLLATE "C" NOT NULL,
            local_date TEXT COLLATE "C" NOT NULL,
            due_at BIGINT NOT NULL,
            state TEXT NOT NULL DEFAULT 'due'
                CHECK (state IN ('due', 'running', 'posted', 'done', 'failed', 'skipped')),
            claimable_at BIGINT NOT NULL,
            lease TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            channel_id BIGINT,
            message_id BIGINT,
            reason TEXT,
            PRIMARY KEY (guild_id, task, local_date)
        )
        """,
        "COMMENT ON COLUMN daily_run.due_at IS 'microseconds since 1970'",
        "COMMENT ON COLUMN daily_run.claimable_at IS 'microseconds since 1970; the end of the lease while somebody has it'",
        """
        CREATE INDEX daily_run_claimable_at ON daily_run (claimable_at)
        WHERE state IN ('due', 'running', 'posted')
        """,
        "CREATE INDEX daily_run_ended ON daily_run (due_at) WHERE state IN ('done', 'failed', 'skipped')",
    ]

    private static let tablesOfAGuild = [
        """
        CREATE TABLE guild_preference (
            guild_id BIGINT PRIMARY KEY,
            welcome_text TEXT,
            daily_minute INTEGER,
            time_zone TEXT,
            language TEXT,
            next_daily_at BIGINT,
            last_post_number INTEGER NOT NULL DEFAULT 0
        )
        """,
        "COMMENT ON COLUMN guild_preference.daily_minute IS 'minutes after local midnight'",
        "COMMENT ON COLUMN guild_preference.next_daily_at IS 'microseconds since 1970; NULL where there is no daily post'",
        """
        CREATE INDEX guild_preference_next_daily_at ON guild_preference (next_daily_at)
        WHERE next_daily_at IS NOT NULL
        """,
        """
        CREATE TABLE setting_event (
            guild_id BIGINT NOT NULL,
            setting TEXT COLLATE "C" NOT NULL,
            event_id BIGINT NOT NULL,
            PRIMARY KEY (guild_id, setting)
        )
        """,
        """
        CREATE TABLE daily_post (
            guild_id BIGINT NOT NULL,
            number INTEGER NOT NULL,
            text TEXT NOT NULL,
            author_id BIGINT NOT NULL,
            turn BIGINT NOT NULL,
            added_by_event BIGINT NOT NULL,
            removed_by_event BIGINT,
            PRIMARY KEY (guild_id, number)
        )
        """,
        "COMMENT ON COLUMN daily_post.turn IS 'the least one comes next'",
        "CREATE INDEX daily_post_turn ON daily_post (guild_id, turn) WHERE removed_by_event IS NULL",
        "CREATE INDEX daily_post_author ON daily_post (author_id)",
        "CREATE INDEX daily_post_removed ON daily_post (removed_by_event) WHERE removed_by_event IS NOT NULL",
        "ALTER TABLE daily_run ADD COLUMN post_number INTEGER",
        """
        CREATE TABLE admin_note (
            guild_id BIGINT NOT NULL,
            cause TEXT COLLATE "C" NOT NULL,
            channel_id BIGINT NOT NULL,
            noted_at BIGINT NOT NULL,
            PRIMARY KEY (guild_id, cause)
        )
        """,
        "CREATE INDEX member_activity_day ON member_activity (guild_id, day)",
        "CREATE INDEX member_activity_member ON member_activity (member_id)",
        "CREATE INDEX guild_config_left_at ON guild_config (left_at) WHERE left_at IS NOT NULL",
        """
        INSERT INTO guild_preference (guild_id, next_daily_at)
        SELECT guild_id, 0 FROM guild_config WHERE daily_channel_id IS NOT NULL
        """,
    ]
}
