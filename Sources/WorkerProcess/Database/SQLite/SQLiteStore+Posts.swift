internal import Shared

extension SQLiteStore {
    private typealias Statements = SQLiteStatements.Posts

    func dailyPosts(of guild: Snowflake) async throws(StoreError) -> [DailyPost] {
        let rows = try await read { session in
            try session.rows(Statements.list, guild)
        }
        return rows.map(DailyPost.init)
    }

    func addDailyPost(
        _ text: String, by author: Snowflake, to guild: Snowflake, event: EventID
    ) async throws(StoreError) -> AddedPost {
        try await write { session in
            if let row = try session.rows(Statements.added, (guild, event)).first { return .added(DailyPost(row: row)) }
            guard try session.rows(Statements.list, guild).count < DailyPostLimits.maximumPosts else {
                return .full(limit: DailyPostLimits.maximumPosts)
            }
            let number = try session.rows(Statements.nextNumber, guild).first ?? 1
            try session.run(Statements.add, (guild, number, text, author, event))
            return .added(DailyPost(number: Int(number), text: text, author: author))
        }
    }

    func removeDailyPost(
        _ number: Int, from guild: Snowflake, event: EventID
    ) async throws(StoreError) -> DailyPost? {
        guard let number = Int32(exactly: number) else { return nil }
        let rows = try await write { session in
            try session.rows(Statements.remove, (guild, number, event))
        }
        return rows.first.map(DailyPost.init)
    }

    func skipDaily(on date: LocalDate, of guild: Snowflake, event: EventID) async throws(StoreError) -> Bool {
        try await write { session in
            try !session.rows(
                Statements.skip,
                (guild, DailyTaskName.post, date, event.rawValue, "left out by an admin (event \(event))")
            ).isEmpty
        }
    }

    func takeDailyPost(for run: DailyRun.Key) async throws(StoreError) -> DailyPost? {
        try await write { session in
            let key = (run.guild, run.task, run.date)
            guard let taken = try session.rows(Statements.takenNumber, key).first else { return nil }
            if let taken {
                return try session.rows(Statements.numbered, (run.guild, taken)).first.map(DailyPost.init)
            }
            guard let row = try session.rows(Statements.first, run.guild).first else { return nil }
            try session.run(Statements.take, (run.guild, run.task, run.date, row.0))
            try session.run(Statements.moveBack, (run.guild, row.0))
            return DailyPost(row: row)
        }
    }
}
