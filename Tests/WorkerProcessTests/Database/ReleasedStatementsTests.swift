import Foundation
import TestKit
import Testing

@testable import Shared
@testable import WorkerProcess

/// A migration leaves the statements of the release before it valid: workers of both may share the database while one after
/// another is upgraded, and a worker can be rolled back. `Released/` has what each release asks.
@Suite struct ReleasedStatementsTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Released")

    static let releases: [ReleasedStatements] = {
        let files = (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? []
        return files.compactMap { file in
            (try? String(contentsOf: file, encoding: .utf8)).flatMap { ReleasedStatements(try? JSON(ofText: $0)) }
        }
    }()

    @Test func `this release's statements are on record`() throws {
        let current = ReleasedStatements.current
        if ProcessInfo.processInfo.environment["OLIM_RECORD_STATEMENTS"] != nil {
            let file = Self.directory.appending(path: "\(current.release).json")
            try current.lines.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let recorded = Self.releases.first { $0.release == current.release }
            #expect(
                recorded == current,
                "OLIM_RECORD_STATEMENTS=1 ./olim test --filter ReleasedStatements writes it down, unless \(current.release) is out"
            )
        }
    }

    @Test(arguments: releases)
    func `PostgreSQL takes the statements of each release`(_ release: ReleasedStatements) async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        #expect(try await Self.problems(release, on: database) == [])
    }

    @Test(arguments: releases)
    func `SQLite takes the statements of each release`(_ release: ReleasedStatements) async throws {
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        #expect(try await Self.problems(release, on: database) == [])
    }

    @Test(arguments: releases)
    func `every later migration says that a release may go on`(_ release: ReleasedStatements) {
        for later in PostgresMigrations.all where later.number > release.schema {
            #expect(later.usableFrom <= release.schema)
        }
        for later in SQLiteMigrations.all where later.number > release.schema {
            #expect(later.usableFrom <= release.schema)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a migration that takes away what a release asks for is noticed`(engine: Engine) async throws {
        let database = try await TestDatabase(engine)
        await (try await database.openMigrated()).close()
        try await database.run("ALTER TABLE guild_config RENAME COLUMN prefix TO command_prefix")
        #expect(try await Self.problems(.current, on: database).contains { $0.contains("prefix") })
    }

    private static func problems(_ release: ReleasedStatements, on database: TestDatabase) async throws -> [String] {
        var problems: [String] = []
        switch database.location {
        case .postgresql(let uri):
            let connection = try await PostgresConnection.connect(
                try PostgresLocation(uri: uri), limits: .patient, logger: .silent)
            for shape in release.postgresql { problems += try await StatementCheck.problems(of: shape, on: connection) }
            await connection.close()
        case .sqlite(let path):
            let connection = try SQLiteConnection(path, patience: .seconds(5))
            for shape in release.sqlite { problems += try StatementCheck.problems(of: shape, on: connection) }
        }
        return problems
    }
}

/// What a release asks of both engines.
struct ReleasedStatements: Sendable, Equatable, CustomTestStringConvertible {
    let release: String
    /// The version of its schema.
    let schema: Int
    let postgresql: [StatementShape]
    let sqlite: [StatementShape]

    static let current = ReleasedStatements(
        release: Version.current, schema: PostgresMigrations.all.map(\.number).max() ?? 0,
        postgresql: PostgresStatements.all, sqlite: SQLiteStatements.all)

    private init(release: String, schema: Int, postgresql: [StatementShape], sqlite: [StatementShape]) {
        self.release = release
        self.schema = schema
        self.postgresql = postgresql.sorted { $0.name < $1.name }
        self.sqlite = sqlite.sorted { $0.name < $1.name }
    }

    init?(_ json: JSON?) {
        guard let json, let release = json["release"]?.string, let schema = json["schema"]?.int,
            let postgresql = json["postgresql"]?.elements?.map(StatementShape.init(recorded:)),
            let sqlite = json["sqlite"]?.elements?.map(StatementShape.init(recorded:)),
            !(postgresql + sqlite).contains(nil)
        else { return nil }
        self.init(
            release: release, schema: schema, postgresql: postgresql.compactMap(\.self),
            sqlite: sqlite.compactMap(\.self))
    }

    var testDescription: String { release }

    /// JSON with a line for each statement, so that a change shows.
    var lines: String {
        func list(_ shapes: [StatementShape]) -> String {
            shapes.map { "    \($0.recorded.text)" }.joined(separator: ",\n")
        }
        return """
            {
              "release": "\(release)",
              "schema": \(schema),
              "postgresql": [
            \(list(postgresql))
              ],
              "sqlite": [
            \(list(sqlite))
              ]
            }

            """
    }
}

extension StatementShape {
    fileprivate init?(recorded json: JSON) {
        guard let name = json["name"]?.string, let sql = json["sql"]?.string,
            let parameters = json["parameters"]?.elements?.compactMap({ $0.string.flatMap(SQLType.init(recorded:)) }),
            let columns = json["columns"]?.elements?.compactMap({ $0.string.flatMap(Column.init(recorded:)) })
        else { return nil }
        self.init(name: name, sql: sql, parameters: parameters, columns: columns)
    }

    fileprivate var recorded: JSON {
        [
            "name": .string(name), "sql": .string(sql), "parameters": .array(parameters.map { .string($0.name) }),
            "columns": .array(columns.map { .string($0.type.name + ($0.isNullable ? "?" : "")) }),
        ]
    }
}

extension StatementShape.Column {
    fileprivate init?(recorded text: String) {
        let isNullable = text.hasSuffix("?")
        guard let type = SQLType(recorded: isNullable ? String(text.dropLast()) : text) else { return nil }
        self.init(type: type, isNullable: isNullable)
    }
}

extension SQLType {
    fileprivate init?(recorded name: String) {
        let all: [SQLType] = [.bigint, .integer, .text, .boolean, .bigintArray, .integerArray, .textArray]
        guard let type = all.first(where: { $0.name == name }) else { return nil }
        self = type
    }
}
