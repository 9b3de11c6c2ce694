/// Decides which migrations are missing from a database, or that a later release has been here and left nothing that this one can use.
///
/// Every migration says from which version of the schema on a release's statements are still valid after it, so that workers of two
/// releases can share a database, and a worker can be rolled back.
enum MigrationPlan: Equatable {
    /// These numbers, in order; none if the database is as this release wants it.
    case apply([Int])
    /// The database has a migration that this release does not know, and cannot live with.
    case refuse(found: Int)

    /// - Parameter applied: numbers of migrations, with the version of the schema from which on it can be used after each.
    init(known: [Int], applied: [Int: Int]) {
        let newest = known.max() ?? 0
        if let later = applied.filter({ $0.key > newest && $0.value > newest }).keys.max() {
            self = .refuse(found: later)
        } else {
            self = .apply(known.sorted().filter { applied[$0] == nil })
        }
    }

    /// As the record of migrations has them.
    init(known: [Int], record rows: [(version: Int64, usableFrom: Int64)]) {
        let applied = rows.map { (Int($0.version), Int($0.usableFrom)) }
        self.init(known: known, applied: Dictionary(applied, uniquingKeysWith: max))
    }

    /// The message of a refusal.
    static func laterRelease(_ found: Int) -> String {
        "its schema has version \(found), made by a later release of Olim, and this one cannot use it; run that release, or restore a backup"
    }
}

extension StoreError {
    /// A migration that the database rejects will be rejected again: that is for the operator, not for an event.
    func duringMigration(_ number: Int) -> StoreError {
        guard kind == .rejected else { return self }
        return StoreError(
            kind: .misconfigured, code: code, description: "migration \(number) cannot be applied: \(description)")
    }
}
