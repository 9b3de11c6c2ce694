internal import Logging
internal import Shared

/// INTERACTION_CREATE: a slash command (interactions/receiving-and-responding.mdx).
struct InteractionCreate: EventHandler {
    static let event = "INTERACTION_CREATE"

    /// Interaction types.
    private enum Kind: Int {
        case applicationCommand = 2
        case messageComponent = 3
        case autocomplete = 4
        case modalSubmit = 5
    }

    let services: Services
    var deadline = InteractionDeadline()

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        let reference = InteractionReference(
            id: try data.requiredSnowflake("id"), applicationID: try data.requiredSnowflake("application_id"),
            token: try data.requiredString("token"))
        switch Kind(rawValue: try data.requiredInteger("type")) {
        case .applicationCommand: return try command(reference, event, data)
        case .autocomplete:
            // No option asks for it; an empty list is what Discord expects then, and a late one is useless.
            let api = services.api
            return EventPlan { try? await api.respond(to: reference, with: .autocomplete([])) }
        // The bot sends neither components nor modals, so these belong to messages of another release.
        case .messageComponent, .modalSubmit, nil: return EventPlan()
        }
    }

    private func command(
        _ reference: InteractionReference, _ event: EventFrame, _ data: JSONValue
    ) throws(EventProblem) -> EventPlan {
        let answer = InteractionAnswer(
            interaction: reference, isDeferred: event.deferred, isRepeated: event.attempt > 1, api: services.api,
            deadline: deadline)
        let call = try CommandCall(event, data, services)
        let services = services
        return EventPlan {
            let metadata: Logger.Metadata = ["command": "/\(call.path)", "interaction": "\(reference.id)"]
            let standing = try await answer.standing(wallClock: ProcessClock.wallMicroseconds / 1000)
            switch standing {
            case .open, .deferred: break
            case .answered: return services.logger.info("Command was answered already", metadata: metadata)
            case .over:
                throw DiscordAPIError(
                    kind: .tooLate, status: nil, code: nil, retryAfter: nil,
                    description: "/\(call.name): the interaction is too old to be answered")
            }
            do {
                let message = try await call.answer(services)
                try await answer.send(message, standing)
                services.logger.info("Command answered", metadata: metadata)
            } catch {
                try await apologise(for: error, with: answer, standing, services)
            }
        }
    }

    /// Tells the caller if a command could not be carried out.
    private func apologise(
        for error: any Error, with answer: InteractionAnswer, _ standing: InteractionAnswer.Standing,
        _ services: Services
    ) async throws {
        guard let apology = Apology(error) else { throw error }
        do throws(DiscordAPIError) {
            try await answer.send(apology.message, standing)
        } catch let problem {
            // What went wrong first counts, unless Discord is the only trouble left.
            throw apology.isAll ? problem : error
        }
        services.counters.change { $0.apologies += 1 }
        services.logger.warning("A caller was told that it did not work", metadata: ["reason": "\(error)"])
        guard apology.isAll else { throw error }
    }
}

/// What a slash command was called with.
struct CommandCall: Sendable {
    let name: String
    private let command: (any Command)?
    private let invocation: Invocation?
    private let problem: String

    init(_ event: EventFrame, _ data: JSONValue, _ services: Services) throws(EventProblem) {
        let call = try data.requiredObject("data")
        name = try call.requiredString("name")
        command = services.commands[name]
        guard let command else {
            invocation = nil
            problem = "This command is not known any more. Please reload Discord and try again."
            return
        }
        do throws(ArgumentProblem) {
            let (subcommand, arguments) = try command.declaration.arguments(of: call["options"])
            invocation = try Self.invocation(name, subcommand, arguments, event, data, services)
            problem = ""
        } catch {
            invocation = nil
            problem = error.description
        }
    }

    /// The command with its subcommand, as far as they are known.
    var path: String { invocation?.path ?? name }

    /// Runs the command, or says why not.
    func answer(_ services: Services) async throws -> OutgoingMessage {
        guard let command, let invocation else { return Self.hint(problem) }
        services.counters.change { $0.commands[invocation.path, default: 0] += 1 }
        if let refusal = command.declaration.refusal(of: invocation) { return Self.hint(refusal) }
        var answer = try await command.run(invocation, services)
        if command.declaration.isEphemeral { answer.isEphemeral = true }
        return answer
    }

    private static func hint(_ text: String) -> OutgoingMessage {
        var message = OutgoingMessage(text)
        message.isEphemeral = true
        return message
    }

    private static func invocation(
        _ name: String, _ subcommand: String?, _ arguments: [String: OptionValue], _ event: EventFrame,
        _ data: JSONValue, _ services: Services
    ) throws(ArgumentProblem) -> Invocation {
        let incomplete = ArgumentProblem(description: "Discord did not say who calls this, or where.")
        guard let channel = data["channel_id"]?.snowflake ?? data["channel"]?["id"]?.snowflake,
            let user = (data["member"]?["user"] ?? data["user"])?["id"]?.snowflake
        else { throw incomplete }
        let guild = data["guild_id"]?.snowflake
        var invocation = Invocation(
            command: name, subcommand: subcommand, arguments: arguments, guild: guild, channel: channel, user: user,
            event: event.orderID, receivedAt: event.receivedAt, sentAt: event.sentAt,
            prefix: services.prefixes.known(in: guild) ?? services.prefixes.standard)
        invocation.permissions = data["member"]?["permissions"]?.string.flatMap(Permissions.init)
        if let channels = data["data"]?["resolved"]?["channels"] {
            for (id, channel) in channels.members {
                guard let id = Snowflake(id), let text = channel["app_permissions"]?.string else { continue }
                invocation.ownPermissions[id] = Permissions(text)
            }
        }
        return invocation
    }
}
