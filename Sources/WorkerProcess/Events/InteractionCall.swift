internal import Shared

/// What an interaction asks a command for, read as far as it can be; what is wrong with it is its answer.
struct InteractionCall: Sendable {
    /// For logs.
    let name: String
    let language: Language
    /// What is answered at once, because the rest may take longer.
    var deferral: InteractionResponse?
    /// It comes from a component, or from a form that one has opened.
    var isOnMessage = false
    let reply: @Sendable (Services) async throws -> Reply

    private static func refused(
        _ name: String, _ language: Language, _ message: Message, isOnMessage: Bool = false
    ) -> InteractionCall {
        InteractionCall(name: name, language: language, isOnMessage: isOnMessage) { _ in
            .hint(message.text(in: language))
        }
    }

    // MARK: Commands

    static func command(
        _ event: EventFrame, _ data: JSONValue, _ services: Services
    ) throws(EventProblem) -> InteractionCall {
        let call = try data.requiredObject("data")
        let name = try call.requiredString("name")
        let language = self.language(data, services)
        guard let command = services.commands[name] else {
            return refused("/\(name)", language, Message(.unknownCommand))
        }
        let declaration = command.declaration
        let parsed: (subcommand: String?, arguments: [String: OptionValue])
        do throws(ArgumentProblem) {
            parsed = try declaration.arguments(of: call["options"])
        } catch {
            return refused("/\(name)", language, error.message)
        }
        guard
            let invocation = invocation(
                name, parsed.subcommand, parsed.arguments, event, data, language, services)
        else { return refused("/\(name)", language, Message(.incompleteInteraction)) }
        if let problem = channelProblem(declaration.options(of: parsed.subcommand) ?? [], parsed.arguments, call) {
            return refused("/\(invocation.path)", language, problem.message)
        }
        let isEphemeral = declaration.isEphemeral(parsed.subcommand)
        var result = InteractionCall(name: "/\(invocation.path)", language: language) { services in
            services.counters.change { $0.commands[invocation.path, default: 0] += 1 }
            if let refusal = declaration.refusal(of: invocation) { return .hint(refusal.text(in: language)) }
            var reply = try await command.run(invocation, services)
            if isEphemeral, case .message(var message) = reply {
                message.isEphemeral = true
                reply = .message(message)
            }
            return reply
        }
        if declaration.defers(parsed.subcommand), declaration.refusal(of: invocation) == nil {
            result.deferral = .deferredMessage(ephemeral: isEphemeral)
        }
        return result
    }

    /// A channel of another kind than was asked for, which an older app may let pass.
    private static func channelProblem(
        _ options: [OptionDeclaration], _ arguments: [String: OptionValue], _ call: JSONValue
    ) -> ArgumentProblem? {
        guard let channels = call["resolved"]?["channels"] else { return nil }
        for option in options {
            guard case .channel(let types) = option.kind, !types.isEmpty, case .id(let id)? = arguments[option.name]
            else { continue }
            for (name, channel) in channels.members where Snowflake(name) == id {
                guard let type = channel["type"]?.int, types.contains(type) else { return option.problem }
            }
        }
        return nil
    }

    static func completion(
        _ event: EventFrame, _ data: JSONValue, _ services: Services
    ) throws(EventProblem) -> (any Command, Completion)? {
        let call = try data.requiredObject("data")
        guard let command = services.commands[try call.requiredString("name")],
            let (subcommand, option, typed) = command.declaration.completion(of: call["options"]),
            let invocation = invocation(
                command.declaration.name, subcommand, [:], event, data, language(data, services), services),
            command.declaration.refusal(of: invocation) == nil
        else { return nil }
        return (command, Completion(invocation: invocation, option: option, typed: typed))
    }

    // MARK: Components and modals

    static func component(
        _ event: EventFrame, _ data: JSONValue, _ services: Services
    ) throws(EventProblem) -> InteractionCall {
        let call = try data.requiredObject("data")
        let values = call["values"].map { $0.elements.compactMap(\.string) } ?? []
        return try custom(call, event, data, services) { command, invocation, id, services in
            try await command.press(ComponentPress(invocation: invocation, id: id, values: values), services)
        }
    }

    static func modal(
        _ event: EventFrame, _ data: JSONValue, _ services: Services
    ) throws(EventProblem) -> InteractionCall {
        let call = try data.requiredObject("data")
        var fields: [String: String] = [:]
        if let rows = call["components"] {
            for row in rows.elements {
                // A field stands in a row of its own, or in a label (components/reference.mdx).
                var field = row["component"]
                if field == nil, let components = row["components"] {
                    var elements = components.elements
                    field = elements.next()
                }
                if let name = field?["custom_id"]?.string { fields[name] = field?["value"]?.string ?? "" }
            }
        }
        let written = fields
        return try custom(call, event, data, services) { command, invocation, id, services in
            try await command.submit(ModalSubmission(invocation: invocation, id: id, fields: written), services)
        }
    }

    private static func custom(
        _ call: JSONValue, _ event: EventFrame, _ data: JSONValue, _ services: Services,
        _ body: @escaping @Sendable (any Command, Invocation, ComponentID, Services) async throws -> Reply
    ) throws(EventProblem) -> InteractionCall {
        let language = language(data, services)
        let isOnMessage = data["message"].map { !$0.isNull } ?? false
        guard let id = ComponentID(try call.requiredString("custom_id")), let command = services.commands[id.command]
        else { return refused("component", language, Message(.outdatedMessage), isOnMessage: isOnMessage) }
        let name = "component of /\(id.command)"
        guard let invocation = invocation(id.command, nil, [:], event, data, language, services) else {
            return refused(name, language, Message(.incompleteInteraction), isOnMessage: isOnMessage)
        }
        guard invocation.user == id.owner else {
            return refused(name, language, Message(.notYours), isOnMessage: isOnMessage)
        }
        let declaration = command.declaration
        return InteractionCall(name: name, language: language, isOnMessage: isOnMessage) { services in
            // Permissions may have been taken away since the message was made.
            if let refusal = declaration.refusal(of: invocation) { return .hint(refusal.text(in: language)) }
            return try await body(command, invocation, id, services)
        }
    }

    // MARK: What all have

    private static func language(_ data: JSONValue, _ services: Services) -> Language {
        let guild = data["guild_id"]?.snowflake.flatMap { services.configurations.known(in: $0) }
        let own = data["locale"]?.string.flatMap(Language.init(discordLocale:))
        return own ?? guild?.effectiveLanguage ?? .of(user: data["guild_locale"]?.string, in: nil)
    }

    private static func invocation(
        _ name: String, _ subcommand: String?, _ arguments: [String: OptionValue], _ event: EventFrame,
        _ data: JSONValue, _ language: Language, _ services: Services
    ) -> Invocation? {
        guard let channel = data["channel_id"]?.snowflake ?? data["channel"]?["id"]?.snowflake,
            let user = (data["member"]?["user"] ?? data["user"])?["id"]?.snowflake
        else { return nil }
        let guild = data["guild_id"]?.snowflake
        var invocation = Invocation(
            command: name, subcommand: subcommand, arguments: arguments, guild: guild, channel: channel, user: user,
            event: event.orderID, receivedAt: event.receivedAt, sentAt: event.sentAt,
            prefix: services.configurations.knownPrefix(in: guild))
        invocation.permissions = data["member"]?["permissions"]?.string.flatMap(Permissions.init)
        invocation.language = language
        if let channels = data["data"]?["resolved"]?["channels"] {
            for (id, channel) in channels.members {
                guard let id = Snowflake(id), let text = channel["app_permissions"]?.string else { continue }
                invocation.ownPermissions[id] = Permissions(text)
            }
        }
        return invocation
    }
}
