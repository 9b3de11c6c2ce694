internal import Logging
internal import Shared

/// A command written as a message, such as `!ping`.
struct TextCommand: Sendable {
    /// The message it was written as.
    struct Call: Sendable {
        let message: MemberMessage
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
    func run(_ call: Call, _ services: Services) async throws {
        let declaration = command.declaration
        services.counters.change { $0.commands["\(declaration.name) (text)", default: 0] += 1 }
        var answer = try await answer(call, services)
        let nonce = Nonce.of("text command", "\(call.message.channel)", "\(call.message.id)", declaration.name)
        answer.replyTo = call.message.id
        try await OneTimeMessage(
            nonce: nonce, channel: call.message.channel, message: answer, trace: .reply(to: call.message.id)
        ).send(services)
        services.logger.info(
            "Command answered",
            metadata: ["command": "\(prefix)\(declaration.name)", "message": "\(call.message.id)"])
    }

    private func answer(_ call: Call, _ services: Services) async throws -> OutgoingMessage {
        let declaration = command.declaration
        guard case .same = declaration.textForm else {
            let paths = declaration.paths.map { "`/\($0)`" }.joined(separator: " or ")
            return OutgoingMessage("Please use \(paths): a message does not tell me what you may do here.")
        }
        do {
            let (subcommand, arguments) = try declaration.arguments(of: words)
            let invocation = Invocation(
                command: declaration.name, subcommand: subcommand, arguments: arguments, guild: call.message.guild,
                channel: call.message.channel, user: call.message.author, event: call.event,
                receivedAt: call.receivedAt,
                sentAt: call.sentAt, prefix: prefix)
            if let refusal = declaration.refusal(of: invocation) { return OutgoingMessage(refusal) }
            return try await command.run(invocation, services)
        } catch let problem as ArgumentProblem {
            return OutgoingMessage(problem.description)
        }
    }
}
