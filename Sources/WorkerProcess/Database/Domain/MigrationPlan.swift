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

    /// The error of a refusal.
    static func laterRelease(_ found: Int, place: String) -> StoreError {
        StoreError(
            kind: .misconfigured, code: nil,
            description: """
                \(place) has schema version \(found), made by a later release; run that release, or restore a backup
                """)
    }
}
