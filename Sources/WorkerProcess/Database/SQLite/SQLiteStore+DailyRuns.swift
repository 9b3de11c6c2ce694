internal import Shared

/// `BEGIN IMMEDIATE` lets one worker at a time claim.
extension SQLiteStore {
    private typealias Statements = SQLiteStatements.DailyRuns

    func planRuns(_ runs: [PlannedRun]) async throws(StoreError) {
        guard !runs.isEmpty else { return }
        try await write { session in
            for run in runs {
                try session.run(Statements.plan, (run.key.guild, run.key.task, run.key.date, run.dueAt))
            }
        }
    }

    func claimRuns(of tasks: [String], limit: Int, lease: Duration) async throws(StoreError) -> [DailyRun] {
        let token = RandomToken.make()
        let rows = try await write {
            try $0.rows(Statements.claim, (tasks, token, lease.microseconds, Int64(limit)))
        }
        return rows.map { DailyRun(row: $0, lease: token) }.sorted { $0.dueAt < $1.dueAt }
    }

    func renewRun(_ run: DailyRun, lease: Duration) async throws(StoreError) -> Bool {
        try await write {
            try !$0.rows(
                Statements.renew, (run.key.guild, run.key.task, run.key.date, run.lease, lease.microseconds)
            ).isEmpty
        }
    }

    func recordPost(_ post: DailyRun.Post, of run: DailyRun) async throws(StoreError) -> Bool {
        try await write {
            try !$0.rows(
                Statements.recordPost,
                (run.key.guild, run.key.task, run.key.date, run.lease, post.channel, post.message)
            ).isEmpty
        }
    }

    func endRun(_ run: DailyRun, _ ending: DailyRun.Ending) async throws(StoreError) -> Bool {
        try await write {
            try !$0.rows(
                Statements.end,
                (run.key.guild, run.key.task, run.key.date, run.lease, ending.state, ending.reason)
            ).isEmpty
        }
    }

    func putOffRun(_ run: DailyRun, for time: Duration, reason: String) async throws(StoreError) {
        try await write {
            try $0.run(
                Statements.putOff,
                (run.key.guild, run.key.task, run.key.date, run.lease, time.microseconds, reason))
        }
    }
}
