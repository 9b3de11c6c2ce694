internal import Shared

extension PostgresStore {
    private typealias Statements = PostgresStatements.DailyRuns

    func planRuns(_ runs: [PlannedRun]) async throws(StoreError) {
        guard !runs.isEmpty else { return }
        let keys = runs.map(\.key)
        try await perform(.single) { session throws(PostgresError) in
            try session.run(
                Statements.plan, (keys.map(\.guild), keys.map(\.task), keys.map(\.date), runs.map(\.dueAt)))
        }
    }

    func claimRuns(of tasks: [String], limit: Int, lease: Duration) async throws(StoreError) -> [DailyRun] {
        let token = RandomToken.make()
        let rows = try await perform(.single) { session throws(PostgresError) in
            try session.rows(Statements.claim, (tasks, token, lease.microseconds, Int64(limit)))
        }
        return rows.map { DailyRun(row: $0, lease: token) }.sorted { $0.dueAt < $1.dueAt }
    }

    func renewRun(_ run: DailyRun, lease: Duration) async throws(StoreError) -> Bool {
        try await perform(.single) { session throws(PostgresError) in
            try !session.rows(
                Statements.renew, (run.key.guild, run.key.task, run.key.date, run.lease, lease.microseconds)
            ).isEmpty
        }
    }

    func recordPost(_ post: DailyRun.Post, of run: DailyRun) async throws(StoreError) -> Bool {
        try await perform(.single) { session throws(PostgresError) in
            try !session.rows(
                Statements.recordPost,
                (run.key.guild, run.key.task, run.key.date, run.lease, post.channel, post.message)
            ).isEmpty
        }
    }

    func endRun(_ run: DailyRun, _ ending: DailyRun.Ending) async throws(StoreError) -> Bool {
        try await perform(.single) { session throws(PostgresError) in
            try !session.rows(
                Statements.end,
                (run.key.guild, run.key.task, run.key.date, run.lease, ending.state, ending.reason)
            ).isEmpty
        }
    }

    func putOffRun(_ run: DailyRun, for time: Duration, reason: String) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(
                Statements.putOff,
                (run.key.guild, run.key.task, run.key.date, run.lease, time.microseconds, reason))
        }
    }
}
