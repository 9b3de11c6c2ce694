internal import Shared

/// What `/config` changes: each is checked first, saved, and shown as it will be.
struct ConfigChanges: Sendable {
    let invocation: Invocation
    let guild: Snowflake
    let services: Services

    private var say: Language { invocation.language }

    func change(_ change: SettingChange) async throws {
        try await services.store.change(change, of: guild, event: invocation.event)
        services.configurations.forget(guild)
    }

    /// Nil if the bot may post there, as far as Discord has told.
    private func problem(with channel: Snowflake) -> Reply? {
        guard let own = invocation.ownPermissions[channel], !own.allow(.posting) else { return nil }
        return .hint(say(.configMissingPermission, ["channel": "<#\(channel)>"]))
    }

    func welcome() async throws -> Reply {
        guard let channel = invocation[ConfigCommand.welcomeChannel] else {
            try await change(.welcome(channel: nil, text: nil))
            return .text(say(.configWelcomeOff))
        }
        if let problem = problem(with: channel) { return problem }
        let text = invocation[ConfigCommand.welcomeText]
        if let text {
            guard text.utf16.count <= WelcomeText.maximumLength else {
                return .hint(say(.configTextTooLong, ["most": "\(WelcomeText.maximumLength)"]))
            }
            if let name = WelcomeText.unknownPlaceholder(in: text) {
                let known = WelcomeText.placeholders.map { "`{\($0)}`" }.joined(separator: ", ")
                return .hint(
                    say(.configUnknownPlaceholder, ["name": "`{\(DiscordText.inCode(name))}`", "known": known]))
            }
        }
        try await change(.welcome(channel: channel, text: text))
        try await services.store.removeNotes([.welcomeForbidden, .welcomeChannelGone], of: guild)
        let configuration = try await services.store.configuration(of: guild)
        let preview = WelcomeText.message(for: invocation.user, in: configuration)
        var message = OutgoingMessage(say(.configWelcomeOn, ["channel": "<#\(channel)>"]))
        message.embeds = [Embed(description: preview.content).json]
        return .message(message)
    }

    func daily() async throws -> Reply {
        guard let channel = invocation[ConfigCommand.dailyChannel] else {
            let minute = try await services.store.configuration(of: guild).effectiveDailyMinute
            try await change(.daily(channel: nil, minute: minute))
            return .text(say(.configDailyOff))
        }
        if let problem = problem(with: channel) { return problem }
        var minute = try await services.store.configuration(of: guild).effectiveDailyMinute
        if let text = invocation[ConfigCommand.dailyTime] {
            guard let time = TimeOfDay(text) else { return .hint(say(.configTimeBad)) }
            minute = time.minute
        }
        try await change(.daily(channel: channel, minute: minute))
        try await services.store.removeNotes([.dailyForbidden, .dailyChannelGone], of: guild)
        let configuration = try await services.store.configuration(of: guild)
        let next = configuration.nextDaily(after: ProcessClock.wallMicroseconds)
        var text = say(
            .configDailyOn,
            [
                "channel": "<#\(channel)>", "time": "\(TimeOfDay(minute: minute))",
                "zone": configuration.timeZone ?? "UTC",
                "next": next.map { DiscordText.relativeTime($0.at / 1_000_000) } ?? "–",
            ])
        if try await services.store.dailyPosts(of: guild).isEmpty {
            text += "\n" + say(.configDailyEmpty, ["command": "`/daily add`"])
        }
        return .text(text)
    }

    func prefix() async throws -> Reply {
        let prefix = invocation[ConfigCommand.prefix]
        if let prefix, !Self.isPrefix(prefix) { return .hint(say(.configPrefixBad)) }
        try await change(.prefix(prefix))
        let shown = prefix ?? services.configurations.standardPrefix
        return .text(say(.configPrefixSet, ["prefix": "`\(DiscordText.inCode(shown))`"]))
    }

    /// What members do not write by accident, and Discord does not take for its own.
    static func isPrefix(_ text: String) -> Bool {
        guard (1...5).contains(text.count), let first = text.first else { return false }
        let isVisible = text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
                .spaceSeparator, .nonspacingMark, .enclosingMark:
                false
            default: true
            }
        }
        return isVisible && !first.isLetter && !first.isNumber && first != "/" && first != "@"
    }

    func timeZone() async throws -> Reply {
        let typed = invocation[ConfigCommand.timeZone] ?? ""
        guard let zone = TimeZones.named(typed) else {
            return .hint(say(.configTimeZoneBad, ["zone": "`\(DiscordText.inCode(typed))`"]))
        }
        try await change(.timeZone(zone))
        let time = Schedule(timeZone: zone, minute: 0).timeOfDay(at: ProcessClock.wallMicroseconds)
        return .text(say(.configTimeZoneSet, ["zone": zone, "time": "\(time)"]))
    }

    func language() async throws -> Reply {
        let language = invocation[ConfigCommand.language].flatMap(Language.init(rawValue:))
        try await change(.language(language))
        // In that language, as a sample.
        return .text(language.map { $0(.configLanguageSet) } ?? say(.configLanguageOwn))
    }
}
