internal import Shared

/// One step of the schema.
struct SQLiteMigration: Sendable {
    let number: Int
    let name: String
    /// The oldest version of the schema whose statements are valid after it (`MigrationPlan`).
    let usableFrom: Int
    /// Does it, inside the migration's transaction; returns lines for the log.
    let apply: @Sendable (SQLiteConnection) throws -> [String]
}

/// Applies migrations one transaction each; BEGIN IMMEDIATE makes other processes wait.
enum SQLiteMigrator {
    struct Outcome: Sendable {
        var wasMissing: Bool
        var reports: [String] = []
    }

    /// Applies one migration if it is missing. Runs inside the transaction in which it asks whether it is.
    static func apply(
        _ migration: SQLiteMigration, of all: [SQLiteMigration], to connection: SQLiteConnection, place: String
    ) throws -> Outcome {
        try makeRecord(connection)
        let session = SQLiteSession(connection: connection)
        let record = try session.rows(SQLiteStatements.appliedMigrations, ())
        switch MigrationPlan(known: all.map(\.number), record: record) {
        case .refuse(let found):
            throw StoreError(
                kind: .misconfigured, code: nil, description: "\(place): \(MigrationPlan.laterRelease(found))")
        case .apply(let missing) where !missing.contains(migration.number): return Outcome(wasMissing: false)
        case .apply: break
        }
        let reports = try migration.apply(connection)
        try session.run(
            SQLiteStatements.recordMigration,
            (Int64(migration.number), migration.name, Version.current, Int64(migration.usableFrom)))
        return Outcome(wasMissing: true, reports: reports)
    }

    private static func makeRecord(_ connection: SQLiteConnection) throws {
        try connection.execute(createRecord)
        let columns = try connection.prepare("PRAGMA table_info(schema_migration)").rows().map { $0[1].text }
        if !columns.contains("usable_from") {
            try connection.execute("ALTER TABLE schema_migration ADD COLUMN usable_from INTEGER")
        }
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
