import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// What every engine promises, asked of each.
@Suite struct StoreConformanceTests {
    static let guild = Snowflake(81_384_788_765_712_384)
    static let member = Snowflake(80_351_110_224_678_912)

    // MARK: Guilds

    @Test(arguments: Engine.allCases)
    func `an unknown guild has the defaults`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        #expect(try await store.configuration(of: Self.guild) == GuildConfiguration(guild: Self.guild))
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a guild keeps its configuration while its name changes`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.recordGuild(.of(Self.guild, name: "Élan 🐘 \"q\\\" '", event: 10))
        try await store.change(.welcome(channel: Snowflake(55), text: nil), of: Self.guild, event: EventID(1))
        try await store.recordGuild(
            GuildSighting(
                guild: Self.guild, name: "New", ownerID: nil, preferredLocale: nil, memberCount: nil,
                event: EventID(11), at: 2))
        var expected = GuildConfiguration(guild: Self.guild)
        expected.name = "New"
        expected.welcomeChannel = Snowflake(55)
        expected.preferredLocale = "de"
        expected.memberCount = try await store.configuration(of: Self.guild).memberCount
        #expect(try await store.configuration(of: Self.guild) == expected)
        try await store.change(.welcome(channel: nil, text: nil), of: Self.guild, event: EventID(1))
        #expect(try await store.configuration(of: Self.guild).welcomeChannel == nil)
        await store.close()
    }

    @Test(arguments: Engine.allCases, ["Élan 🐘 \"q\\\" ' %s $1 ?1", "", " ", "a\nb\tc", "\u{202E}x"])
    func `a name comes back as it was`(engine: Engine, name: String) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.recordGuild(.of(Self.guild, name: name, event: 1))
        #expect(try await store.configuration(of: Self.guild).name == name)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a name with U+0000 loses only that character`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.recordGuild(.of(Self.guild, name: "a\0b", event: 1))
        #expect(try await store.configuration(of: Self.guild).name == "a\u{FFFD}b")
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `an id beyond 2^63 comes back as it was`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        let guild = Snowflake(.max)
        try await store.change(.welcome(channel: Snowflake(1 << 63), text: nil), of: guild, event: EventID(1))
        #expect(try await store.configuration(of: guild).welcomeChannel == Snowflake(1 << 63))
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `an earlier event changes nothing after a later one`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.recordGuild(.of(Self.guild, name: "late", event: 20))
        try await store.recordGuild(.of(Self.guild, name: "early", event: 19))
        try await store.recordDeparture(of: Self.guild, event: EventID(18), at: 3)
        let configuration = try await store.configuration(of: Self.guild)
        #expect(configuration.name == "late")
        #expect(!configuration.hasLeft)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a departure keeps the settings and a return revives them`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.recordGuild(.of(Self.guild, event: 1))
        try await store.change(.welcome(channel: Snowflake(5), text: nil), of: Self.guild, event: EventID(1))
        try await store.recordDeparture(of: Self.guild, event: EventID(2), at: 3)
        #expect(try await store.configuration(of: Self.guild).hasLeft)
        #expect(try await store.configuration(of: Self.guild).welcomeChannel == Snowflake(5))
        try await store.recordGuild(.of(Self.guild, event: 3))
        #expect(try await !store.configuration(of: Self.guild).hasLeft)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a departure of a guild never seen outlives an older arrival`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.recordDeparture(of: Self.guild, event: EventID(9), at: 3)
        try await store.recordGuild(.of(Self.guild, event: 8))
        #expect(try await store.configuration(of: Self.guild).hasLeft)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `READY marks what it lacks of its shard, and nothing seen later or elsewhere`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        // By (id >> 22) % 2: 0 and 2 are on shard 0, 1 on shard 1.
        let here = [0, 2, 4, 6].map { Snowflake(UInt64($0) << 22 | 1) }
        let elsewhere = Snowflake(1 << 22 | 1)
        for guild in here[..<3] + [elsewhere] { try await store.recordGuild(.of(guild, event: 10)) }
        try await store.recordDeparture(of: here[1], event: EventID(11), at: 1)
        try await store.recordGuild(.of(here[3], event: 30))

        let absent = try await store.reconcileGuilds(shard: 0, of: 2, present: [here[1]], event: EventID(20), at: 4)
        #expect(absent == 2)
        var left: [Bool] = []
        for guild in here + [elsewhere] { left.append(try await store.configuration(of: guild).hasLeft) }
        #expect(left == [true, false, true, false, false])

        // Once more, and an older departure that comes late.
        #expect(try await store.reconcileGuilds(shard: 0, of: 2, present: [here[1]], event: EventID(20), at: 4) == 0)
        try await store.recordDeparture(of: here[1], event: EventID(19), at: 1)
        #expect(try await !store.configuration(of: here[1]).hasLeft)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `READY with no guild at all marks every one of the shard`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        for id in 1...3 { try await store.recordGuild(.of(Snowflake(UInt64(id) << 22), event: 1)) }
        #expect(try await store.reconcileGuilds(shard: 0, of: 1, present: [], event: EventID(2), at: 4) == 3)
        await store.close()
    }

    // MARK: Activity

    @Test(arguments: Engine.allCases)
    func `messages are counted once, however often and in whatever batches they come`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        let events = (1...40).map { Self.message($0, key: "guild:\($0 % 3)", day: 20_000 + $0 % 2) }
        try await store.recordActivity(Array(events[..<25]))
        try await store.recordActivity(Array(events[..<25]))
        try await store.recordActivity(Array(events[10...]) + Array(events[30...]))
        try await store.recordActivity([])
        #expect(try await store.messageCount(of: Self.member, in: Self.guild) == 40)
        #expect(try await store.messageCount(of: Self.member, in: Snowflake(1)) == 0)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `keys with quotes, commas and braces are keys like others`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        let keys = ["{a,b}", "\"", "\\", "NULL", "", "ä'\n"]
        let events = keys.enumerated().map { Self.message($0.offset + 1, key: $0.element, day: 1) }
        for _ in 0..<2 { try await store.recordActivity(events) }
        #expect(try await store.messageCount(of: Self.member, in: Self.guild) == keys.count)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `two workers on one database count each message once`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let stores = [try await database.openMigrated(), try await database.openMigrated()]
        // Each batch goes to both workers at once, with other keys in another order: what the queue does after a
        // worker's acknowledgement got lost, only worse.
        let batches = (0..<20).map { batch in
            (0..<100).map { Self.message(batch * 100 + $0 + 1, key: "guild:\(batch % 4)-\($0 % 5)", day: $0 % 3) }
        }
        for group in 0..<5 {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for batch in batches[group * 4..<group * 4 + 4] {
                    for (index, store) in stores.enumerated() {
                        tasks.addTask { try await store.recordActivity(index == 0 ? batch : batch.reversed()) }
                    }
                }
                try await tasks.waitForAll()
            }
        }
        #expect(try await stores[0].messageCount(of: Self.member, in: Self.guild) == 2000)
        for store in stores { await store.close() }
    }

    // MARK: Registering commands

    @Test(arguments: Engine.allCases)
    func `one worker at a time registers commands, and sees what the last one did`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let stores = [try await database.openMigrated(), try await database.openMigrated()]
        let inside = Occupancy()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for index in 0..<6 {
                tasks.addTask {
                    try await stores[index % 2].registeringCommands(of: Snowflake(1)) { hash in
                        #expect(await inside.enter() == 1)
                        try await Task.sleep(for: .milliseconds(10))
                        await inside.leave()
                        return String((hash.flatMap(Int.init) ?? 0) + 1)
                    }
                }
            }
            try await tasks.waitForAll()
        }
        #expect(try await stores[0].registeredCommandsHash(of: Snowflake(1)) == "6")
        #expect(try await stores[0].registeredCommandsHash(of: Snowflake(2)) == nil)
        for store in stores { await store.close() }
    }

    @Test(arguments: Engine.allCases)
    func `a failed registration changes nothing and lets the next one in`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.registeringCommands(of: Snowflake(1)) { _ in "first" }
        await #expect(throws: Refusal.self) {
            try await store.registeringCommands(of: Snowflake(1)) { _ in throw Refusal() }
        }
        #expect(try await store.registeredCommandsHash(of: Snowflake(1)) == "first")
        try await store.registeringCommands(of: Snowflake(1)) { hash in
            #expect(hash == "first")
            return "second"
        }
        #expect(try await store.registeredCommandsHash(of: Snowflake(1)) == "second")
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `the lease of a worker that died ends`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        let leases = try #require(store as? any RegistrationLeases)
        #expect(
            try await leases.claimLease(of: Snowflake(1), holder: "dead", for: .seconds(600))
                == .claimed(registeredHash: nil))
        #expect(try await leases.claimLease(of: Snowflake(1), holder: "b", for: .seconds(9)) == .held)
        try await Self.endLease(database)
        try await store.registeringCommands(of: Snowflake(1)) { _ in "mine" }
        #expect(try await !leases.renewLease(of: Snowflake(1), holder: "dead", for: .seconds(9)))
        #expect(try await !leases.finishLease(of: Snowflake(1), holder: "dead", hash: "late"))
        #expect(try await store.registeredCommandsHash(of: Snowflake(1)) == "mine")
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a lease is renewed while its holder works, and a holder that lost it is stopped`(engine: Engine) async throws
    {
        let database = try await TestDatabase(engine)
        let store = try await database.openMigrated()
        let leases = try #require(store as? any RegistrationLeases)
        let times = RegistrationLease.Times(
            lease: .seconds(600), renewal: .milliseconds(20), poll: .milliseconds(20), limit: .seconds(300))
        try await RegistrationLease.run(leases, application: Snowflake(1), holder: "a", times: times) { _ in
            let end = "SELECT lease_until FROM command_registration"
            let first = try await database.run(end)
            try await eventually("the lease is renewed") { try await database.run(end) != first }
            #expect(try await leases.claimLease(of: Snowflake(1), holder: "b", for: .seconds(9)) == .held)
            return "kept"
        }
        let error = await #expect(throws: StoreError.self) {
            try await RegistrationLease.run(leases, application: Snowflake(1), holder: "a", times: times) { _ in
                try await database.run("UPDATE command_registration SET lease_holder = 'b'")
                try await Task.sleep(for: .seconds(30))
                return "never"
            }
        }
        #expect(error?.kind == .conflict)
        #expect(try await store.registeredCommandsHash(of: Snowflake(1)) == "kept")
        await store.close()
    }

    /// What time does to the lease of a worker that died.
    private static func endLease(_ database: TestDatabase) async throws {
        let past = database.engine == .sqlite ? "0" : "to_timestamp(0)"
        try await database.run("UPDATE command_registration SET lease_until = \(past)")
    }

    // MARK: Life

    @Test(arguments: Engine.allCases)
    func `the factory opens what the location names`(engine: Engine) async throws {
        let store = try await StoreFactory.open(TestDatabase(engine).location, poolSize: 1, logger: .silent)
        try await store.migrate()
        #expect(try await store.identity.engine == engine.rawValue)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `eight workers that start at once migrate once and agree on the identity`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        let identities = try await withThrowingTaskGroup(of: StoreIdentity.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    let store = try await database.openMigrated(poolSize: 1)
                    let identity = try await store.identity
                    await store.close()
                    return identity
                }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(identities.count == 8)
        #expect(identities.allSatisfy { $0 == identities[0] && $0.engine == engine.rawValue && !$0.id.isEmpty })
        #expect(try await database.run("SELECT version FROM schema_migration") == ["1", "2", "3"])
    }

    @Test(arguments: Engine.allCases)
    func `a database of a later release is refused`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        try await database.openMigrated().close()
        try await database.run("INSERT INTO schema_migration (version, name, release) VALUES (99, 'x', '9')")
        let store = try await database.open()
        let error = await #expect(throws: StoreError.self) { try await store.migrate() }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains("version 99") == true)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a database of a later release that left our statements valid is used, as after a rollback`(
        engine: Engine
    ) async throws {
        let database = try await TestDatabase(engine)
        try await database.openMigrated().close()
        try await database.run(
            """
            ALTER TABLE guild_config ADD COLUMN favourite_colour TEXT;
            INSERT INTO schema_migration (version, name, release, usable_from) VALUES (99, 'x', '9', 3)
            """)
        let store = try await database.openMigrated()
        try await store.change(.welcome(channel: Snowflake(4), text: nil), of: Self.guild, event: EventID(1))
        #expect(try await store.configuration(of: Self.guild).welcomeChannel == Snowflake(4))
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a database without our schema is no event's fault`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).open()
        let error = await #expect(throws: StoreError.self) { try await store.configuration(of: Self.guild) }
        #expect(error?.kind == .misconfigured)
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `after close every call fails as closed`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated()
        try await store.ping()
        await store.close()
        for call in [
            { try await store.ping() }, { _ = try await store.configuration(of: Self.guild) },
            { try await store.recordActivity([Self.message(1, key: "a", day: 1)]) },
        ] as [@Sendable () async throws -> Void] {
            let error = await #expect(throws: StoreError.self) { try await call() }
            #expect(error?.kind == .closed)
        }
        await store.close()
    }

    @Test(arguments: Engine.allCases)
    func `a hundred callers at once are all served`(engine: Engine) async throws {
        let store = try await TestDatabase(engine).openMigrated(poolSize: 3)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for index in 1...100 {
                tasks.addTask {
                    let guild = Snowflake(UInt64(index % 10 + 1))
                    try await store.recordGuild(.of(guild, name: "\(index)", event: Int64(index)))
                    try await store.change(
                        .welcome(channel: Snowflake(UInt64(index)), text: nil), of: guild, event: EventID(1))
                    _ = try await store.configuration(of: guild)
                }
            }
            try await tasks.waitForAll()
        }
        for id in 1...10 {
            let newest = id == 1 ? 100 : 90 + id - 1
            #expect(try await store.configuration(of: Snowflake(UInt64(id))).name == String(newest))
        }
        await store.close()
    }

    static func message(_ event: Int, key: String, day: Int) -> ActivityEvent {
        ActivityEvent(key: key, event: EventID(Int64(event)), guild: guild, member: member, day: day)
    }
}

private struct Refusal: Error {}

private actor Occupancy {
    private var inside = 0

    func enter() -> Int {
        inside += 1
        return inside
    }

    func leave() { inside -= 1 }
}
