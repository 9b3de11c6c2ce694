import Logging
import Synchronization
import TestKit
import Testing

@testable import Shared
@testable import WorkerProcess

/// The engines that one suite tests.
enum Engine: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite, postgresql

    var testDescription: String { rawValue }
}

/// An empty database of a test's own, gone with the test process: a store may outlive the last use of this value.
struct TestDatabase: Sendable {
    let engine: Engine
    let location: DatabaseLocation
    private static let directories = Mutex<[TemporaryDirectory]>([])
    /// PostgreSQL's name of it.
    private let name: String
    private let server: PostgresServer?

    /// - Parameter server: where a PostgreSQL database is made; by default in the one that all tests share.
    init(_ engine: Engine, in server: PostgresServer? = nil) async throws {
        self.engine = engine
        switch engine {
        case .sqlite:
            let directory = try TemporaryDirectory()
            Self.directories.withLock { $0.append(directory) }
            name = ""
            self.server = nil
            location = try DatabaseLocation(parsing: "sqlite:\(directory.path("test.sqlite"))")
        case .postgresql:
            let chosen = if let server { server } else { try await PostgresServer.shared() }
            self.server = chosen
            name = try await chosen.createDatabase()
            location = try DatabaseLocation(parsing: chosen.url(database: name))
        }
    }

    /// A store that is not migrated.
    func open(poolSize: Int = 4, logger: Logger = .silent) async throws -> any Store {
        switch location {
        case .sqlite(let path): try await SQLiteStore(path: path, logger: logger)
        case .postgresql(let uri):
            try PostgresStore(uri: uri, poolSize: poolSize, limits: .patient, logger: logger)
        }
    }

    /// A store that is.
    func openMigrated(poolSize: Int = 4, logger: Logger = .silent) async throws -> any Store {
        let store = try await open(poolSize: poolSize, logger: logger)
        try await store.migrate()
        return store
    }

    /// Runs statements beside the store and returns the rows, columns joined by `|` as psql does.
    @discardableResult
    func run(_ sql: String) async throws -> [String] {
        switch location {
        case .postgresql: return try await server?.run(sql: sql, database: name) ?? []
        case .sqlite(let path):
            try SQLiteFile.create(path)
            let connection = try SQLiteConnection(path, patience: .seconds(5))
            return try connection.transaction(.writing) {
                try connection.rows(ofAll: sql).map { $0.map(\.text).joined(separator: "|") }
            }
        }
    }
}

extension PostgresLimits {
    /// For tests in which nothing is to time out, on a machine that runs everyone else's tests too.
    static var patient: PostgresLimits {
        var limits = PostgresLimits()
        limits.connect = .seconds(60)
        limits.lease = .seconds(60)
        limits.statement = .seconds(60)
        return limits
    }
}

extension Logger {
    /// Logs nothing.
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension GuildSighting {
    /// A guild as GUILD_CREATE shows it.
    static func of(_ guild: Snowflake, name: String = "Guild", event: Int64) -> GuildSighting {
        GuildSighting(
            guild: guild, name: name, ownerID: Snowflake(7), preferredLocale: "de", memberCount: 5,
            event: EventID(event), at: 1_764_000_000_000_000)
    }
}
