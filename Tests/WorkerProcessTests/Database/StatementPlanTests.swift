import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// What is asked often, or of tables that grow, is found by an index.
@Suite struct StatementPlanTests {
    /// 10,000 guilds with 100 rows of members each, and years of runs that have ended and of messages beside a few that wait.
    private static let guilds = 10_000
    private static let rowsPerGuild = 100

    /// What reads everything, and may: READY is compared with all guilds of a shard, and one row is one row.
    private static let exempt: Set = [
        "mark_absent", "applied_migrations", "identity", "ping", "settings_change_number", "notify_settings",
    ]

    private static func numbers(_ engine: Engine, to count: Int) -> String {
        engine == .postgresql
            ? "generate_series(0, \(count - 1)) AS n (i)"
            : """
            (WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(count - 1)) SELECT i FROM n)
            """
    }

    private static func fill(_ database: TestDatabase) async throws {
        let each = numbers(database.engine, to: guilds)
        let all = numbers(database.engine, to: guilds * rowsPerGuild)
        let some = numbers(database.engine, to: 40_000)
        try await database.run(
            """
            INSERT INTO guild_config (guild_id, owner_id, left_at, daily_channel_id)
            SELECT i, i, CASE WHEN i % 100 = 0 THEN i END, i FROM \(each);
            INSERT INTO guild_preference (guild_id, next_daily_at) SELECT i, CAST(i AS BIGINT) * 1000000 FROM \(each);
            INSERT INTO setting_event (guild_id, setting, event_id) SELECT i, 'daily', i FROM \(each);
            INSERT INTO command_registration (application_id, hash) SELECT i, 'x' FROM \(each);
            INSERT INTO member_activity (guild_id, member_id, day, messages)
            SELECT i / 100, i / 100 % 5000 * 10 + i % 10, 20000 + i / 10 % 10, 3 FROM \(all);
            INSERT INTO activity_cursor (key, last_event_id) SELECT CAST(i AS TEXT), i FROM \(each);
            INSERT INTO daily_post (guild_id, number, text, author_id, turn, added_by_event, removed_by_event)
            SELECT i / 4, i % 4, 'text', i % 5000, i, i, CASE WHEN i % 500 = 0 THEN i END FROM \(some);
            INSERT INTO admin_note (guild_id, cause, channel_id, noted_at) SELECT i, 'daily_forbidden', 1, i FROM \(each);
            INSERT INTO daily_run (guild_id, task, local_date, due_at, claimable_at, state)
            SELECT i % \(guilds), 'quote', CAST(i / \(guilds) AS TEXT), i, i,
                CASE WHEN i >= 39990 THEN 'due' WHEN i % 1000 = 0 THEN 'failed' ELSE 'done' END FROM \(some);
            INSERT INTO outgoing_message (nonce, channel_id, begun_at) SELECT CAST(i AS TEXT), 1, i FROM \(some);
            ANALYZE
            """)
    }

    @Test func `PostgreSQL reads no table from end to end`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        try await Self.fill(database)
        #expect(try await Int(database.run("SELECT count(*) FROM member_activity")[0]) ?? 0 > 900_000)
        let shapes = PostgresStatements.all.filter { $0.sql.contains("WHERE") && !Self.exempt.contains($0.name) }
        // One session for all: starting psql costs more than a plan.
        let script = shapes.enumerated().map { index, shape in
            let types = shape.parameters.map { "\($0.name)" }.joined(separator: ", ")
            let values = shape.parameters.map(\.example).joined(separator: ", ")
            let call = shape.parameters.isEmpty ? "" : "(\(values))"
            let signature = shape.parameters.isEmpty ? "" : "(\(types))"
            return
                "SELECT '#\(index)'; PREPARE asked_\(index) \(signature) AS \(shape.sql); EXPLAIN EXECUTE asked_\(index) \(call)"
        }
        let lines = try await database.run(script.joined(separator: ";\n"))
        let plans = lines.split { $0.hasPrefix("#") }
        #expect(plans.count == shapes.count)
        for (shape, plan) in zip(shapes, plans) {
            #expect(!plan.contains { $0.contains("Seq Scan") }, "\(shape.name): \(plan.joined(separator: "\n"))")
        }
    }

    @Test func `SQLite reads no table from end to end`() async throws {
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        try await Self.fill(database)
        guard case .sqlite(let path) = database.location else { return }
        let connection = try SQLiteConnection(path, patience: .seconds(5))
        let tables = try connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").rows().map {
            $0[0].text
        }
        for shape in SQLiteStatements.all where !Self.exempt.contains(shape.name) {
            let values = shape.parameters.map { type -> SQLiteValue in
                switch type {
                case .textArray: .text(#"["quote"]"#)
                case .bigintArray: .text("[5]")
                case .text: .text("5")
                default: .integer(5)
                }
            }
            // Number, parent, nothing, detail (sqlite.org/eqp.html).
            let details = try connection.prepare("EXPLAIN QUERY PLAN \(shape.sql)").rows(values).map { $0[3].text }
            let scans = details.filter { detail in
                tables.contains { detail == "SCAN \($0)" || detail.hasPrefix("SCAN \($0) ") }
            }
            #expect(scans.allSatisfy { $0.contains("INDEX") }, "\(shape.name): \(details)")
        }
    }

    @Test func `the check notices what no index serves`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        try await database.run(
            "INSERT INTO outgoing_message (nonce, channel_id, begun_at) SELECT i, 1, i FROM generate_series(1, 9999) AS n (i)"
        )
        let plan = try await database.run("EXPLAIN SELECT 1 FROM outgoing_message WHERE channel_id = 2")
        #expect(plan.contains { $0.contains("Seq Scan") })
    }
}

extension SQLType {
    fileprivate var example: String {
        switch self {
        case .bigint, .integer: "5"
        case .text: "'5'"
        case .boolean: "true"
        case .bigintArray, .integerArray: "'{5}'"
        case .textArray: "'{quote}'"
        }
    }
}
