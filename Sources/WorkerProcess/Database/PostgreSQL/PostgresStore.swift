internal import Logging
internal import Shared

/// The store on a PostgreSQL server (13 or later), through libpq.
final class PostgresStore: Store {
    let location: PostgresLocation
    let limits: PostgresLimits
    let poolSize: Int
    private let connections: ConnectionPool
    private let leaseTimes: RegistrationLease.Times
    let logger: Logger

    /// Connects to nothing yet.
    /// - Throws: `misconfigured` if libpq does not understand the URI.
    init(
        uri: Secret, poolSize: Int, limits: PostgresLimits = .init(), leaseTimes: RegistrationLease.Times = .init(),
        logger: Logger
    ) throws(StoreError) {
        location = try PostgresLocation(uri: uri)
        self.limits = limits
        self.poolSize = poolSize
        connections = ConnectionPool(location, size: poolSize, limits: limits, logger: logger)
        self.leaseTimes = leaseTimes
        self.logger = logger
    }

    var identity: StoreIdentity {
        get async throws(StoreError) {
            let id = try await perform(.single) { session throws(PostgresError) in
                try session.rows(PostgresStatements.identity, ()).first
            }
            guard let id else {
                throw StoreError(
                    kind: .misconfigured, code: nil, description: "\(location.place): table olim_identity is empty")
            }
            return StoreIdentity(id: id, engine: "postgresql")
        }
    }

    var pool: PoolUsage? { get async { await connections.usage } }

    func migrate() async throws(StoreError) {
        for migration in PostgresMigrations.all {
            do throws(StoreError) {
                let wasMissing = try await perform(.migration) { session throws(PostgresError) in
                    try Self.apply(migration, session)
                }
                guard wasMissing else { continue }
                logger.info(
                    "Database migrated",
                    metadata: ["version": "\(migration.number)", "database": "\(location.place)"])
            } catch {
                throw error.duringMigration(migration.number)
            }
        }
    }

    func ping() async throws(StoreError) {
        _ = try await perform(.single) { session throws(PostgresError) in try session.rows(PostgresStatements.ping, ())
        }
    }

    func recordGuild(_ sighting: GuildSighting) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(
                PostgresStatements.recordGuild,
                (
                    sighting.guild, sighting.name, sighting.ownerID, sighting.preferredLocale,
                    sighting.memberCount.map(Int64.init), sighting.event
                ))
        }
    }

    func recordDeparture(of guild: Snowflake, event: EventID, at: Int64) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(PostgresStatements.recordDeparture, (guild, at, event))
        }
    }

    func countMembers(_ change: Int, of guild: Snowflake, event: EventID) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(PostgresStatements.countMembers, (guild, Int64(change), event))
        }
    }

    func reconcileGuilds(
        shard: Int, of shardCount: Int, present: [Snowflake], event: EventID, at: Int64
    ) async throws(StoreError) -> Int {
        try await perform(.transaction) { session throws(PostgresError) in
            let absent = try session.rows(
                PostgresStatements.markAbsent, (Int64(shard), Int64(shardCount), present, event, at))
            try session.run(PostgresStatements.markPresent, (present, event))
            return absent.count
        }
    }

    func messageCount(of member: Snowflake, in guild: Snowflake) async throws(StoreError) -> Int {
        let rows = try await perform(.single) { session throws(PostgresError) in
            try session.rows(PostgresStatements.messageCount, (guild, member))
        }
        return Int((rows.first ?? nil) ?? 0)
    }

    func registeredCommandsHash(of application: Snowflake) async throws(StoreError) -> String? {
        let rows = try await perform(.single) { session throws(PostgresError) in
            try session.rows(PostgresStatements.registeredHash, application)
        }
        return rows.first ?? nil
    }

    func registeringCommands(
        of application: Snowflake, _ body: @Sendable @escaping (String?) async throws -> String
    ) async throws {
        try await RegistrationLease.run(
            self, application: application, holder: RandomToken.make(), times: leaseTimes, body)
    }

    func forgetRecords(olderThan age: Duration) async throws(StoreError) -> Int {
        try await perform(.transaction) { session throws(PostgresError) in
            let bounds = (age.microseconds, Int64(RecordAge.batchLimit))
            return try session.rows(PostgresStatements.OutgoingMessages.forget, bounds).count
                + session.rows(PostgresStatements.DailyRuns.forget, bounds).count
                + session.rows(PostgresStatements.Planning.forgetPosts, age.microseconds).count
        }
    }

    func close() async {
        await connections.close()
    }
}

extension PostgresStore: RegistrationLeases {
    func claimLease(
        of application: Snowflake, holder: String, for duration: Duration
    ) async throws(StoreError) -> RegistrationLease.Claim {
        let rows = try await perform(.single) { session throws(PostgresError) in
            try session.rows(PostgresStatements.claimLease, (application, holder, duration.milliseconds))
        }
        return rows.first.map { .claimed(registeredHash: $0) } ?? .held
    }

    func renewLease(
        of application: Snowflake, holder: String, for duration: Duration
    ) async throws(StoreError) -> Bool {
        try await perform(.single) { session throws(PostgresError) in
            try !session.rows(PostgresStatements.renewLease, (application, holder, duration.milliseconds)).isEmpty
        }
    }

    func finishLease(of application: Snowflake, holder: String, hash: String) async throws(StoreError) -> Bool {
        try await perform(.single) { session throws(PostgresError) in
            try !session.rows(PostgresStatements.finishLease, (application, holder, hash)).isEmpty
        }
    }

    func releaseLease(of application: Snowflake, holder: String) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(PostgresStatements.releaseLease, (application, holder))
        }
    }
}

extension PostgresStore {
    /// Runs a transaction on one of the pool's connections, again where `TransactionRetry` says so.
    func perform<Value: Sendable>(
        _ mode: PostgresSession.Mode, _ body: @Sendable (PostgresSession) throws(PostgresError) -> Value
    ) async throws(StoreError) -> Value {
        let started = ContinuousClock.now
        var retry = TransactionRetry()
        while true {
            let lease = try await connections.lease()
            do throws(PostgresError) {
                let value = try await lease.connection.perform(mode, body)
                await connections.giveBack(lease, isBroken: false)
                return value
            } catch {
                await connections.giveBack(lease, isBroken: error.callsForAnotherConnection)
                let decision = retry.failed(error, elapsed: .now - started, jitter: .random(in: 0...1))
                guard case .again(let pause) = decision else { throw StoreError(error, place: location.place) }
                logger.info("Transaction repeated", metadata: ["error": "\(error.message)"])
                // A cancelled task's next lease fails by itself.
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Applies one migration if it is missing; a later release's schema is refused if it is of no use.
    private static func apply(
        _ migration: PostgresMigration, _ session: PostgresSession
    ) throws(PostgresError) -> Bool {
        // Before anything is looked at; statements after it see what the worker that had it has committed.
        try session.execute(PostgresMigrations.lock)
        try session.execute("SET LOCAL client_min_messages = warning")
        try session.execute(PostgresMigrations.createRecord)
        let record = try session.rows(PostgresStatements.appliedMigrations, ())
        switch MigrationPlan(known: PostgresMigrations.all.map(\.number), record: record) {
        case .refuse(let found):
            // 3F000: invalid schema, which is `misconfigured`.
            throw PostgresError(sqlState: "3F000", message: MigrationPlan.laterRelease(found))
        case .apply(let missing) where !missing.contains(migration.number): return false
        case .apply: break
        }
        for statement in migration.statements { try session.execute(statement) }
        try session.run(
            PostgresStatements.recordMigration,
            (Int64(migration.number), migration.name, Version.current, Int64(migration.usableFrom)))
        return true
    }
}
