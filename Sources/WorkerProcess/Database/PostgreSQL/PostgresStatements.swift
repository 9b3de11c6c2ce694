internal import Shared

/// Every statement that runs on PostgreSQL once it is migrated.
enum PostgresStatements {
    static let all: [StatementShape] =
        [
            appliedMigrations.shape, recordMigration.shape, identity.shape, ping.shape, recordGuild.shape,
            recordDeparture.shape, countMembers.shape, markAbsent.shape, markPresent.shape,

            moveFreshCursors.shape, addCursors.shape, lockCursors.shape, addMessages.shape, advanceCursors.shape,
            messageCount.shape,
            registeredHash.shape, claimLease.shape, renewLease.shape, finishLease.shape, releaseLease.shape,
        ] + OutgoingMessages.all + DailyRuns.all + Settings.all + Posts.all + Counts.all + Planning.all

    /// Microseconds since 1970 by the server's clock. A query of its own, because a function whose value changes is not looked
    /// up in an index.
    static let now = "(SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"

    static let appliedMigrations = statement(
        "applied_migrations", gives: Int64.self, Int64.self,
        sql: "SELECT version, coalesce(usable_from, version) FROM schema_migration")

    static let recordMigration = statement(
        "record_migration", takes: Int64.self, String.self, String.self, Int64.self,
        sql: "INSERT INTO schema_migration (version, name, release, usable_from) VALUES ($1, $2, $3, $4)")

    static let identity = statement("identity", gives: String.self, sql: "SELECT id FROM olim_identity")

    static let ping = statement("ping", gives: Int32.self, sql: "SELECT 1")

    static let recordGuild = statement(
        "record_guild",
        takes: Snowflake.self, String.self, Snowflake?.self, String?.self, Int64?.self, EventID.self,
        sql: """
            INSERT INTO guild_config AS kept
                (guild_id, guild_name, owner_id, preferred_locale, member_count, last_event_id)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (guild_id) DO UPDATE SET
                guild_name = excluded.guild_name,
                owner_id = coalesce(excluded.owner_id, kept.owner_id),
                preferred_locale = coalesce(excluded.preferred_locale, kept.preferred_locale),
                member_count = coalesce(excluded.member_count, kept.member_count),
                left_at = NULL,
                last_event_id = excluded.last_event_id
            WHERE kept.last_event_id < excluded.last_event_id
            """)

    static let recordDeparture = statement(
        "record_departure", takes: Snowflake.self, Int64.self, EventID.self,
        sql: """
            INSERT INTO guild_config AS kept (guild_id, left_at, last_event_id) VALUES ($1, $2, $3)
            ON CONFLICT (guild_id) DO UPDATE SET
                left_at = coalesce(kept.left_at, excluded.left_at),
                last_event_id = excluded.last_event_id
            WHERE kept.last_event_id < excluded.last_event_id
            """)

    static let countMembers = statement(
        "count_members", takes: Snowflake.self, Int64.self, EventID.self,
        sql: """
            UPDATE guild_config SET member_count = greatest(0, member_count + $2), last_event_id = $3
            WHERE guild_id = $1 AND last_event_id < $3 AND member_count IS NOT NULL
            """)

    /// A guild's shard is `(guild_id >> 22) % shard_count` (gateway.mdx, Sharding).
    static let markAbsent = statement(
        "mark_absent", takes: Int64.self, Int64.self, [Snowflake].self, EventID.self, Int64.self,
        gives: Snowflake.self,
        sql: """
            UPDATE guild_config SET left_at = $5, last_event_id = $4
            WHERE left_at IS NULL AND last_event_id < $4 AND (guild_id >> 22) % $2 = $1 AND guild_id <> ALL ($3)
            RETURNING guild_id
            """)

    static let markPresent = statement(
        "mark_present", takes: [Snowflake].self, EventID.self,
        sql: """
            UPDATE guild_config SET left_at = NULL, last_event_id = $2
            WHERE last_event_id < $2 AND guild_id = ANY ($1)
            """)

    /// In the order of the keys, so that two workers that add the same ones wait for each other in one direction only.
    /// Moves the cursors behind all events of their keys in a batch, given the first and the last of each; a cursor that has passed
    /// the first stays, and is not among the keys that come back.
    static let moveFreshCursors = statement(
        "move_fresh_cursors", takes: [String].self, [EventID].self, [EventID].self, gives: String.self,
        sql: """
            UPDATE activity_cursor AS kept SET last_event_id = new.last_id
            FROM (SELECT * FROM unnest($1, $2, $3) AS span (key, first_id, last_id) ORDER BY key COLLATE "C") AS new
            WHERE kept.key = new.key AND kept.last_event_id < new.first_id
            RETURNING kept.key
            """)

    static let addCursors = statement(
        "add_cursors", takes: [String].self,
        sql: """
            INSERT INTO activity_cursor (key, last_event_id)
            SELECT key, 0 FROM unnest($1) AS keys (key) ORDER BY key COLLATE "C"
            ON CONFLICT (key) DO NOTHING
            """)

    /// Locks in the order of the keys too. A row that another worker held is read anew after the wait.
    static let lockCursors = statement(
        "lock_cursors", takes: [String].self, gives: String.self, EventID.self,
        sql: """
            SELECT key, last_event_id FROM activity_cursor
            WHERE key = ANY ($1) ORDER BY key COLLATE "C" FOR UPDATE
            """)

    static let addMessages = statement(
        "add_messages", takes: [Snowflake].self, [Snowflake].self, [Int32].self, [Int64].self,
        sql: """
            INSERT INTO member_activity AS kept (guild_id, member_id, day, messages)
            SELECT * FROM unnest($1, $2, $3, $4)
            ON CONFLICT (guild_id, member_id, day) DO UPDATE SET messages = kept.messages + excluded.messages
            """)

    static let advanceCursors = statement(
        "advance_cursors", takes: [String].self, [EventID].self,
        sql: """
            UPDATE activity_cursor AS kept SET last_event_id = new.last_event_id
            FROM unnest($1, $2) AS new (key, last_event_id) WHERE kept.key = new.key
            """)

    static let messageCount = statement(
        "message_count", takes: Snowflake.self, Snowflake.self, gives: Int64?.self,
        sql: "SELECT sum(messages)::bigint FROM member_activity WHERE guild_id = $1 AND member_id = $2")

    static let registeredHash = statement(
        "registered_hash", takes: Snowflake.self, gives: String?.self,
        sql: "SELECT hash FROM command_registration WHERE application_id = $1")

    /// By the server's clock. Claiming again what one holds succeeds, since an answer can get lost.
    static let claimLease = statement(
        "claim_lease", takes: Snowflake.self, String.self, Int64.self, gives: String?.self,
        sql: """
            INSERT INTO command_registration AS kept (application_id, lease_holder, lease_until)
            VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
            ON CONFLICT (application_id) DO UPDATE SET
                lease_holder = excluded.lease_holder, lease_until = excluded.lease_until
            WHERE kept.lease_holder IS NULL OR kept.lease_holder = $2 OR kept.lease_until < clock_timestamp()
            RETURNING hash
            """)

    static let renewLease = statement(
        "renew_lease", takes: Snowflake.self, String.self, Int64.self, gives: Snowflake.self,
        sql: """
            UPDATE command_registration SET lease_until = clock_timestamp() + $3 * interval '1 millisecond'
            WHERE application_id = $1 AND lease_holder = $2
            RETURNING application_id
            """)

    /// Succeeds again if it has succeeded before.
    static let finishLease = statement(
        "finish_lease", takes: Snowflake.self, String.self, String.self, gives: Snowflake.self,
        sql: """
            UPDATE command_registration SET hash = $3, lease_holder = NULL, lease_until = NULL
            WHERE application_id = $1 AND (lease_holder = $2 OR lease_holder IS NULL AND hash = $3)
            RETURNING application_id
            """)

    static let releaseLease = statement(
        "release_lease", takes: Snowflake.self, String.self,
        sql: """
            UPDATE command_registration SET lease_holder = NULL, lease_until = NULL
            WHERE application_id = $1 AND lease_holder = $2
            """)
}
