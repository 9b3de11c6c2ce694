internal import Logging
internal import Shared

/// A command written as a message, such as `!ping`.
struct TextCommand: Sendable {
    /// The message it was written as.
    struct Call: Sendable {
        let message: MemberMessage
        /// Nil in direct messages.
        let member: MemberPermissions.Member?
        /// What settings are ordered by.
        let event: EventID
        let receivedAt: Int64
        let sentAt: Int64
    }

    let command: any Command
    let words: [Substring]
    let prefix: String

    /// Nil if it does not begin with the prefix and the name of a command: other bots may have the same prefix.
    init?(_ text: String, prefix: String, _ commands: CommandList) {
        guard text.hasPrefix(prefix) else { return nil }
        var words = text.dropFirst(prefix.count).split(whereSeparator: \.isWhitespace)
        guard let first = words.first, let command = commands[first.lowercased()] else { return nil }
        words.removeFirst()
        self.command = command
        self.words = words
        self.prefix = prefix
    }

    /// Runs it and answers, once for each message.
    /// - Parameter configuration: the guild's; nil in direct messages.
    func run(_ call: Call, _ configuration: GuildConfiguration?, _ services: Services) async throws {
        let declaration = command.declaration
        services.counters.change { $0.commands["\(declaration.name) (text)", default: 0] += 1 }
        guard var answer = try await answer(call, configuration, services) else { return }
        let nonce = Nonce.of("text command", "\(call.message.channel)", "\(call.message.id)", declaration.name)
        answer.replyTo = call.message.id
        answer.isEphemeral = false
        try await OneTimeMessage(
            nonce: nonce, channel: call.message.channel, message: answer, trace: .reply(to: call.message.id)
        ).send(services)
        services.logger.info(
            "Command answered",
            metadata: ["command": "\(prefix)\(declaration.name)", "message": "\(call.message.id)"])
    }

    private func answer(
        _ call: Call, _ configuration: GuildConfiguration?, _ services: Services
    ) async throws -> OutgoingMessage? {
        let declaration = command.declaration
        let language = configuration?.effectiveLanguage ?? .english
        let parsed: (subcommand: String?, arguments: [String: OptionValue])
        do {
            parsed = try declaration.arguments(of: words)
        } catch {
            return OutgoingMessage(error.message.text(in: language))
        }
        var invocation = Invocation(
            command: declaration.name, subcommand: parsed.subcommand, arguments: parsed.arguments,
            guild: call.message.guild, channel: call.message.channel, user: call.message.author, event: call.event,
            receivedAt: call.receivedAt, sentAt: call.sentAt, prefix: prefix)
        invocation.language = language
        let path = "`/\(invocation.path)`"
        guard case .same = declaration.textForm(parsed.subcommand) else {
            return OutgoingMessage(language(.useSlashCommand, ["command": path]))
        }
        if declaration.permission != nil, let guild = call.message.guild {
            // What cannot be told is refused.
            guard let permissions = try await permissions(of: call, in: guild, services) else {
                return OutgoingMessage(language(.permissionsUnknown, ["command": path]))
            }
            invocation.permissions = permissions
        }
        if let refusal = declaration.refusal(of: invocation) { return OutgoingMessage(refusal.text(in: language)) }
        if let problem = try await channelProblem(with: invocation, services) {
            return OutgoingMessage(problem.message.text(in: language))
        }
        return try await command.run(invocation, services).outgoingMessage
    }

    /// Channels are to be of this guild and of the kinds that the option takes, which nobody has checked in a message.
    private func channelProblem(
        with invocation: Invocation, _ services: Services
    ) async throws -> ArgumentProblem? {
        for option in command.declaration.options(of: invocation.subcommand) ?? [] {
            guard case .channel(let types) = option.kind, case .id(let id)? = invocation.arguments[option.name]
            else { continue }
            let channel: MemberPermissions.Channel?
            switch await looked(up: id, services) {
            case .success(let found): channel = found
            case .failure(let error) where error.kind == .rejected: channel = nil
            case .failure(let error): throw error
            }
            guard let channel, channel.guild == invocation.guild, types.isEmpty || types.contains(channel.type) else {
                return option.problem
            }
        }
        return nil
    }

    /// An error as a value: caught where it is thrown on, it makes the optimizer of Swift 6.3 crash.
    private func looked(
        up channel: Snowflake, _ services: Services
    ) async -> Result<MemberPermissions.Channel?, DiscordAPIError> {
        do throws(DiscordAPIError) {
            return .success(try await services.permissions.channel(channel, services.api))
        } catch {
            return .failure(error)
        }
    }

    /// Nil if they cannot be told.
    private func permissions(
        of call: Call, in guild: Snowflake, _ services: Services
    ) async throws -> Permissions? {
        guard let member = call.member else { return nil }
        switch await reckoned(member, call.message.channel, guild, services) {
        case .success(let permissions): return permissions
        case .failure(let error) where error.kind == .rejected: return nil
        case .failure(let error): throw error
        }
    }

    /// An error as a value: caught where it is thrown on, it makes the optimizer of Swift 6.3 crash.
    private func reckoned(
        _ member: MemberPermissions.Member, _ channel: Snowflake, _ guild: Snowflake, _ services: Services
    ) async -> Result<Permissions?, DiscordAPIError> {
        do throws(DiscordAPIError) {
            return .success(
                try await services.permissions.permissions(of: member, in: channel, of: guild, services.api))
        } catch {
            return .failure(error)
        }
    }
}
