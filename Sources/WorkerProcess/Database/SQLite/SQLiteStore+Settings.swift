internal import Shared

extension SQLiteStore {
    private typealias Statements = SQLiteStatements.Settings

    func configuration(of guild: Snowflake) async throws(StoreError) -> GuildConfiguration {
        let row = try await read { session in
            try session.rows(Statements.read, guild).first
        }
        return row.map { GuildConfiguration(guild: guild, row: $0) } ?? GuildConfiguration(guild: guild)
    }

    func change(_ change: SettingChange, of guild: Snowflake, event: EventID) async throws(StoreError) {
        let now = ProcessClock.wallMicroseconds
        try await write { session in
            _ = try session.rows(Statements.hold, (guild, event))
            var configuration = GuildConfiguration(guild: guild)
            if let row = try session.rows(Statements.read, guild).first {
                configuration = GuildConfiguration(guild: guild, row: row)
            }
            for (name, part) in change.parts
            where try !session.rows(Statements.touch, (guild, name, event)).isEmpty { configuration.apply(part) }
            try session.run(
                Statements.writeConfig,
                (guild, configuration.welcomeChannel, configuration.dailyChannel, configuration.prefix))
            try session.run(
                Statements.writePreference,
                (
                    guild, configuration.welcomeText, configuration.dailyMinute.map(Int32.init), configuration.timeZone,
                    configuration.language?.rawValue, configuration.nextDaily(after: now)?.at
                ))
            try session.run(Statements.notify, ())
        }
    }

    func forgetWelcomeChannel(_ channel: Snowflake, of guild: Snowflake) async throws(StoreError) {
        try await write { session in
            try session.run(Statements.forgetWelcomeChannel, (guild, channel))
            try session.run(Statements.notify, ())
        }
    }

    func addNote(_ note: AdminNote, to guild: Snowflake) async throws(StoreError) -> Bool {
        try await write { session in
            try !session.rows(Statements.addNote, (guild, note.cause.rawValue, note.channel, note.at)).isEmpty
        }
    }

    func notes(of guild: Snowflake) async throws(StoreError) -> [AdminNote] {
        let rows = try await read { session in
            try session.rows(Statements.notes, guild)
        }
        return rows.compactMap { cause, channel, at in
            AdminNote.Cause(rawValue: cause).map { AdminNote(cause: $0, channel: channel, at: at) }
        }
    }

    func removeNotes(_ causes: [AdminNote.Cause], of guild: Snowflake) async throws(StoreError) {
        try await write { session in
            try session.run(Statements.removeNotes, (guild, causes.map(\.rawValue)))
        }
    }

    func watchSettings(_ heard: @Sendable @escaping (SettingsSignal) -> Void) async {
        guard let watcher = try? await SQLiteThread(path, patience: Self.patience) else { return }
        var known: (version: Int64, number: Int64)?
        while !Task.isCancelled {
            // Grows with every commit of another connection; the number behind it only with those that matter here.
            let last = known
            let seen = try? await watcher.perform { connection -> (version: Int64, number: Int64)? in
                guard case .integer(let version) = try connection.prepared("PRAGMA data_version").rows().first?.first
                else { return nil }
                if let last, last.version == version { return last }
                let number = try SQLiteSession(connection: connection).rows(Statements.changeNumber, ()).first
                return number.map { (version, $0) }
            }
            if let seen {
                if known == nil { heard(.listening) } else if known?.number != seen.number { heard(.changedSomewhere) }
                known = seen
            } else if known != nil {
                known = nil
                heard(.deaf)
            }
            try? await Task.sleep(for: SettingsSignal.interval)
        }
        await watcher.close()
        heard(.deaf)
    }
}
