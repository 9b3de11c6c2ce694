/// Decides which migrations are missing from a database, or that a later release has been here.
enum MigrationPlan: Equatable {
    /// These numbers, in order; none if the database is as this release wants it.
    case apply([Int])
    /// The database has a migration that this release does not know.
    case refuse(found: Int)

    init(known: [Int], applied: Set<Int>) {
        let newest = known.max() ?? 0
        if let later = applied.max(), later > newest {
            self = .refuse(found: later)
        } else {
            self = .apply(known.sorted().filter { !applied.contains($0) })
        }
    }

    /// The message of a refusal.
    static func laterRelease(_ found: Int) -> String {
        "its schema has version \(found), made by a later release of Olim; run that release, or restore a backup"
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
