internal import Shared

/// `/config`: a server's settings. How each is changed stands in `ConfigChanges`.
struct ConfigCommand: Command {
    /// GUILD_TEXT and GUILD_ANNOUNCEMENT (resources/channel.mdx, Channel Types): where a bot can write.
    static let textChannels = [0, 5]
    static let welcomeChannel = CommandOption<Snowflake>.channel(
        "channel", .phrase(.configWelcomeChannelOption), types: textChannels)
    static let welcomeText = CommandOption<String>.string(
        "text", .phrase(.configWelcomeTextOption), length: 1...WelcomeText.maximumLength)
    static let dailyChannel = CommandOption<Snowflake>.channel(
        "channel", .phrase(.configDailyChannelOption), types: textChannels)
    static let dailyTime = CommandOption<String>.string("time", .phrase(.configDailyTimeOption), length: 1...5)
    static let prefix = CommandOption<String>.string("prefix", .phrase(.configPrefixOption), length: 1...5)
    static let timeZone = CommandOption<String>.string(
        "zone", .phrase(.configTimeZoneOption), length: 1...64, isRequired: true
    ).completed
    static let language = CommandOption<String>.string(
        "language", .phrase(.configLanguageOption),
        choices: [
            OptionChoice(Language.english.rawValue, "English"), OptionChoice(Language.spanish.rawValue, "Español"),
        ])

    let declaration = CommandDeclaration(
        name: "config", description: .phrase(.configDescription),
        subcommands: [
            SubcommandDeclaration(name: "show", description: .phrase(.configShowDescription)),
            SubcommandDeclaration(
                name: "welcome", description: .phrase(.configWelcomeDescription),
                options: [welcomeChannel.declaration, welcomeText.declaration]),
            SubcommandDeclaration(
                name: "daily", description: .phrase(.configDailyDescription),
                options: [dailyChannel.declaration, dailyTime.declaration]),
            SubcommandDeclaration(
                name: "prefix", description: .phrase(.configPrefixDescription), options: [prefix.declaration]),
            SubcommandDeclaration(
                name: "timezone", description: .phrase(.configTimeZoneDescription), options: [timeZone.declaration]),
            SubcommandDeclaration(
                name: "language", description: .phrase(.configLanguageDescription), options: [language.declaration]),
            SubcommandDeclaration(name: "reset", description: .phrase(.configResetDescription), textForm: .slashOnly),
        ],
        permission: .manageGuild, contexts: [.guild], isEphemeral: true, textForm: .same)

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        // `contexts` has it that there is one.
        guard let guild = invocation.guild else { return .hint(invocation.language(.guildOnly)) }
        let changes = ConfigChanges(invocation: invocation, guild: guild, services: services)
        switch invocation.subcommand {
        case "welcome": return try await changes.welcome()
        case "daily": return try await changes.daily()
        case "prefix": return try await changes.prefix()
        case "timezone": return try await changes.timeZone()
        case "language": return try await changes.language()
        case "reset": return askToReset(invocation)
        default: return try await show(invocation, guild, services)
        }
    }

    func complete(_ completion: Completion, _ services: Services) async throws -> [OptionChoice] {
        guard completion.option == Self.timeZone.declaration.name else { return [] }
        return TimeZones.search(completion.typed).map { OptionChoice($0) }
    }

    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply {
        let language = press.invocation.language
        guard press.id[0] == "reset", let guild = press.invocation.guild else {
            return .hint(language(.outdatedMessage))
        }
        guard press.id[1] == "yes" else { return .update(OutgoingMessage(language(.cancelled))) }
        let changes = ConfigChanges(invocation: press.invocation, guild: guild, services: services)
        try await changes.change(.reset)
        return .update(OutgoingMessage(language(.configResetDone)))
    }

    private func askToReset(_ invocation: Invocation) -> Reply {
        let language = invocation.language
        var message = OutgoingMessage(language(.configResetAsk))
        message.components = [
            Button.row([
                Button(
                    id: ComponentID("config", owner: invocation.user, "reset", "yes"),
                    label: language(.configResetYes), style: .danger),
                Button(id: ComponentID("config", owner: invocation.user, "reset", "no"), label: language(.cancel)),
            ])
        ]
        return .message(message)
    }

    // MARK: Showing

    private func show(_ invocation: Invocation, _ guild: Snowflake, _ services: Services) async throws -> Reply {
        let language = invocation.language
        let configuration = try await services.store.configuration(of: guild)
        let notes = try await services.store.notes(of: guild)
        let name = configuration.name.map(DiscordText.escaped) ?? language(.configThisServer)
        let off = language(.configOff)
        let zone = configuration.timeZone ?? "UTC"
        let now = Schedule(timeZone: configuration.timeZone, minute: 0).timeOfDay(at: ProcessClock.wallMicroseconds)
        var fields = [
            Embed.Field(
                name: language(.configWelcomeField), value: configuration.welcomeChannel.map { "<#\($0)>" } ?? off),
            Embed.Field(
                name: language(.configDailyField),
                value: configuration.dailyChannel.map {
                    let time = TimeOfDay(minute: configuration.effectiveDailyMinute)
                    return language(.configDailyAt, ["channel": "<#\($0)>", "time": "\(time)"])
                } ?? off),
            Embed.Field(
                name: language(.configPrefixField),
                value: "`\(DiscordText.inCode(services.configurations.prefix(configuration)))`"),
            Embed.Field(
                name: language(.configTimeZoneField),
                value: language(.configLocalTime, ["zone": zone, "time": "\(now)"])),
            Embed.Field(
                name: language(.configLanguageField),
                value: configuration.effectiveLanguage == .spanish ? "Español" : "English"),
        ]
        if configuration.welcomeChannel != nil {
            // As it would greet whoever asks.
            let greeting = WelcomeText.text(for: invocation.user, in: configuration)
            fields.append(.init(name: language(.configWelcomeTextField), value: greeting, isInline: false))
        }
        if !notes.isEmpty {
            fields.append(
                .init(
                    name: language(.configNotesField),
                    value: notes.map { "⚠️ \($0.text(in: language))" }.joined(separator: "\n"), isInline: false))
        }
        return .embed(Embed(title: language(.configTitle, ["server": name]), fields: fields))
    }
}

extension AdminNote {
    func text(in language: Language) -> String {
        let values: KeyValuePairs = ["channel": "<#\(channel)>"]
        return switch cause {
        case .welcomeForbidden: language(.noteWelcomeForbidden, values)
        case .welcomeChannelGone: language(.noteWelcomeChannelGone)
        case .dailyForbidden: language(.noteDailyForbidden, values)
        case .dailyChannelGone: language(.noteDailyChannelGone)
        }
    }
}
