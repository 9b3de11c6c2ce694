import Logging
import Shared
import Synchronization
import TestKit
import Testing

@testable import WorkerProcess

/// What becomes of errors of a real server.
@Suite struct PostgresFailureTests {
    static let guild = Snowflake(5)

    private static func store(
        _ url: String, poolSize: Int = 2, limits: PostgresLimits = .patient, logger: Logger = .silent
    ) throws -> PostgresStore {
        try PostgresStore(uri: Secret(url), poolSize: poolSize, limits: limits, logger: logger)
    }

    // MARK: Not getting in

    @Test func `a wrong password is misconfigured, and appears nowhere`() async throws {
        let server = try await PostgresServer.shared()
        let logs = LogLines()
        let store = try Self.store(
            server.tcpURL(database: "postgres", password: "hunter2%40secret"), logger: logs.logger)
        let error = await #expect(throws: StoreError.self) { try await store.ping() }
        #expect(error?.kind == .misconfigured)
        #expect(error?.code == "28P01")
        for text in [error?.description ?? "hunter2", "\(String(describing: error))"] + logs.lines {
            #expect(!text.contains("hunter2"))
        }
        #expect(!logs.lines.isEmpty)
        await store.close()
    }

    @Test func `no such database is misconfigured`() async throws {
        let server = try await PostgresServer.shared()
        let store = try Self.store(server.url(database: "nowhere"))
        let error = await #expect(throws: StoreError.self) { try await store.ping() }
        #expect(error?.kind == .misconfigured)
        #expect(error?.code == "3D000")
        #expect(error?.description.contains("nowhere") == true)
        await store.close()
    }

    @Test(arguments: [
        "postgresql://u:pass%zzword@h/d", "postgresql://u:password@h/d?nonsense=1",
        "postgresql://u:password@[::1/d",
    ])
    func `a URI that libpq refuses is misconfigured without being quoted`(uri: String) {
        let error = #expect(throws: StoreError.self) { try Self.store(uri) }
        #expect(error?.kind == .misconfigured)
        #expect(error?.description.contains("word") == false)
    }

    // That the next calls are told without a wait is tested on `PoolDecisions`, whose time is the test's.
    @Test func `a server that is not there is unavailable after patience, for each who asks`() async throws {
        let directory = try TemporaryDirectory()
        var limits = PostgresLimits()
        limits.lease = .milliseconds(300)
        let store = try Self.store("postgresql://u:secret@/d?host=\(directory.path)", limits: limits)
        let clock = ContinuousClock()
        let first = await clock.measure {
            let error = await #expect(throws: StoreError.self) { try await store.ping() }
            #expect(error?.kind == .unavailable)
            #expect(error?.description.contains(directory.path) == true)
        }
        #expect(first >= .milliseconds(250))
        for _ in 0..<20 {
            let error = await #expect(throws: StoreError.self) { try await store.ping() }
            #expect(error?.kind == .unavailable)
        }
        await store.close()
    }

    @Test func `a server that does not answer costs no more than the connect timeout`() async throws {
        // It accepts connections in its kernel's queue and never says a word.
        let silent = try SilentServer()
        let store = try Self.store(
            "postgresql://u@127.0.0.1:\(silent.port)/d?connect_timeout=2&sslmode=disable", limits: .init())
        let error = await #expect(throws: StoreError.self) { try await store.ping() }
        #expect(error?.kind == .unavailable)
        await store.close()
    }

    // MARK: Losing the connection

    private static func setWelcomeChannel(
        _ channel: Snowflake?, of guild: Snowflake, _ session: PostgresSession
    ) throws(PostgresError) {
        _ = try session.rows(PostgresStatements.Settings.hold, (guild, EventID(1)))
        try session.run(PostgresStatements.Settings.writeConfig, (guild, channel, nil, nil))
    }

    @Test func `a killed backend in the middle of a transaction costs nothing`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated(poolSize: 1)
        let postgres = try #require(store as? PostgresStore)
        let calls = Counter()
        // The first run loses its connection half-way; the second does the whole.
        try await postgres.perform(.transaction) { session throws(PostgresError) in
            try Self.setWelcomeChannel(Snowflake(1), of: Self.guild, session)
            if calls.next() == 1 {
                try session.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            }
            try Self.setWelcomeChannel(Snowflake(2), of: Snowflake(6), session)
        }
        #expect(calls.value == 2)
        #expect(try await store.configuration(of: Self.guild).welcomeChannel == Snowflake(1))
        #expect(try await store.configuration(of: Snowflake(6)).welcomeChannel == Snowflake(2))
        await store.close()
    }

    @Test func `idle connections that the server closed are replaced unseen`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated(poolSize: 3)
        for _ in 0..<5 {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<6 { tasks.addTask { try await store.ping() } }
                try await tasks.waitForAll()
            }
            try await database.run(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """)
        }
        try await store.ping()
        await store.close()
    }

    @Test(arguments: [false, true])
    func `messages counted while the server restarts are counted once`(immediately: Bool) async throws {
        let server = try await PostgresServer.start()
        let name = try await server.createDatabase()
        let store = try Self.store(server.url(database: name), poolSize: 3)
        try await store.migrate()
        let progress = Counter()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in 0..<4 {
                tasks.addTask {
                    for batch in 0..<60 {
                        // So many that they go in two transactions, of which one may fail alone.
                        let events = (1...80).map {
                            ActivityEvent(
                                key: "guild:\(worker)-\($0 % 4)", event: EventID(Int64(batch * 80 + $0)),
                                guild: Self.guild, member: Snowflake(1), day: 1)
                        }
                        // As the queue does: again until it worked.
                        while true {
                            do throws(StoreError) {
                                try await store.recordActivity(events)
                                break
                            } catch {
                                #expect(error.kind == .unavailable, "\(error)")
                                try await Task.sleep(for: .milliseconds(20))
                            }
                        }
                        _ = progress.next()
                    }
                }
            }
            try await eventually("a third is done", within: .seconds(120)) { progress.value > 80 }
            try await server.restart(immediately: immediately)
            try await tasks.waitForAll()
        }
        #expect(try await store.messageCount(of: Snowflake(1), in: Self.guild) == 4 * 60 * 80)
        await store.close()
        try await server.stop()
    }

    // MARK: Statements

    @Test func `a statement that waits too long is unavailable and its connection goes on`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        guard case .postgresql(let uri) = database.location else { return }
        var limits = PostgresLimits.patient
        limits.statement = .milliseconds(200)
        let store = try Self.store(uri.exposed, poolSize: 1, limits: limits)
        let blocker = try Self.store(uri.exposed, poolSize: 1)
        let (locked, told) = (Counter(), Counter())
        async let blocking: Void = blocker.perform(.transaction) { session throws(PostgresError) in
            try session.execute("LOCK TABLE guild_config")
            _ = locked.next()
            try session.hold(until: told)
        }
        try await eventually("the table is locked", within: .seconds(60)) { locked.value == 1 }
        let error = await #expect(throws: StoreError.self) { try await store.configuration(of: Self.guild) }
        #expect(error?.kind == .unavailable)
        #expect(error?.code == "57014")
        _ = told.next()
        try await store.ping()
        try await blocking
        await store.close()
        await blocker.close()
    }

    @Test func `deadlocks are tried again until they pass`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated(poolSize: 2)
        try await database.run(
            "ALTER DATABASE \(try await database.run("SELECT current_database()")[0]) SET deadlock_timeout = '20ms'")
        let postgres = try #require(store as? PostgresStore)
        for guild in [1, 2] as [UInt64] {
            try await store.change(.welcome(channel: nil, text: nil), of: Snowflake(guild), event: EventID(1))
        }
        let (attempts, inside) = (Counter(), Counter())
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for order in [[1, 2], [2, 1]] {
                tasks.addTask {
                    try await postgres.perform(.transaction) { session throws(PostgresError) in
                        let attempt = attempts.next()
                        try Self.setWelcomeChannel(nil, of: Snowflake(UInt64(order[0])), session)
                        _ = inside.next()
                        // Both hold one row before either asks for the other's.
                        while attempt <= 2, inside.value < 2 { try session.execute("SELECT pg_sleep(0.005)") }
                        try Self.setWelcomeChannel(nil, of: Snowflake(UInt64(order[1])), session)
                    }
                }
            }
            try await tasks.waitForAll()
        }
        #expect(attempts.value > 2)
        await store.close()
    }

    @Test func `the server's own errors are rejected without quoting data`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated()
        let postgres = try #require(store as? PostgresStore)
        let error = await #expect(throws: StoreError.self) {
            try await postgres.perform(.transaction) { session throws(PostgresError) in
                try session.execute("INSERT INTO activity_cursor VALUES ('private', 1), ('private', 2)")
            }
        }
        #expect(error?.kind == .rejected)
        #expect(error?.code == "23505")
        #expect(error?.description.contains("private") == false)
        #expect(error?.description.contains("activity_cursor_pkey") == true)
        try await store.ping()
        await store.close()
    }

    @Test func `the server's warnings reach the log`() async throws {
        let database = try await TestDatabase(.postgresql)
        try await database.run("CREATE TABLE guild_config (guild_id TEXT); INSERT INTO guild_config VALUES ('junk')")
        guard case .postgresql(let uri) = database.location else { return }
        let logs = LogLines()
        let store = try Self.store(uri.exposed, logger: logs.logger)
        try await store.migrate()
        #expect(logs.lines.contains { $0.contains("rows without a valid guild_id") })
        await store.close()
    }

    @Test func `close waits for a call that is running and fails those that wait`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated(poolSize: 1)
        let postgres = try #require(store as? PostgresStore)
        let (running, told, closed) = (Counter(), Counter(), Counter())
        async let slow: Void = postgres.perform(.transaction) { session throws(PostgresError) in
            _ = running.next()
            try session.hold(until: told)
        }
        try await eventually("the call runs", within: .seconds(60)) { running.value == 1 }
        let waiting = Task { try await store.ping() }
        let closing = Task {
            await store.close()
            _ = closed.next()
        }
        let error = await #expect(throws: StoreError.self) { try await waiting.value }
        #expect(error?.kind == .closed)
        #expect(closed.value == 0)
        _ = told.next()
        try await slow
        await closing.value
    }

    @Test func `a cancelled task does not wait for a connection`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated(poolSize: 1)
        let postgres = try #require(store as? PostgresStore)
        let (running, told) = (Counter(), Counter())
        async let slow: Void = postgres.perform(.transaction) { session throws(PostgresError) in
            _ = running.next()
            try session.hold(until: told)
        }
        try await eventually("the call runs", within: .seconds(60)) { running.value == 1 }
        let waiting = Task { try await store.ping() }
        waiting.cancel()
        // Whoever waits in vain is told another reason.
        let error = await #expect(throws: StoreError.self) { try await waiting.value }
        #expect(error?.kind == .unavailable)
        #expect(error?.description.contains("cancelled") == true)
        _ = told.next()
        try await slow
        await store.close()
    }

    @Test func `blocked connections do not hold up other tasks`() async throws {
        let database = try await TestDatabase(.postgresql)
        let store = try await database.openMigrated(poolSize: 8)
        let postgres = try #require(store as? PostgresStore)
        let (running, told, ended) = (Counter(), Counter(), Counter())
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    try await postgres.perform(.transaction) { session throws(PostgresError) in
                        _ = running.next()
                        try session.hold(until: told)
                    }
                    _ = ended.next()
                }
            }
            try await eventually("all eight are blocked", within: .seconds(60)) { running.value == 8 }
            for _ in 0..<20 { try await Task.sleep(for: .milliseconds(1)) }
            #expect(ended.value == 0)
            _ = told.next()
            try await tasks.waitForAll()
        }
        await store.close()
    }
}

extension PostgresSession {
    /// Blocks the connection's thread until a test says so, or so long that the test has failed.
    fileprivate func hold(until told: Counter) throws(PostgresError) {
        var rounds = 0
        while told.value == 0, rounds < 12_000 {
            try execute("SELECT pg_sleep(0.005)")
            rounds += 1
        }
    }
}

/// Counts calls from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }

    var value: Int { count.withLock { $0 } }
}

/// Keeps what is logged.
final class LogLines: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(lines: self) }
    }

    fileprivate func append(_ line: String) { kept.withLock { $0.append(line) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.append("\(event.level) \(event.message) \(event.metadata ?? [:])")
        }
    }
}
