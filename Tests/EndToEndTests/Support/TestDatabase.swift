import Shared
import TestKit
import Testing

/// The database of a test's workers, looked into from outside.
enum TestDatabase: Sendable, CaseIterable, CustomTestStringConvertible {
    case sqlite, postgresql

    var testDescription: String { self == .sqlite ? "SQLite" : "PostgreSQL" }
}

/// One empty database.
struct DatabaseHandle: Sendable {
    /// `DATABASE_URL`.
    let url: String
    private let query: @Sendable (String) async throws -> [String]

    /// Makes an empty database of that kind.
    init(_ kind: TestDatabase, in directory: TemporaryDirectory) async throws {
        switch kind {
        case .sqlite:
            let path = directory.path("olim.sqlite")
            url = "sqlite:\(path)"
            query = { sql in
                let code = """
                    import sqlite3, sys
                    for row in sqlite3.connect(sys.argv[1], timeout=10).execute(sys.argv[2]):
                        print("|".join("" if value is None else str(value) for value in row))
                    """
                let tool = try ChildProcess(
                    "/usr/bin/env", ["python3", "-c", code, path, sql], in: directory.path)
                guard try await tool.waitForTermination() == .exited(0) else {
                    throw SetupFailure(description: tool.tail)
                }
                return tool.lines()
            }
        case .postgresql:
            let server = try await PostgresServer.shared()
            let database = try await server.createDatabase()
            url = server.url(database: database)
            query = { try await server.run(sql: $0, database: database) }
        }
    }

    /// Rows of a query, columns joined by `|`.
    func rows(_ sql: String) async throws -> [String] { try await query(sql) }

    /// The one number that a query yields.
    func number(_ sql: String) async throws -> Int? { try await rows(sql).first.flatMap { Int($0) } }
}
