import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// No statement that does not fit the migrated schema gets past these.
@Suite struct StatementsMatchTheSchemaTests {
    @Test(arguments: Engine.allCases)
    func `statements have names of their own`(engine: Engine) {
        let all = engine == .sqlite ? SQLiteStatements.all : PostgresStatements.all
        #expect(Set(all.map(\.name)).count == all.count)
    }

    @Test func `PostgreSQL takes and gives what each statement says`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        guard case .postgresql(let uri) = database.location else { return }
        let connection = try await PostgresConnection.connect(
            try PostgresLocation(uri: uri), limits: PostgresLimits(), logger: .silent)
        let notNull = Set(
            try await database.run(
                "SELECT attrelid::oid, attnum FROM pg_attribute WHERE attnotnull AND attnum > 0"))
        for shape in PostgresStatements.all {
            #expect(try await StatementCheck.problems(of: shape, on: connection, notNull: notNull) == [])
        }
        await connection.close()
    }

    @Test func `the comparison notices a statement that does not fit`() async throws {
        let database = try await TestDatabase(.postgresql)
        await (try await database.openMigrated()).close()
        guard case .postgresql(let uri) = database.location else { return }
        let connection = try await PostgresConnection.connect(
            try PostgresLocation(uri: uri), limits: PostgresLimits(), logger: .silent)
        let wrong = statement(
            "wrong", takes: Snowflake.self, gives: Int64.self,
            sql: "SELECT guild_name FROM guild_config WHERE guild_id = $1")
        #expect(try await StatementCheck.problems(of: wrong.shape, on: connection) == ["wrong: columns"])
        let worse = statement("worse", sql: "SELECT nothing FROM guild_config")
        let problems = try await StatementCheck.problems(of: worse.shape, on: connection)
        #expect(problems.first?.contains(#"column "nothing" does not exist"#) == true)
        await connection.close()
    }

    @Test func `SQLite takes and gives what each statement says`() async throws {
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        guard case .sqlite(let path) = database.location else { return }
        let connection = try SQLiteConnection(path, patience: .seconds(5))
        for shape in SQLiteStatements.all {
            #expect(try StatementCheck.problems(of: shape, on: connection) == [])
        }
    }

    @Test func `SQLite finds each parameter of the type that its column has`() async throws {
        // It checks nothing itself, so that every statement is run with a value of each parameter's type and the tables
        // are looked at afterwards.
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        guard case .sqlite(let path) = database.location else { return }
        let connection = try SQLiteConnection(path, patience: .seconds(5))
        for (index, shape) in SQLiteStatements.all.enumerated() {
            let values = shape.parameters.map { $0.sample(index + 100) }
            _ = try connection.transaction(.writing) { try connection.prepare(shape.sql).rows(values) }
        }
        for table in try connection.tables {
            for column in try connection.columns(of: table) {
                let stored = try connection.prepare("SELECT DISTINCT typeof(\(column.name)) FROM \(table)").rows()
                #expect(
                    Set(stored.map { $0[0].text }).subtracting(["null", column.type.lowercased()]).isEmpty,
                    "\(table).\(column.name)")
            }
        }
    }
}

extension SQLType {
    /// A value of the type; a different number for each statement, so that keys do not collide.
    fileprivate func sample(_ number: Int) -> SQLiteValue {
        switch self {
        case .bigint, .integer: .integer(Int64(number))
        case .boolean: .integer(1)
        case .text: .text("text")
        case .bigintArray, .integerArray, .textArray: .text("[1]")
        }
    }
}
