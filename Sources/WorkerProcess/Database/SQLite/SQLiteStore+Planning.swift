internal import Shared

extension SQLiteStore {
    private typealias Statements = SQLiteStatements.Planning

    func planDue(tasks: [String], before horizon: Int64, limit: Int) async throws(StoreError) -> Int {
        try await write { session in
            let due = try session.rows(Statements.due, (horizon, Int64(limit)))
            guard !due.isEmpty else { return 0 }
            let plan = DailyPlan(due.map(DueGuild.init), tasks: tasks, before: horizon)
            for run in plan.runs {
                try session.run(
                    SQLiteStatements.DailyRuns.plan, (run.key.guild, run.key.task, run.key.date, run.dueAt))
            }
            for next in plan.next { try session.run(Statements.setNext, (next.guild, next.at)) }
            return due.count
        }
    }

    func runCounts() async throws(StoreError) -> [(task: String, state: String, count: Int)] {
        let rows = try await read { session in
            try session.rows(Statements.counts, ())
        }
        return rows.map { ($0, $1, Int($2)) }
    }

    func runTroubles(limit: Int) async throws(StoreError) -> [(key: DailyRun.Key, state: String, reason: String)] {
        let rows = try await read { session in
            try session.rows(Statements.troubles, Int64(limit))
        }
        return rows.map { guild, task, date, state, reason in
            (DailyRun.Key(guild: guild, task: task, date: date), state, reason ?? "")
        }
    }

    func forgetGuilds(leftLongerThan age: Duration) async throws(StoreError) -> Int {
        try await write { session in
            let gone = try session.rows(Statements.gone, (age.microseconds, Int64(RecordAge.guildBatchLimit)))
            for guild in gone {
                for statement in Statements.forgetGuild { try session.run(statement, guild) }
            }
            return gone.count
        }
    }
}
