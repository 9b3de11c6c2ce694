internal import Logging
internal import Shared

extension PostgresStore {
    private typealias Statements = PostgresStatements.Settings

    func configuration(of guild: Snowflake) async throws(StoreError) -> GuildConfiguration {
        let row = try await perform(.single) { session throws(PostgresError) in
            try session.rows(Statements.read, guild).first
        }
        return row.map { GuildConfiguration(guild: guild, row: $0) } ?? GuildConfiguration(guild: guild)
    }

    func change(_ change: SettingChange, of guild: Snowflake, event: EventID) async throws(StoreError) {
        let now = ProcessClock.wallMicroseconds
        try await perform(.transaction) { session throws(PostgresError) in
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
            _ = try session.rows(Statements.notify, guild.description)
        }
    }

    func forgetWelcomeChannel(_ channel: Snowflake, of guild: Snowflake) async throws(StoreError) {
        try await perform(.transaction) { session throws(PostgresError) in
            try session.run(Statements.forgetWelcomeChannel, (guild, channel))
            _ = try session.rows(Statements.notify, guild.description)
        }
    }

    func addNote(_ note: AdminNote, to guild: Snowflake) async throws(StoreError) -> Bool {
        try await perform(.single) { session throws(PostgresError) in
            try !session.rows(Statements.addNote, (guild, note.cause.rawValue, note.channel, note.at)).isEmpty
        }
    }

    func notes(of guild: Snowflake) async throws(StoreError) -> [AdminNote] {
        let rows = try await perform(.single) { session throws(PostgresError) in
            try session.rows(Statements.notes, guild)
        }
        return rows.compactMap { cause, channel, at in
            AdminNote.Cause(rawValue: cause).map { AdminNote(cause: $0, channel: channel, at: at) }
        }
    }

    func removeNotes(_ causes: [AdminNote.Cause], of guild: Snowflake) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(Statements.removeNotes, (guild, causes.map(\.rawValue)))
        }
    }

    func watchSettings(_ heard: @Sendable @escaping (SettingsSignal) -> Void) async {
        var backoff = Backoff(first: .milliseconds(200), maximum: .seconds(15))
        while !Task.isCancelled {
            let listening = Backoff(first: .milliseconds(200), maximum: .seconds(15))
            do {
                let connection = try await PostgresConnection.connect(location, limits: limits, logger: logger)
                try await connection.listen(to: "olim_settings")
                heard(.listening)
                backoff = listening
                var silentRounds = 0
                while !Task.isCancelled {
                    let payloads = try await connection.notifications(within: SettingsSignal.interval)
                    for payload in payloads {
                        heard(Snowflake(payload).map(SettingsSignal.changed) ?? .changedSomewhere)
                    }
                    silentRounds = payloads.isEmpty ? silentRounds + 1 : 0
                    // A network that has died says nothing either.
                    guard silentRounds >= Self.silentRounds else { continue }
                    silentRounds = 0
                    _ = try await connection.perform(.single) { session throws(PostgresError) in
                        try session.rows(PostgresStatements.ping, ())
                    }
                }
                await connection.close()
            } catch {
                logger.debug("Changes of settings are not heard of", metadata: ["reason": "\(error)"])
            }
            heard(.deaf)
            if !Task.isCancelled { try? await Task.sleep(for: backoff.nextWait()) }
        }
    }

    /// Five seconds.
    private static var silentRounds: Int { 20 }
}
