internal import Shared

/// Makes interactions as Discord's app does when somebody uses a command, a component or a modal: only what the bot has
/// registered can be used.
struct InteractionBuilder {
    let world: World
    /// Registered commands by guild; nil is the global scope.
    let commands: [Snowflake?: [JSON]]
    let channel: Channel
    let guild: Guild?
    let user: User

    /// Reads an order of the control API: `command` or `autocomplete` with `options`, `component` with `message` and
    /// `values`, or `modal` with `fields` and perhaps `message`; with the `locale` of the user's app.
    func build(_ order: JSON, at now: Int) throws -> Interaction {
        let locale = order["locale"] ?? "de"
        guard let name = locale.string, CommandRules.locales.contains(name) else {
            throw ControlError(description: "\(locale.text) is none of Discord's locales")
        }
        if let path = order["command"]?.string {
            return make(2, try command(path, order, isComplete: true), nil, name, at: now)
        }
        if let path = order["autocomplete"]?.string {
            return make(4, try command(path, order, isComplete: false), nil, name, at: now)
        }
        let message = order["message"]?.id.flatMap { world.present($0) }
        if let customID = order["component"]?.string {
            guard let message else { throw ControlError(description: "a component needs the message it is in") }
            let data = JSON.compact([
                "custom_id": .string(customID), "component_type": .integer(order["component_type"]?.int ?? 2), "id": 1,
                "values": order["values"],
            ])
            return make(3, data, message.json, name, at: now)
        }
        if let customID = order["modal"]?.string {
            let inputs = (order["fields"]?.members ?? []).enumerated().map { index, field -> JSON in
                [
                    "type": 18, "id": .integer(2 * index + 1),
                    "component": [
                        "type": 4, "id": .integer(2 * index + 2), "custom_id": .string(field.key), "value": field.value,
                    ],
                ]
            }
            return make(
                5, ["custom_id": .string(customID), "components": .array(inputs)], message?.json, name, at: now)
        }
        throw ControlError(description: "one of command, autocomplete, component, modal is needed")
    }

    private func make(_ type: Int, _ data: JSON, _ message: JSON?, _ locale: String, at now: Int) -> Interaction {
        let id = world.mint.next(at: now)
        let token = "aW50ZXJhY3Rpb246\(world.random.hexadecimal(48))"
        var fields: [JSON.Member] = [
            .init("version", 1), .init("type", .integer(type)), .init("token", .string(token)),
        ]
        if let message { fields.append(.init("message", message)) }
        if let guild, let member = guild.members[user.id] {
            let permissions = world.permissions(of: user.id, in: guild, channel: channel, at: now)
            fields.append(
                .init("member", member.jsonWithUser.merging(["permissions": .string(String(permissions))])))
        } else {
            fields.append(.init("user", user.json))
        }
        fields += [.init("locale", .string(locale)), .init("id", .id(id))]
        if let guild {
            fields += [
                .init("guild_locale", .string(guild.locale)), .init("guild_id", .id(guild.id)),
                .init(
                    "guild",
                    [
                        "locale": .string(guild.locale), "id": .id(guild.id),
                        "features": .array(guild.features.map(JSON.string)),
                    ]),
            ]
        }
        fields += [
            .init("entitlements", []), .init("data", data), .init("context", guild == nil ? 1 : 0),
            .init("channel_id", .id(channel.id)), .init("channel", partial(channel, at: now)),
            .init("authorizing_integration_owners", ["0": guild.map { .id($0.id) } ?? "0"]),
            .init("attachment_size_limit", 10_485_760), .init("application_id", .id(world.application.id)),
            .init("app_permissions", .string(String(appPermissions(in: channel, at: now)))),
        ]
        return Interaction(
            id: id, token: token, type: type, fields: .object(fields), guild: guild?.id, channel: channel.id,
            user: user, createdAt: now)
    }

    private func appPermissions(in channel: Channel, at now: Int) -> UInt64 {
        // In a direct channel a bot may do what messages need.
        guard let guild else { return 1 << 10 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 16 }
        return world.permissions(of: world.application.id, in: guild, channel: channel, at: now)
    }

    private func partial(_ channel: Channel, at now: Int) -> JSON {
        var json = channel.jsonWithGuild
        if let guild {
            let permissions = world.permissions(of: user.id, in: guild, channel: channel, at: now)
            json = json.merging(["permissions": .string(String(permissions))])
        }
        return Message.inRecordedOrder(json.removing(["permission_overwrites"]))
    }

    // MARK: - Commands

    private func command(_ path: String, _ order: JSON, isComplete: Bool) throws -> JSON {
        var words = path.split(separator: " ").map(String.init)
        guard !words.isEmpty else { throw ControlError(description: "the command has no name") }
        let name = words.removeFirst()
        let known = (guild.flatMap { commands[$0.id] } ?? []) + (commands[nil] ?? [])
        guard let command = known.first(where: { $0["name"]?.string == name }) else {
            throw ControlError(status: 409, description: "the bot has registered no command /\(name)")
        }
        try checkPermission(to: command)
        var resolved = Resolved()
        let values = order["options"] ?? .object([])
        let focused = isComplete ? nil : order["focused"]?.string
        let options = try fill(command["options"]?.elements ?? [], path: words[...], values, focused, &resolved)
        return .compact([
            "type": command["type"] ?? 1, "resolved": resolved.json, "options": options.isEmpty ? nil : .array(options),
            "name": .string(name), "id": command["id"], "guild_id": command["guild_id"],
        ])
    }

    /// The app offers a command only to those who have all of its `default_member_permissions`.
    private func checkPermission(to command: JSON) throws {
        guard let needed = command["default_member_permissions"]?.string.flatMap({ UInt64($0) }), let guild else {
            return
        }
        let permissions = world.permissions(of: user.id, in: guild, channel: channel, at: world.clock())
        guard permissions & needed != needed || needed == 0, permissions & PermissionRules.Bit.administrator == 0 else {
            return
        }
        throw ControlError(
            status: 409, description: "\(user.username) lacks the permissions \(needed) that the command asks for")
    }

    private func fill(
        _ definitions: [JSON], path: ArraySlice<String>, _ values: JSON, _ focused: String?, _ resolved: inout Resolved
    ) throws -> [JSON] {
        if let name = path.first {
            guard let definition = definitions.first(where: { $0["name"]?.string == name }),
                let type = definition["type"]?.int, type <= 2
            else { throw ControlError(status: 409, description: "there is no subcommand \(name)") }
            let inner = try fill(
                definition["options"]?.elements ?? [], path: path.dropFirst(), values, focused, &resolved)
            return [["type": .integer(type), "options": .array(inner), "name": .string(name)]]
        }
        if definitions.contains(where: { ($0["type"]?.int ?? 3) <= 2 }) {
            throw ControlError(status: 409, description: "the command cannot be used without a subcommand")
        }
        for member in values.members ?? [] where !definitions.contains(where: { $0["name"]?.string == member.key }) {
            throw ControlError(status: 409, description: "there is no option \(member.key)")
        }
        return try definitions.compactMap { try option($0, values, focused, &resolved) }
    }

    private func option(
        _ definition: JSON, _ values: JSON, _ focused: String?, _ resolved: inout Resolved
    ) throws -> JSON? {
        let name = definition["name"]?.string ?? ""
        guard let value = values[name] else {
            if definition["required"]?.bool == true, focused == nil {
                throw ControlError(status: 409, description: "the option \(name) is required")
            }
            return nil
        }
        let type = definition["type"]?.int ?? 3
        let fits =
            switch type {
            case 3, 6, 7, 8, 9, 11: value.string != nil
            case 4: value.int != nil || focused == name
            case 5: value.bool != nil
            default: value.double != nil || focused == name
            }
        guard fits else { throw ControlError(status: 409, description: "the option \(name) is of another type") }
        if (6...9).contains(type) { try resolve(value, type, &resolved) }
        return .compact([
            "value": value, "type": .integer(type), "name": .string(name),
            "focused": focused == name ? .bool(true) : nil,
        ])
    }

    // MARK: - Resolved objects

    /// `resolved`: the objects behind the ids.
    private struct Resolved {
        var users: [JSON.Member] = []
        var members: [JSON.Member] = []
        var roles: [JSON.Member] = []
        var channels: [JSON.Member] = []

        var json: JSON? {
            let parts = [("users", users), ("roles", roles), ("members", members), ("channels", channels)]
            let full = parts.filter { !$0.1.isEmpty }
            return full.isEmpty ? nil : .object(full.map { .init($0.0, .object($0.1)) })
        }
    }

    private func resolve(_ value: JSON, _ type: Int, _ resolved: inout Resolved) throws {
        guard let id = value.id else { throw ControlError(status: 409, description: "\(value.text) is no id") }
        let now = world.clock()
        if type == 7, let target = world.channels[id] {
            let permissions = JSON.string(String(appPermissions(in: target, at: now)))
            resolved.channels.append(
                .init(id.description, partial(target, at: now).merging(["app_permissions": permissions])))
        } else if type == 8 || type == 9, let role = guild?.roles.first(where: { $0.id == id }) {
            resolved.roles.append(.init(id.description, role.json))
        } else if type != 7, let user = world.users[id] {
            resolved.users.append(.init(id.description, user.json))
            if let guild, let member = guild.members[id] {
                let permissions = world.permissions(of: id, in: guild, channel: channel, at: now)
                resolved.members.append(
                    .init(
                        id.description,
                        member.json.removing(["deaf", "mute"])
                            .merging(["permissions": .string(String(permissions))])))
            }
        } else {
            throw ControlError(status: 409, description: "nothing that could be chosen has the id \(id)")
        }
    }
}
