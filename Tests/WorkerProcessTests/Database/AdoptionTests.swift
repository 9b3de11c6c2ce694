import Shared
import Testing

@testable import WorkerProcess

/// Tables `guild_config` as other bots leave them behind.
@Suite struct AdoptionTests {
    static let guild = Snowflake(81_384_788_765_712_384)

    /// A table and its rows: guild 81384788765712384 with the welcome channel 55 and the daily channel 66, named Ä's.
    static let shapes: [(name: String, engines: [Engine], sql: String)] = [
        (
            "BIGINT", Engine.allCases,
            """
            CREATE TABLE guild_config (guild_id BIGINT PRIMARY KEY, guild_name VARCHAR(100) NOT NULL,
                welcome_channel_id BIGINT, daily_channel_id BIGINT);
            INSERT INTO guild_config VALUES (81384788765712384, 'Ä''s', 55, 66);
            """
        ),
        (
            "NUMERIC", Engine.allCases,
            """
            CREATE TABLE guild_config (guild_id NUMERIC(20) NOT NULL UNIQUE, guild_name TEXT,
                welcome_channel_id NUMERIC, daily_channel_id NUMERIC(20, 2));
            INSERT INTO guild_config VALUES (81384788765712384, 'Ä''s', 55, 66);
            """
        ),
        (
            "TEXT with defaults, blanks and no key", Engine.allCases,
            """
            CREATE TABLE guild_config (daily_channel_id TEXT NOT NULL DEFAULT '', guild_name TEXT DEFAULT 'x',
                welcome_channel_id VARCHAR(20) DEFAULT '0', guild_id VARCHAR(20));
            INSERT INTO guild_config VALUES ('66', 'Ä''s', ' 55 ', '81384788765712384');
            """
        ),
        (
            "a key of its own and columns that must not be NULL", Engine.allCases,
            """
            CREATE TABLE guild_config (id INTEGER NOT NULL, guild_id TEXT NOT NULL, guild_name CHAR(4) NOT NULL,
                welcome_channel_id TEXT NOT NULL, daily_channel_id TEXT NOT NULL, created_at TEXT NOT NULL,
                PRIMARY KEY (id));
            INSERT INTO guild_config VALUES (1, '81384788765712384', 'Ä''s', '55', '66', '2020-01-01');
            """
        ),
        (
            "columns of our names with another meaning", Engine.allCases,
            """
            CREATE TABLE guild_config (guild_id BIGINT PRIMARY KEY, guild_name TEXT, welcome_channel_id BIGINT,
                daily_channel_id BIGINT, left_at TEXT, last_event_id TEXT, prefix VARCHAR(5), member_count TEXT);
            INSERT INTO guild_config VALUES (81384788765712384, 'Ä''s', 55, 66, 'yesterday', 'e1', '?', '12');
            """
        ),
        (
            "a serial key, an index and a timestamp", [.postgresql],
            """
            CREATE TABLE guild_config (id SERIAL PRIMARY KEY, guild_id NUMERIC(20, 0) NOT NULL,
                guild_name TEXT, welcome_channel_id NUMERIC(20, 0), daily_channel_id NUMERIC(20, 0),
                created_at TIMESTAMPTZ NOT NULL DEFAULT now(), settings JSONB NOT NULL);
            CREATE INDEX guild_config_name ON guild_config (guild_name);
            INSERT INTO guild_config (guild_id, guild_name, welcome_channel_id, daily_channel_id, settings)
                VALUES (81384788765712384, 'Ä''s', 55, 66, '{}');
            """
        ),
        (
            "strict, without rowid, with an index and a trigger", [.sqlite],
            """
            CREATE TABLE guild_config (guild_id TEXT NOT NULL PRIMARY KEY, guild_name TEXT, welcome_channel_id TEXT,
                daily_channel_id TEXT, "odd ""name" ANY) STRICT, WITHOUT ROWID;
            CREATE INDEX by_name ON guild_config (guild_name);
            CREATE TABLE log (name TEXT);
            CREATE TRIGGER logged AFTER INSERT ON guild_config BEGIN INSERT INTO log VALUES (new.guild_name); END;
            CREATE VIEW names AS SELECT guild_name FROM guild_config;
            INSERT INTO guild_config VALUES ('81384788765712384', 'Ä''s', '55', '66', 'kept');
            """
        ),
    ]

    static let cases = shapes.indices.flatMap { index in shapes[index].engines.map { (index, $0) } }

    @Test(arguments: cases)
    func `a table that is there is taken over`(index: Int, engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        try await database.run(Self.shapes[index].sql)
        let store = try await database.openMigrated()
        var expected = GuildConfiguration(guild: Self.guild)
        expected.name = "Ä's"
        expected.welcomeChannel = Snowflake(55)
        expected.dailyChannel = Snowflake(66)
        var found = try await store.configuration(of: Self.guild)
        #expect([nil, "?"].contains(found.prefix))
        found.prefix = nil
        found.memberCount = nil
        #expect(found == expected)

        // And it works as our own does, for this guild and another.
        for (guild, event) in [(Self.guild, 10), (Snowflake(9), 11)] {
            try await store.recordGuild(.of(guild, name: "new", event: Int64(event)))
            try await store.change(.welcome(channel: Snowflake(77), text: nil), of: guild, event: EventID(1))
            try await store.change(.welcome(channel: nil, text: nil), of: guild, event: EventID(1))
            #expect(try await store.configuration(of: guild).name == "new")
            try await store.recordDeparture(of: guild, event: EventID(20), at: 1)
            #expect(try await store.configuration(of: guild).hasLeft)
        }
        #expect(try await database.run("SELECT count(*) FROM guild_config_rejected") == ["0"])
        await store.close()
        // Migrating again changes nothing.
        await (try await database.openMigrated()).close()
    }

    @Test(arguments: Engine.allCases)
    func `missing columns are added and other ones kept`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        try await database.run(
            """
            CREATE TABLE guild_config (guild_id TEXT, mod_role TEXT, warnings INTEGER DEFAULT 3);
            INSERT INTO guild_config VALUES ('5', 'admins', 4);
            """)
        let store = try await database.openMigrated()
        #expect(try await store.configuration(of: Snowflake(5)) == GuildConfiguration(guild: Snowflake(5)))
        try await store.change(.welcome(channel: Snowflake(1), text: nil), of: Snowflake(6), event: EventID(1))
        let rows = try await database.run("SELECT guild_id, mod_role, warnings FROM guild_config ORDER BY guild_id")
        #expect(rows == ["5|admins|4", "6||3"])
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `what another column of our name held is kept beside ours`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        try await database.run(
            """
            CREATE TABLE guild_config (guild_id BIGINT, left_at TEXT);
            INSERT INTO guild_config VALUES (5, 'yesterday');
            """)
        let store = try await database.openMigrated()
        #expect(try await !store.configuration(of: Snowflake(5)).hasLeft)
        #expect(try await database.run("SELECT legacy_left_at FROM guild_config") == ["yesterday"])
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `junk, NULL and doubles are reported and kept, the rest taken over`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        try await database.run(
            """
            CREATE TABLE guild_config (guild_id TEXT, guild_name TEXT, welcome_channel_id TEXT, daily_channel_id TEXT);
            INSERT INTO guild_config VALUES
                ('1', 'one', NULL, '0'),
                ('2', 'two', '#welcome', ''),
                ('abc', 'three', '7', '8'),
                (NULL, 'four', '7', '8'),
                ('99999999999999999999', 'five', '7', '8'),
                ('-6', 'six', '7', '8'),
                ('1', 'one again', '9', NULL);
            """)
        let store = try await database.openMigrated()
        #expect(try await database.run("SELECT guild_id FROM guild_config ORDER BY guild_id") == ["1", "2"])
        let first = try await store.configuration(of: Snowflake(1))
        #expect(first.name == "one again" && first.welcomeChannel == Snowflake(9) && first.dailyChannel == nil)
        let second = try await store.configuration(of: Snowflake(2))
        #expect(second.name == "two" && second.welcomeChannel == nil && second.dailyChannel == nil)
        let field = engine == .sqlite ? "json_extract(legacy_row, '$.guild_name')" : "legacy_row ->> 'guild_name'"
        let rejected = try await database.run(
            "SELECT column_name, reason, \(field) FROM guild_config_rejected ORDER BY 3")
        #expect(
            rejected.map { $0.replacing("not an id", with: "no").replacing("not a number", with: "no") } == [
                "guild_id|no|five", "guild_id|no|four", "guild_id|another row has the same guild_id|one",
                "guild_id|no|six", "guild_id|no|three", "welcome_channel_id|no|two",
            ])
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a table that cannot be ours is refused and left as it was`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        try await database.run("CREATE TABLE guild_config (name TEXT); INSERT INTO guild_config VALUES ('kept')")
        let store = try await database.open()
        let error = await #expect(throws: StoreError.self) { try await store.migrate() }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains("guild_id") == true)
        #expect(try await database.run("SELECT name FROM guild_config") == ["kept"])
        await store.close()
    }

    @Test func `a PostgreSQL migration that fails leaves nothing behind`() async throws {
        let database = try await TestDatabase(.postgresql)
        // A view keeps the column's type from being changed.
        try await database.run(
            """
            CREATE TABLE guild_config (guild_id TEXT); INSERT INTO guild_config VALUES ('1');
            CREATE VIEW ids AS SELECT guild_id FROM guild_config
            """)
        let store = try await database.open()
        let error = await #expect(throws: StoreError.self) { try await store.migrate() }
        #expect(error?.kind == .misconfigured)
        #expect(try await database.run("SELECT to_regclass('olim_identity') IS NULL") == ["t"])
        try await database.run("DROP VIEW ids")
        try await store.migrate()
        #expect(try await store.configuration(of: Snowflake(1)).guild == Snowflake(1))
        await store.close()
    }

    @Test func `SQLite's indexes, triggers and views survive`() async throws {
        let database = try await TestDatabase(.sqlite)
        try await database.run(try #require(Self.shapes.last).sql)
        let store = try await database.openMigrated()
        try await store.recordGuild(.of(Snowflake(5), name: "fifth", event: 1))
        #expect(try await database.run("SELECT name FROM log ORDER BY 1") == ["fifth", "Ä's"])
        #expect(try await database.run("SELECT count(*) FROM names") == ["2"])
        #expect(
            try await database.run(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'guild_config' AND sql IS NOT NULL")
                == [
                    "by_name", "guild_config_left_at",
                ])
        #expect(try await database.run("SELECT \"odd \"\"name\" FROM guild_config WHERE guild_id > 5") == ["kept"])
        await store.close()
    }
}
