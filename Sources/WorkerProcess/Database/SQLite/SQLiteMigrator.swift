internal import GRDB
internal import Shared

/// One step of the schema.
struct SQLiteMigration: Sendable {
    let number: Int
    let name: String
    /// Does it, inside the migration's transaction; returns lines for the log.
    let apply: @Sendable (Database) throws -> [String]
}

/// Applies migrations one transaction each; BEGIN IMMEDIATE makes other processes wait.
enum SQLiteMigrator {
    struct Outcome: Sendable {
        var wasMissing: Bool
        var reports: [String] = []
    }

    /// Applies one migration if it is missing. Runs inside the transaction in which it asks whether it is.
    static func apply(
        _ migration: SQLiteMigration, of all: [SQLiteMigration], to database: Database, place: String
    ) throws -> Outcome {
        try database.execute(sql: createRecord)
        let session = SQLiteSession(database: database)
        let applied = Set(try session.rows(SQLiteStatements.appliedMigrations, ()).map(Int.init))
        switch MigrationPlan(known: all.map(\.number), applied: applied) {
        case .refuse(let found):
            throw StoreError(
                kind: .misconfigured, code: nil, description: "\(place): \(MigrationPlan.laterRelease(found))")
        case .apply(let missing) where !missing.contains(migration.number): return Outcome(wasMissing: false)
        case .apply: break
        }
        let reports = try migration.apply(database)
        try session.run(
            SQLiteStatements.recordMigration, (Int64(migration.number), migration.name, Version.current))
        return Outcome(wasMissing: true, reports: reports)
    }

    private static let createRecord = """
        CREATE TABLE IF NOT EXISTS schema_migration (
            version INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            release TEXT NOT NULL,
            applied_at TEXT NOT NULL DEFAULT (datetime('now'))
        )
        """
}
