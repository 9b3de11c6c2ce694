internal import Logging
internal import Shared

/// INTERACTION_CREATE: a slash command, something pressed, something typed, a form (interactions/receiving-and-responding.mdx).
struct InteractionCreate: EventHandler {
    static let event = "INTERACTION_CREATE"

    let services: Services
    var deadline = InteractionDeadline()

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        let reference = InteractionReference(
            id: try data.requiredSnowflake("id"), applicationID: try data.requiredSnowflake("application_id"),
            token: try data.requiredString("token"))
        let call: InteractionCall
        switch InteractionKind(rawValue: try data.requiredInteger("type")) {
        case .applicationCommand: call = try .command(event, data, services)
        case .messageComponent: call = try .component(event, data, services)
        case .modalSubmit: call = try .modal(event, data, services)
        case .autocomplete: return try suggestions(for: reference, event, data)
        case .ping, nil: return EventPlan()
        }
        var answer = InteractionAnswer(
            interaction: reference, isDeferred: event.deferred, isRepeated: event.attempt > 1, api: services.api,
            deadline: deadline)
        answer.isOnMessage = call.isOnMessage
        let (prepared, services) = (answer, services)
        return EventPlan { try await Self.answer(call, prepared, services) }
    }

    private static func answer(
        _ call: InteractionCall, _ answer: InteractionAnswer, _ services: Services
    ) async throws {
        let metadata: Logger.Metadata = ["command": "\(call.name)", "interaction": "\(answer.interaction.id)"]
        var standing = try await answer.standing(wallClock: ProcessClock.wallMicroseconds / 1000)
        switch standing {
        case .open, .deferred: break
        case .answered: return services.logger.info("Command was answered already", metadata: metadata)
        case .over:
            throw DiscordAPIError(
                kind: .tooLate, status: nil, code: nil, retryAfter: nil,
                description: "\(call.name): the interaction is too old to be answered")
        }
        if let deferral = call.deferral, standing == .open {
            try await answer.deferAnswer(deferral)
            standing = .deferred
        }
        do {
            try await answer.send(try await call.reply(services), standing)
            services.logger.info("Command answered", metadata: metadata)
        } catch {
            try await apologise(for: error, to: call, with: answer, standing, services)
        }
    }

    /// Tells the caller if a command could not be carried out.
    private static func apologise(
        for error: any Error, to call: InteractionCall, with answer: InteractionAnswer,
        _ standing: InteractionAnswer.Standing, _ services: Services
    ) async throws {
        guard let apology = Apology(error) else { throw error }
        let problem = await failure(of: { () async throws(DiscordAPIError) in
            try await answer.send(apology.reply(in: call.language), standing)
        })
        // What went wrong first counts, unless Discord is the only trouble left.
        if let problem { throw apology.isAll ? problem : error }
        services.counters.change { $0.apologies += 1 }
        services.logger.warning("A caller was told that it did not work", metadata: ["reason": "\(error)"])
        guard apology.isAll else { throw error }
    }

    /// An error as a value: caught where it is thrown on, it makes the optimizer of Swift 6.3 crash.
    private static func failure(
        of body: () async throws(DiscordAPIError) -> Void
    ) async -> DiscordAPIError? {
        do throws(DiscordAPIError) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: Suggestions

    /// Late or failed ones do no harm: the member types on.
    private func suggestions(
        for interaction: InteractionReference, _ event: EventFrame, _ data: JSONValue
    ) throws(EventProblem) -> EventPlan {
        let services = services
        let request = try InteractionCall.completion(event, data, services)
        return EventPlan {
            var choices: [JSON] = []
            if let (command, completion) = request {
                let found = (try? await command.complete(completion, services)) ?? []
                let language = completion.invocation.language
                choices = found.prefix(MessageBody.maximumChoices).map {
                    [
                        "name": .string($0.name.text(in: language).cut(toUTF16: 100)),
                        "value": command.declaration.value($0, of: completion),
                    ]
                }
            }
            try? await services.api.respond(to: interaction, with: .autocomplete(choices))
        }
    }
}

/// Interaction types (receiving-and-responding.mdx).
enum InteractionKind: Int {
    case ping = 1
    case applicationCommand = 2
    case messageComponent = 3
    case autocomplete = 4
    case modalSubmit = 5
}

extension CommandDeclaration {
    /// A suggested value with the type of its option.
    fileprivate func value(_ choice: OptionChoice, of completion: Completion) -> JSON {
        let options = options(of: completion.invocation.subcommand) ?? []
        return switch options.first(where: { $0.name == completion.option })?.kind {
        case .integer: Int(choice.value).map(JSON.integer) ?? .string(choice.value)
        case .number: Double(choice.value).map(JSON.double) ?? .string(choice.value)
        default: .string(choice.value)
        }
    }
}
