internal import Logging
internal import Shared

/// The store in one file: for a bot on one machine, with nothing to install.
///
/// Any number of worker processes share the file: it is in WAL mode, every transaction that writes begins with `BEGIN
/// IMMEDIATE`, and waits `patience` for its turn. What reads waits for no one.
final class SQLiteStore: Store {
    /// How long a transaction waits for another process's before the work is released: many times what a transaction
    /// takes, and shorter than anyone would wait for an answer.
    static let patience: Duration = .seconds(5)

    let path: String
    private let writer: SQLiteThread
    private let reader: SQLiteThread
    private let leaseTimes: RegistrationLease.Times
    private let logger: Logger

    /// Opens the file, making it (mode 0600) and its directory (0700) where they are missing.
    init(path: String, leaseTimes: RegistrationLease.Times = .init(), logger: Logger) async throws(StoreError) {
        self.path = path
        self.leaseTimes = leaseTimes
        self.logger = logger
        try SQLiteFile.create(path)
        do {
            writer = try await SQLiteThread(path, patience: Self.patience)
            reader = try await SQLiteThread(path, patience: Self.patience)
        } catch {
            throw StoreError(sqlite: error, path: path, isOpening: true)
        }
    }

    var identity: StoreIdentity {
        get async throws(StoreError) {
            let id = try await read { try $0.rows(SQLiteStatements.identity, ()).first }
            guard let id else { throw Self.unmigrated(path) }
            return StoreIdentity(id: id, engine: "sqlite")
        }
    }

    func migrate() async throws(StoreError) {
        let place = "sqlite:\(path)"
        for migration in SQLiteMigrations.all {
            let applied: SQLiteMigrator.Outcome
            do throws(StoreError) {
                applied = try await write { session in
                    try SQLiteMigrator.apply(migration, of: SQLiteMigrations.all, to: session.connection, place: place)
                }
            } catch {
                throw error.duringMigration(migration.number)
            }
            for line in applied.reports {
                logger.warning("Migration kept aside what it could not take over", metadata: ["what": "\(line)"])
            }
            if applied.wasMissing {
                logger.info("Database migrated", metadata: ["version": "\(migration.number)", "database": "\(place)"])
            }
        }
    }

    func ping() async throws(StoreError) {
        // A transaction that writes nothing still shows whether the file can be locked.
        _ = try await write { try $0.rows(SQLiteStatements.ping, ()) }
    }

    func recordGuild(_ sighting: GuildSighting) async throws(StoreError) {
        try await write {
            try $0.run(
                SQLiteStatements.recordGuild,
                (
                    sighting.guild, sighting.name, sighting.ownerID, sighting.preferredLocale,
                    sighting.memberCount.map(Int64.init), sighting.event
                ))
        }
    }

    func recordDeparture(of guild: Snowflake, event: EventID, at: Int64) async throws(StoreError) {
        try await write { try $0.run(SQLiteStatements.recordDeparture, (guild, at, event)) }
    }

    func countMembers(_ change: Int, of guild: Snowflake, event: EventID) async throws(StoreError) {
        try await write { try $0.run(SQLiteStatements.countMembers, (guild, Int64(change), event)) }
    }

    func reconcileGuilds(
        shard: Int, of shardCount: Int, present: [Snowflake], event: EventID, at: Int64
    ) async throws(StoreError) -> Int {
        try await write {
            let absent = try $0.rows(
                SQLiteStatements.markAbsent, (Int64(shard), Int64(shardCount), present, event, at))
            try $0.run(SQLiteStatements.markPresent, (present, event))
            return absent.count
        }
    }

    func recordActivity(_ events: [ActivityEvent]) async throws(StoreError) {
        guard !events.isEmpty else { return }
        let batch = ActivityBatch(events)
        try await write { session in
            // BEGIN IMMEDIATE has locked all cursors already.
            var cursors: [String: EventID] = [:]
            for key in batch.keys { cursors[key] = try session.rows(SQLiteStatements.cursor, key).first }
            let changes = batch.changes(after: cursors)
            for total in changes.totals {
                try session.run(
                    SQLiteStatements.addMessages, (total.guild, total.member, total.day, total.messages))
            }
            for cursor in changes.cursors {
                try session.run(SQLiteStatements.advanceCursor, (cursor.key, cursor.event))
            }
        }
    }

    func messageCount(of member: Snowflake, in guild: Snowflake) async throws(StoreError) -> Int {
        Int(try await read { try $0.rows(SQLiteStatements.messageCount, (guild, member)).first } ?? 0)
    }

    func registeredCommandsHash(of application: Snowflake) async throws(StoreError) -> String? {
        try await read { try $0.rows(SQLiteStatements.registeredHash, application).first } ?? nil
    }

    func registeringCommands(
        of application: Snowflake, _ body: @Sendable @escaping (String?) async throws -> String
    ) async throws {
        try await RegistrationLease.run(
            self, application: application, holder: RandomToken.make(), times: leaseTimes, body)
    }

    func forgetRecords(olderThan age: Duration) async throws(StoreError) -> Int {
        try await write { session in
            let bounds = (age.microseconds, Int64(RecordAge.batchLimit))
            return try session.rows(SQLiteStatements.OutgoingMessages.forget, bounds).count
                + session.rows(SQLiteStatements.DailyRuns.forget, bounds).count
                + session.rows(SQLiteStatements.Planning.forgetPosts, age.microseconds).count
        }
    }

    func close() async {
        await writer.close()
        await reader.close()
    }
}

extension SQLiteStore: RegistrationLeases {
    func claimLease(
        of application: Snowflake, holder: String, for duration: Duration
    ) async throws(StoreError) -> RegistrationLease.Claim {
        let rows = try await write {
            try $0.rows(SQLiteStatements.claimLease, (application, holder, duration.milliseconds))
        }
        return rows.first.map { .claimed(registeredHash: $0) } ?? .held
    }

    func renewLease(
        of application: Snowflake, holder: String, for duration: Duration
    ) async throws(StoreError) -> Bool {
        try await write {
            try !$0.rows(SQLiteStatements.renewLease, (application, holder, duration.milliseconds)).isEmpty
        }
    }

    func finishLease(of application: Snowflake, holder: String, hash: String) async throws(StoreError) -> Bool {
        try await write { try !$0.rows(SQLiteStatements.finishLease, (application, holder, hash)).isEmpty }
    }

    func releaseLease(of application: Snowflake, holder: String) async throws(StoreError) {
        try await write { try $0.run(SQLiteStatements.releaseLease, (application, holder)) }
    }
}

extension SQLiteStore {
    /// One transaction that sees the last commit and writes nothing.
    func read<Value: Sendable>(
        _ body: @Sendable (SQLiteSession) throws -> Value
    ) async throws(StoreError) -> Value {
        try await perform(.reading, on: reader, body)
    }

    /// One transaction that has the file to itself; durable when it returns.
    func write<Value: Sendable>(
        _ body: @Sendable (SQLiteSession) throws -> Value
    ) async throws(StoreError) -> Value {
        try await perform(.writing, on: writer, body)
    }

    /// What reads and writes outside transactions, for PRAGMAs.
    func withWriter<Value: Sendable>(
        _ body: @Sendable (SQLiteConnection) throws -> Value
    ) async throws -> Value {
        try await writer.perform(body)
    }

    private func perform<Value: Sendable>(
        _ kind: SQLiteTransaction, on thread: SQLiteThread, _ body: @Sendable (SQLiteSession) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await thread.perform { [logger] connection in
                try connection.transaction(kind) { try body(SQLiteSession(connection: connection, logger: logger)) }
            }
        } catch {
            throw StoreError(sqlite: error, path: path)
        }
    }

    static func unmigrated(_ path: String) -> StoreError {
        StoreError(kind: .misconfigured, code: nil, description: "sqlite:\(path) has no schema of Olim's yet")
    }

    /// The file holds a value of another type than the statement promises, which a test rules out for our own schema.
    static func mismatch(_ statement: StatementShape) -> StoreError {
        StoreError(
            kind: .rejected, code: nil,
            description: "statement \(statement.name) gave a row of other types than promised")
    }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
