internal import Shared

/// `/config`: a server's settings.
struct ConfigCommand: Command {
    /// GUILD_TEXT and GUILD_ANNOUNCEMENT (resources/channel.mdx, Channel Types): where a bot can write.
    private static let channel = CommandOption<Snowflake>.channel(
        "channel", "Where new members are welcomed; leave it out to switch that off", types: [0, 5])

    let declaration = CommandDeclaration(
        name: "config", description: "Shows and changes this server's settings",
        subcommands: [
            SubcommandDeclaration(name: "show", description: "Shows this server's settings"),
            SubcommandDeclaration(
                name: "welcome", description: "Sets where new members are welcomed",
                options: [Self.channel.declaration]),
        ],
        permission: .manageGuild, contexts: [.guild], isEphemeral: true, textForm: .hint)

    func run(_ invocation: Invocation, _ services: Services) async throws -> OutgoingMessage {
        // `contexts` has it that there is one.
        guard let guild = invocation.guild else { return OutgoingMessage("This works in a server only.") }
        if invocation.subcommand == "welcome" {
            return try await setWelcomeChannel(invocation, guild, services)
        }
        return try await show(invocation, guild, services)
    }

    private func show(
        _ invocation: Invocation, _ guild: Snowflake, _ services: Services
    ) async throws -> OutgoingMessage {
        let configuration = try await services.store.configuration(of: guild)
        func channel(_ id: Snowflake?) -> String { id.map { "<#\($0)>" } ?? "off" }
        return OutgoingMessage(
            """
            Welcome messages: \(channel(configuration.welcomeChannel))
            Daily messages: \(channel(configuration.dailyChannel))
            Prefix of text commands: `\(DiscordText.inCode(configuration.prefix ?? invocation.prefix))`
            """)
    }

    private func setWelcomeChannel(
        _ invocation: Invocation, _ guild: Snowflake, _ services: Services
    ) async throws -> OutgoingMessage {
        let channel = invocation[Self.channel]
        try await services.store.setWelcomeChannel(channel, of: guild, event: invocation.event)
        guard let channel else { return OutgoingMessage("New members are no longer welcomed.") }
        var answer = "New members are welcomed in <#\(channel)> from now on."
        if let own = invocation.ownPermissions[channel], !own.allow([.viewChannel, .sendMessages]) {
            answer += "\nBut I may not write there: please give me View Channel and Send Messages."
        }
        return OutgoingMessage(answer)
    }
}
