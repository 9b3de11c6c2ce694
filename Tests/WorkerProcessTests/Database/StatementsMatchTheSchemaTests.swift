import CPostgreSQL
import GRDB
import GRDBSQLite
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
            let (parameters, columns, origins) = try await connection.perform(.single) {
                session throws(PostgresError) in
                let description = try session.describe(shape)
                return (
                    description.parameterTypes, description.columnTypes,
                    description.columnOrigins.map { "\($0.table)|\($0.column)" }
                )
            }
            #expect(parameters == shape.parameters.map(\.oid), "\(shape.name): parameters")
            #expect(columns == shape.columns.map(\.type.oid), "\(shape.name): columns")
            for (column, origin) in zip(shape.columns, origins) where origin != "0|0" {
                // What comes straight from a column is NULL where that may be.
                #expect(column.isNullable != notNull.contains(origin), "\(shape.name): \(origin)")
            }
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
        let types = try await connection.perform(.single) { session throws(PostgresError) in
            try session.describe(wrong.shape).columnTypes
        }
        #expect(types != wrong.shape.columns.map(\.type.oid))
        let error = await #expect(throws: PostgresError.self) {
            try await connection.perform(.single) { session throws(PostgresError) in
                _ = try session.describe(statement("worse", sql: "SELECT nothing FROM guild_config").shape)
            }
        }
        #expect(error?.sqlState == "42703")
        await connection.close()
    }

    @Test func `SQLite takes and gives what each statement says`() async throws {
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        guard case .sqlite(let path) = database.location else { return }
        let queue = try DatabaseQueue(path: path)
        for shape in SQLiteStatements.all {
            let found = try await queue.read { try SQLiteShape(shape.sql, $0) }
            #expect(found.parameterCount == shape.parameters.count, "\(shape.name): parameters")
            #expect(found.columns.count == shape.columns.count, "\(shape.name): columns")
            for (column, declared) in zip(shape.columns, found.columns) {
                guard let declared else { continue }
                #expect(declared.type == column.type.sqliteType, "\(shape.name): type of a column")
                #expect(declared.isNullable == column.isNullable, "\(shape.name): nullability of a column")
            }
        }
    }

    @Test func `SQLite finds each parameter of the type that its column has`() async throws {
        // It checks nothing itself, so that every statement is run with a value of each parameter's type and the tables
        // are looked at afterwards.
        let database = try await TestDatabase(.sqlite)
        await (try await database.openMigrated()).close()
        guard case .sqlite(let path) = database.location else { return }
        let queue = try DatabaseQueue(path: path)
        for (index, shape) in SQLiteStatements.all.enumerated() {
            try await queue.write { database in
                let statement = try database.makeStatement(sql: shape.sql)
                try statement.setArguments(StatementArguments(shape.parameters.map { $0.sample(index + 100) }))
                _ = try Row.fetchAll(statement)
            }
        }
        for (table, column, type) in try await queue.read(Self.ownColumns) {
            let stored = try await queue.read {
                try Set(String.fetchAll($0, sql: "SELECT DISTINCT typeof(\(column)) FROM \(table)"))
            }
            #expect(stored.subtracting(["null", type.lowercased()]).isEmpty, "\(table).\(column)")
        }
    }

    private static func ownColumns(_ database: Database) throws -> [(String, String, String)] {
        try String.fetchAll(database, sql: "SELECT name FROM sqlite_master WHERE type = 'table'").flatMap { table in
            try database.columns(in: table).map { (table, $0.name, $0.type) }
        }
    }
}

/// What SQLite makes of a statement. Only a bare column of a table has a declared type.
private struct SQLiteShape: Sendable {
    let parameterCount: Int
    let columns: [(type: String, isNullable: Bool)?]

    init(_ sql: String, _ database: Database) throws {
        let statement = try database.makeStatement(sql: sql)
        let pointer = statement.sqliteStatement
        parameterCount = Int(sqlite3_bind_parameter_count(pointer))
        let tables = try String.fetchAll(database, sql: "SELECT name FROM sqlite_master WHERE type = 'table'")
        columns = try (0..<sqlite3_column_count(pointer)).map { index in
            guard let declared = sqlite3_column_decltype(pointer, index) else { return nil }
            let name = statement.columnNames[Int(index)]
            let owner = tables.first { sql.contains($0) }
            let column = try owner.flatMap { owner in
                try database.columns(in: owner).first { $0.name == name }
            }
            guard let column else { return nil }
            return (String(cString: declared), !column.isNotNull && column.primaryKeyIndex == 0)
        }
    }
}

extension SQLType {
    fileprivate var sqliteType: String {
        switch self {
        case .bigint, .integer, .boolean: "INTEGER"
        case .text, .bigintArray, .integerArray, .textArray: "TEXT"
        }
    }

    /// A value of the type; a different number for each statement, so that keys do not collide.
    fileprivate func sample(_ number: Int) -> DatabaseValue {
        switch self {
        case .bigint, .integer: number.databaseValue
        case .boolean: true.databaseValue
        case .text: "text".databaseValue
        case .bigintArray, .integerArray, .textArray: "[1]".databaseValue
        }
    }
}
