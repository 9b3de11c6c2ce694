import GRDB
import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// What is asked often, or of tables that grow, is found by an index.
@Suite struct StatementPlanTests {
    private static let days = 400
    private static let guilds = 100

    /// Years of runs that have ended and of messages, and a few runs that are waiting.
    private static func fill(_ database: TestDatabase) async throws {
        let (numbers, analyze) =
            database.engine == .sqlite
            ? (
                """
                (WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(days * guilds - 1))
                SELECT i FROM n)
                """, "ANALYZE"
            ) : ("generate_series(0, \(days * guilds - 1)) AS n (i)", "ANALYZE daily_run; ANALYZE outgoing_message")
        try await database.run(
            """
            INSERT INTO daily_run (guild_id, task, local_date, due_at, claimable_at, state)
            SELECT i % \(guilds), 'quote', CAST(i / \(guilds) AS TEXT), i, i,
                CASE WHEN i < \(days * guilds - 10) THEN 'done' ELSE 'due' END FROM \(numbers);
            INSERT INTO outgoing_message (nonce, channel_id, begun_at) SELECT CAST(i AS TEXT), 1, i FROM \(numbers);
            \(analyze)
            """)
    }

    @Test func `PostgreSQL reads no table of effects from end to end`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        try await Self.fill(database)
        let shapes = PostgresStatements.OutgoingMessages.all + PostgresStatements.DailyRuns.all
        for shape in shapes where shape.sql.contains("WHERE") {
            let types = shape.parameters.map { "\($0.name)" }.joined(separator: ", ")
            let values = shape.parameters.map(\.example).joined(separator: ", ")
            let plan = try await database.run(
                "PREPARE asked (\(types)) AS \(shape.sql); EXPLAIN EXECUTE asked (\(values))")
            #expect(!plan.isEmpty)
            #expect(!plan.contains { $0.contains("Seq Scan") }, "\(shape.name): \(plan.joined(separator: "\n"))")
        }
    }

    @Test func `SQLite reads no table of effects from end to end`() async throws {
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        try await Self.fill(database)
        guard case .sqlite(let path) = database.location else { return }
        let queue = try DatabaseQueue(path: path)
        for shape in SQLiteStatements.OutgoingMessages.all + SQLiteStatements.DailyRuns.all {
            let details = try await queue.read { database in
                let statement = try database.makeStatement(sql: "EXPLAIN QUERY PLAN \(shape.sql)")
                let values = shape.parameters.map { type -> DatabaseValue in
                    switch type {
                    case .textArray: #"["quote"]"#.databaseValue
                    case .text: "5".databaseValue
                    default: 5.databaseValue
                    }
                }
                try statement.setArguments(StatementArguments(values))
                return try Row.fetchAll(statement).compactMap { $0["detail"] as String? }
            }
            let scans = details.filter {
                $0.hasPrefix("SCAN daily_run") || $0.hasPrefix("SCAN outgoing_message")
            }
            #expect(scans.allSatisfy { $0.contains("USING INDEX") }, "\(shape.name): \(details)")
        }
    }

    @Test func `the check notices what no index serves`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        try await Self.fill(database)
        let plan = try await database.run("EXPLAIN SELECT 1 FROM outgoing_message WHERE channel_id = 2")
        #expect(plan.contains { $0.contains("Seq Scan") })
    }
}

extension SQLType {
    fileprivate var name: String {
        switch self {
        case .bigint: "bigint"
        case .integer: "integer"
        case .text: "text"
        case .boolean: "boolean"
        case .bigintArray: "bigint[]"
        case .integerArray: "integer[]"
        case .textArray: "text[]"
        }
    }

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
