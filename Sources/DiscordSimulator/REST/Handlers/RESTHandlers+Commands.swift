internal import Shared

extension RESTHandlers {
    /// Routes on application commands, of the global scope and of guilds.
    static let applicationCommands: [String: Handler] = [
        "list_application_commands": { (me, call) throws(APIError) in try me.listCommands(call) },
        "list_guild_application_commands": { (me, call) throws(APIError) in try me.listCommands(call) },
        "create_application_command": { (me, call) throws(APIError) in try me.createCommand(call) },
        "create_guild_application_command": { (me, call) throws(APIError) in try me.createCommand(call) },
        "bulk_set_application_commands": { (me, call) throws(APIError) in try me.overwriteCommands(call) },
        "bulk_set_guild_application_commands": { (me, call) throws(APIError) in try me.overwriteCommands(call) },
        "get_application_command": { (me, call) throws(APIError) in try me.getCommand(call) },
        "get_guild_application_command": { (me, call) throws(APIError) in try me.getCommand(call) },
        "update_application_command": { (me, call) throws(APIError) in try me.updateCommand(call) },
        "update_guild_application_command": { (me, call) throws(APIError) in try me.updateCommand(call) },
        "delete_application_command": { (me, call) throws(APIError) in try me.deleteCommand(call) },
        "delete_guild_application_command": { (me, call) throws(APIError) in try me.deleteCommand(call) },
    ]

    private func listCommands(_ call: RESTCall) throws(APIError) -> RESTResult {
        let commands = commandBook[try scope(call)] ?? []
        let isFull = call.flag("with_localizations")
        return .json(200, .array(commands.map { isFull ? $0 : $0.withoutLocalizations }))
    }

    private func getCommand(_ call: RESTCall) throws(APIError) -> RESTResult {
        let (scope, index) = try find(call)
        return .json(200, (commandBook[scope] ?? [])[index])
    }

    private func createCommand(_ call: RESTCall) throws(APIError) -> RESTResult {
        let scope = try scope(call)
        let wanted = CommandForm.normalized(call.body.value)
        var rules = CommandRules(isForGuild: scope != nil)
        rules.check(wanted)
        if !rules.errors.isEmpty { throw .invalidForm(rules.errors) }
        var commands = commandBook[scope] ?? []
        if let index = commands.firstIndex(where: { CommandForm.isSame($0, wanted) }) {
            commands[index] = update(commands[index], to: wanted, at: call.now)
            commandBook[scope] = commands
            world.changed()
            return .json(200, commands[index])
        }
        try checkCounts(commands + [wanted])
        if !creates.spend(1, in: scope, at: call.now) { throw .tooManyCreates }
        let command = register(wanted, in: scope, at: call.now)
        commandBook[scope] = commands + [command]
        world.changed()
        return .json(201, command)
    }

    private func overwriteCommands(_ call: RESTCall) throws(APIError) -> RESTResult {
        let scope = try scope(call)
        let wanted = (call.body.value.elements ?? []).map(CommandForm.normalized)
        var rules = CommandRules(isForGuild: scope != nil)
        for (index, command) in wanted.enumerated() {
            rules.check(command, at: [String(index)])
        }
        var errors = rules.errors
        for (index, command) in wanted.enumerated()
        where wanted[..<index].contains(where: { CommandForm.isSame($0, command) }) {
            errors.add(
                "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique", at: [String(index)])
        }
        if !errors.isEmpty { throw .invalidForm(errors) }
        try checkCounts(wanted)
        let old = commandBook[scope] ?? []
        func known(_ command: JSON) -> JSON? {
            if let id = command["id"]?.nonNull?.id, let found = old.first(where: { $0["id"]?.id == id }) {
                return found
            }
            return old.first { CommandForm.isSame($0, command) }
        }
        let new = wanted.count { command in !old.contains { CommandForm.isSame($0, command) } }
        if !creates.spend(new, in: scope, at: call.now) { throw .tooManyCreates }
        let commands = wanted.map { command in
            known(command).map { update($0, to: command, at: call.now) } ?? register(command, in: scope, at: call.now)
        }
        commandBook[scope] = commands
        world.changed()
        return .json(200, .array(commands))
    }

    private func updateCommand(_ call: RESTCall) throws(APIError) -> RESTResult {
        let (scope, index) = try find(call)
        var commands = commandBook[scope] ?? []
        let wanted = CommandForm.normalized(commands[index].merging(call.body.value))
        var rules = CommandRules(isForGuild: scope != nil)
        // What Discord has added to a guild's command itself is no request of the caller's.
        rules.check(scope == nil ? wanted : wanted.removing(["contexts", "integration_types"]).merging(asked(call)))
        if !rules.errors.isEmpty { throw .invalidForm(rules.errors) }
        if commands.indices.contains(where: { $0 != index && CommandForm.isSame(commands[$0], wanted) }) {
            throw .invalidForm(
                "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique", at: ["name"])
        }
        commands[index] = update(commands[index], to: wanted, at: call.now)
        commandBook[scope] = commands
        world.changed()
        return .json(200, commands[index])
    }

    private func asked(_ call: RESTCall) -> JSON {
        .object((call.body.value.members ?? []).filter { ["contexts", "integration_types"].contains($0.key) })
    }

    private func deleteCommand(_ call: RESTCall) throws(APIError) -> RESTResult {
        let (scope, index) = try find(call)
        commandBook[scope]?.remove(at: index)
        world.changed()
        return .noContent
    }

    // MARK: - Shared

    /// The scope of the path, nil for the global one.
    private func scope(_ call: RESTCall) throws(APIError) -> Snowflake? {
        guard call.id("application_id") == world.application.id else { throw .unknownApplication }
        guard call.parameters["guild_id"] != nil else { return nil }
        let guild = call.id("guild_id")
        // application-commands.mdx: commands of a guild the bot is not in are no business of its.
        if world.guilds[guild] == nil { throw .missingAccess }
        return guild
    }

    private func find(_ call: RESTCall) throws(APIError) -> (scope: Snowflake?, index: Int) {
        let scope = try scope(call)
        let id = call.id("command_id")
        guard let index = commandBook[scope]?.firstIndex(where: { $0["id"]?.id == id }) else {
            throw .unknownCommand
        }
        return (scope, index)
    }

    private func checkCounts(_ commands: [JSON]) throws(APIError) {
        let counts = Dictionary(grouping: commands) { $0["type"]?.int ?? 1 }.mapValues(\.count)
        for (type, count) in counts where count > CommandRules.maximumOfType[type] ?? 0 {
            let limit = CommandRules.maximumOfType[type] ?? 0
            throw APIError(400, 30032, "Maximum number of application commands reached (\(limit)).")
        }
    }

    private func register(_ wanted: JSON, in scope: Snowflake?, at now: Int) -> JSON {
        let own = JSON.compact([
            "id": .id(world.mint.next(at: now)), "application_id": .id(world.application.id),
            "version": .id(world.mint.next(at: now)), "guild_id": scope.map { .id($0) },
        ])
        return own.merging(CommandForm.complete(wanted, isForGuild: scope != nil))
    }

    /// The command with a new version, unless nothing about it changed.
    private func update(_ old: JSON, to wanted: JSON, at now: Int) -> JSON {
        let own = JSON.object((old.members ?? []).filter { CommandForm.ownFields.contains($0.key) })
        let new = own.merging(CommandForm.complete(wanted, isForGuild: old["guild_id"] != nil))
        return new == old ? old : new.with("version", .id(world.mint.next(at: now)))
    }
}

/// Commands as they are compared and kept.
enum CommandForm {
    /// Fields that Discord gives a command.
    static let ownFields: Set<String> = ["id", "application_id", "version", "guild_id"]

    /// Whether an upsert of one replaces the other: by name and type.
    static func isSame(_ left: JSON, _ right: JSON) -> Bool {
        left["name"] == right["name"] && (left["type"]?.int ?? 1) == (right["type"]?.int ?? 1)
    }

    /// A request's command without nulls, its bit set a string.
    static func normalized(_ command: JSON) -> JSON {
        guard let members = command.members else { return command }
        var result = JSON.object(
            members.filter { $0.value != .null || $0.key == "default_member_permissions" })
        if let bits = result["default_member_permissions"]?.int {
            result.set("default_member_permissions", .string(String(bits)))
        }
        return result
    }

    /// A command with the fields that Discord always answers with.
    static func complete(_ command: JSON, isForGuild: Bool) -> JSON {
        let type = command["type"]?.int ?? 1
        var result: JSON = [
            "type": .integer(type), "name": command["name"] ?? "",
            "name_localizations": command["name_localizations"] ?? nil,
            "description": command["description"] ?? "",
            "description_localizations": command["description_localizations"] ?? nil,
            "default_member_permissions": command["default_member_permissions"] ?? nil,
            "nsfw": command["nsfw"] ?? false,
        ]
        if let options = command["options"]?.elements, !options.isEmpty {
            result.set("options", .array(options.map(withoutNulls)))
        }
        if let handler = command["handler"] { result.set("handler", handler) }
        if isForGuild { return result }
        result.set("integration_types", command["integration_types"] ?? [0])
        result.set("contexts", command["contexts"] ?? nil)
        result.set("dm_permission", command["dm_permission"] ?? true)
        return result
    }

    private static func withoutNulls(_ value: JSON) -> JSON {
        switch value {
        case .object(let members):
            .object(
                members.filter { $0.value != .null && !isDefault($0) }
                    .map { JSON.Member($0.key, withoutNulls($0.value)) })
        case .array(let values): .array(values.map(withoutNulls))
        default: value
        }
    }

    /// Discord leaves out what says nothing: an option that is not required, or without autocomplete.
    private static func isDefault(_ member: JSON.Member) -> Bool {
        ["required", "autocomplete"].contains(member.key) && member.value == false
    }
}

extension JSON {
    /// This command without dictionaries of translations, as lists show it unless asked for them.
    fileprivate var withoutLocalizations: JSON {
        switch self {
        case .object(let members):
            .object(
                members.filter { !$0.key.hasSuffix("_localizations") }
                    .map { JSON.Member($0.key, $0.value.withoutLocalizations) })
        case .array(let values): .array(values.map(\.withoutLocalizations))
        default: self
        }
    }
}
