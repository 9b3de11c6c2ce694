internal import Shared

extension RESTHandlers {
    /// Routes that answer interactions; none of them needs the bot's token.
    static let interactionAnswers: [String: Handler] = [
        "create_interaction_response": { (me, call) throws(APIError) in try me.answerInteraction(call) },
        "get_original_webhook_message": { (me, call) throws(APIError) in
            .json(200, try me.message(try me.answered(call).response.original).json)
        },
        "update_original_webhook_message": { (me, call) throws(APIError) in
            let (interaction, response) = try me.answered(call)
            return .json(200, try me.edit(response.original, of: interaction, call).json)
        },
        "delete_original_webhook_message": { (me, call) throws(APIError) in
            me.world.delete(try me.message(try me.answered(call).response.original))
            return .noContent
        },
        "execute_webhook": { (me, call) throws(APIError) in .json(200, try me.followUp(call).json) },
        "get_webhook_message": { (me, call) throws(APIError) in
            .json(200, try me.known(call, in: try me.answered(call).response).json)
        },
        "update_webhook_message": { (me, call) throws(APIError) in
            let (interaction, response) = try me.answered(call)
            return .json(200, try me.edit(try me.known(call, in: response).id, of: interaction, call).json)
        },
        "delete_webhook_message": { (me, call) throws(APIError) in
            me.world.delete(try me.known(call, in: try me.answered(call).response))
            return .noContent
        },
    ]

    // MARK: - First answer

    private func answerInteraction(_ call: RESTCall) throws(APIError) -> RESTResult {
        let token = call.parameters["interaction_token"] ?? ""
        guard let interaction = world.interaction(token: token), interaction.id == call.id("interaction_id") else {
            throw APIError(InteractionRules.Refusal.unknown)
        }
        do throws(InteractionRules.Refusal) {
            try InteractionRules.mayAnswer(interaction, responses[interaction.id], world.limits, at: call.now)
        } catch {
            throw APIError(error)
        }
        let type = call.body.value["type"]?.int ?? 0
        let allowed = InteractionRules.answers(to: interaction.type, hasMessage: interaction.source != nil)
        guard allowed.contains(type) else {
            var errors = FormErrors()
            errors.addChoices(allowed.map(JSON.integer), at: ["type"])
            throw .invalidForm(errors)
        }
        let message = try carryOut(type, call.body.value["data"]?.nonNull ?? .object([]), interaction, call)
        // What a component's message is, is known before the answer; other answers make their own.
        let original = message?.id ?? (type == 6 ? interaction.source : nil)
        if responses.count >= Self.manyResponses { forgetResponses(at: call.now) }
        responses[interaction.id] = InteractionResponse(type: type, original: original)
        return call.flag("with_response") ? .json(200, callbackResponse(interaction, type, message)) : .noContent
    }

    private func carryOut(
        _ type: Int, _ data: JSON, _ interaction: Interaction, _ call: RESTCall
    ) throws(APIError) -> Message? {
        let flags = data["flags"]?.int ?? 0
        switch type {
        case 4:
            try check(data, .interactionAnswer, files: call.body.files.count, at: ["data"])
            return post(data, flags: flags, interaction, call)
        case 5:
            var rules = MessageRules(.deferral)
            rules.check(.object([.init("flags", .integer(flags))]), flags: flags, at: ["data"])
            if !rules.errors.isEmpty { throw .invalidForm(rules.errors) }
            return post(.object([]), flags: flags | MessageRules.Flags.loading, interaction, call)
        case 7:
            let old = try message(interaction.source)
            let message = try edited(
                old, with: data, call, purpose: .interactionEdit, permissions: appPermissions(interaction), at: ["data"]
            )
            world.edit(message)
            return message
        default:
            // Choices, modals, pongs and "nothing to show" leave no message; their form is all there is to check.
            return nil
        }
    }

    private func check(
        _ body: JSON, _ purpose: MessageRules.Purpose, files: Int, at path: [String] = []
    ) throws(APIError) {
        var rules = MessageRules(purpose)
        rules.check(body, flags: body["flags"]?.int ?? 0, at: path)
        if !rules.errors.isEmpty { throw .invalidForm(rules.errors) }
        if MessageRules.isEmpty(body, files: files) { throw .emptyMessage }
    }

    private func callbackResponse(_ interaction: Interaction, _ type: Int, _ message: Message?) -> JSON {
        let facts = JSON.compact([
            "id": .id(interaction.id), "type": .integer(interaction.type),
            "response_message_id": message.map { .id($0.id) },
            "response_message_loading": message.map { .bool($0.isLoading) },
            "response_message_ephemeral": message.map { .bool($0.isEphemeral) },
        ])
        return ["interaction": facts, "resource": .compact(["type": .integer(type), "message": message?.json])]
    }

    // MARK: - With the token

    /// The interaction whose token the path carries, if a first answer was given and the token is not void.
    private func answered(
        _ call: RESTCall
    ) throws(APIError) -> (interaction: Interaction, response: InteractionResponse) {
        guard call.id("webhook_id") == world.application.id,
            let interaction = world.interaction(token: call.parameters["webhook_token"] ?? "")
        else { throw .unknownWebhook }
        let response = responses[interaction.id]
        do throws(InteractionRules.Refusal) {
            try InteractionRules.mayUseToken(interaction, response, world.limits, at: call.now)
        } catch {
            throw APIError(error)
        }
        guard let response else { throw .unknownWebhook }
        return (interaction, response)
    }

    /// A message of this interaction's that the path names.
    private func known(_ call: RESTCall, in response: InteractionResponse) throws(APIError) -> Message {
        let id = call.id("message_id")
        guard id == response.original || response.followUps.contains(id) else { throw .unknownMessage }
        return try message(id)
    }

    private func message(_ id: Snowflake?) throws(APIError) -> Message {
        guard let message = world.present(id) else { throw .unknownMessage }
        return message
    }

    private func edit(_ id: Snowflake?, of interaction: Interaction, _ call: RESTCall) throws(APIError) -> Message {
        let message = try edited(
            try message(id), with: call.body.value, call, purpose: .interactionEdit,
            permissions: appPermissions(interaction))
        world.edit(message)
        return message
    }

    private func followUp(_ call: RESTCall) throws(APIError) -> Message {
        let (interaction, response) = try answered(call)
        let body = call.body.value
        // The first one after a deferral fills the waiting message instead of adding one (deprecated).
        if let waiting = world.present(response.original), waiting.isLoading {
            return try edit(waiting.id, of: interaction, call)
        }
        try check(body, .followUp, files: call.body.files.count)
        if interaction.isUserInstallOnly, response.followUps.count >= Self.maximumUserInstallFollowUps {
            throw APIError(400, 40094, "This interaction has reached the maximum number of follow-up messages.")
        }
        let message = post(body, flags: body["flags"]?.int ?? 0, interaction, call, isFollowUp: true)
        responses[interaction.id]?.followUps.append(message.id)
        return message
    }

    /// receiving-and-responding.mdx, Create Followup Message
    private static let maximumUserInstallFollowUps = 5

    // MARK: - Shared

    /// Responses kept before those whose token is void are dropped.
    private static let manyResponses = 8192

    private func forgetResponses(at now: Int) {
        let limit = now - world.limits.interactionToken
        responses = responses.filter { (world.interactions[$0.key]?.createdAt ?? 0) > limit }
    }

    /// Notes a request about an interaction for those who watch it.
    func noteAnswer(_ call: RESTCall, status: Int, code: Int?) {
        let token = call.parameters["interaction_token"] ?? call.parameters["webhook_token"]
        guard let token, let interaction = world.interaction(token: token) else { return }
        let about =
            switch call.operation.id {
            case "create_interaction_response": "callback"
            case "execute_webhook": "follow-up"
            case let id where id.contains("original"): "@original"
            default: call.parameters["message_id"] ?? ""
            }
        world.note(
            Interaction.Answer(
                method: call.operation.method, about: about, body: call.body.value, status: status, code: code,
                at: call.now), of: interaction.id)
    }

    private func appPermissions(_ interaction: Interaction) -> UInt64 {
        interaction.fields["app_permissions"]?.string.flatMap { UInt64($0) } ?? 0
    }

    /// Makes an answer's message and tells of it.
    private func post(
        _ body: JSON, flags: Int, _ interaction: Interaction, _ call: RESTCall, isFollowUp: Bool = false
    ) -> Message {
        let channel =
            world.channels[interaction.channel]
            ?? Channel(id: interaction.channel, guild: interaction.guild, type: Channel.Kind.text, name: "")
        var draft = MessageDraft(channel: channel, now: call.now, permissions: appPermissions(interaction))
        draft.flags = flags
        draft.files = call.body.files
        draft.interaction = interaction
        let isCommand = interaction.type == 2
        if isCommand, !isFollowUp { draft.type = interaction.fields["data"]?["type"]?.int == 1 ? 20 : 23 }
        draft.extra = .compact([
            "application_id": .id(world.application.id), "webhook_id": .id(world.application.id),
            "interaction_metadata": metadata(interaction, isFollowUp: isFollowUp),
            "interaction": isCommand && !isFollowUp
                ? [
                    "id": .id(interaction.id), "type": 2, "name": .string(interaction.name),
                    "user": interaction.user.json,
                ] : nil,
            "message_reference": isFollowUp ? referenceToOriginal(interaction) : nil,
        ])
        let message = compose(draft, from: body)
        world.post(message)
        return message
    }

    private func metadata(_ interaction: Interaction, isFollowUp: Bool) -> JSON {
        .compact([
            "id": .id(interaction.id), "type": .integer(interaction.type), "user": interaction.user.json,
            "authorizing_integration_owners": interaction.fields["authorizing_integration_owners"] ?? .object([]),
            "name": interaction.type == 2 ? .string(interaction.name) : nil,
            "command_type": interaction.type == 2 ? interaction.fields["data"]?["type"] : nil,
            "original_response_message_id": isFollowUp ? responses[interaction.id]?.original.map { .id($0) } : nil,
            "interacted_message_id": interaction.type == 3 ? interaction.source.map { .id($0) } : nil,
        ])
    }

    private func referenceToOriginal(_ interaction: Interaction) -> JSON? {
        guard let original = responses[interaction.id]?.original else { return nil }
        return .compact([
            "type": 0, "channel_id": .id(interaction.channel), "message_id": .id(original),
            "guild_id": interaction.guild.map { .id($0) },
        ])
    }
}

extension Interaction {
    /// The message whose component was used, or from which the modal was opened.
    fileprivate var source: Snowflake? { fields["message"]?["id"]?.id }

    /// Whether the application is not installed where this happened.
    fileprivate var isUserInstallOnly: Bool {
        let owners = fields["authorizing_integration_owners"]
        return owners?["1"] != nil && owners?["0"] == nil
    }
}
