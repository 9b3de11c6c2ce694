internal import Shared

/// Counting messages, written behind.
extension PostgresStore {
    /// A batch of fewer events goes in one transaction.
    private static let leastDivided = 64

    /// A large batch goes in two transactions at once, so that two of the server's processes work at it. Each has whole keys; what
    /// one of them has committed when the other fails is dropped when the batch comes again.
    func recordActivity(_ events: [ActivityEvent]) async throws(StoreError) {
        let batch = ActivityBatch(events)
        guard events.count >= Self.leastDivided, poolSize > 1 else { return try await commit(batch) }
        let (first, second) = batch.halves
        async let other = result(of: second)
        let outcomes = (await result(of: first), await other)
        try outcomes.0.get()
        try outcomes.1.get()
    }

    private func result(of batch: ActivityBatch) async -> Result<Void, StoreError> {
        do throws(StoreError) { return .success(try await commit(batch)) } catch { return .failure(error) }
    }

    private func commit(_ batch: ActivityBatch) async throws(StoreError) {
        let spans = batch.spans
        guard !spans.isEmpty else { return }
        try await perform(.transaction) { session throws(PostgresError) in
            // Nearly always all of it is new, and one statement moves all cursors. A deadlock with a worker that has some of the
            // same keys, which takes a redelivery, is repeated like any other.
            let moved = Set(
                try session.rows(
                    PostgresStatements.moveFreshCursors,
                    (spans.map(\.key), spans.map(\.first), spans.map(\.last))))
            let rest = batch.keys.filter { !moved.contains($0) }
            var cursors: [String: EventID] = [:]
            if !rest.isEmpty {
                try session.run(PostgresStatements.addCursors, rest)
                cursors = Dictionary(
                    try session.rows(PostgresStatements.lockCursors, rest), uniquingKeysWith: { first, _ in first })
            }
            let changes = batch.changes(after: cursors)
            guard !changes.cursors.isEmpty else { return }
            let totals = changes.totals
            try session.run(
                PostgresStatements.addMessages,
                (totals.map(\.guild), totals.map(\.member), totals.map(\.day), totals.map(\.messages)))
            let advanced = changes.cursors.filter { !moved.contains($0.key) }
            guard !advanced.isEmpty else { return }
            try session.run(PostgresStatements.advanceCursors, (advanced.map(\.key), advanced.map(\.event)))
        }
    }
}
