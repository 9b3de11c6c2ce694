internal import Shared

/// How commands look to Discord (interactions/application-commands.mdx).
enum CommandRegistration {
    /// The body of the bulk overwrite.
    static func json(_ declarations: [CommandDeclaration]) -> JSON {
        .array(declarations.map(json))
    }

    /// The same commands always have the same hash, whatever their order.
    static func hash(_ declarations: [CommandDeclaration]) -> String {
        Digest.sha256Hex(normalForm(json(declarations)).text)
    }

    /// What matters in a list of commands, so that what Discord has can be compared with what it was sent: known fields with
    /// their defaults, by name.
    static func normalForm(_ commands: JSON) -> JSON {
        let forms = (commands.elements ?? []).map { command -> (String, JSON) in
            let name = command["name"]?.string ?? ""
            let type = command["type"]?.int ?? 1
            let form: JSON = [
                "name": .string(name), "type": .integer(type),
                "description": .string(command["description"]?.string ?? ""),
                "default_member_permissions": command["default_member_permissions"] ?? .null,
                "nsfw": .bool(command["nsfw"]?.bool ?? false),
                "contexts": sorted(command["contexts"]),
                "integration_types": sorted(command["integration_types"] ?? [0]),
                "localizations": localizations(of: command),
                "options": normalOptions(command["options"]),
            ]
            return ("\(name) \(type)", form)
        }
        return .array(forms.sorted { $0.0 < $1.0 }.map(\.1))
    }

    /// Order matters to members here, so it is kept.
    private static func normalOptions(_ options: JSON?) -> JSON {
        .array(
            (options?.elements ?? []).map { option in
                var members: [JSON.Member] = [
                    .init("name", option["name"] ?? .null), .init("type", option["type"] ?? .null),
                    .init("description", option["description"] ?? .null),
                    .init("required", .bool(option["required"]?.bool ?? false)),
                    .init("autocomplete", .bool(option["autocomplete"]?.bool ?? false)),
                    .init("channel_types", sorted(option["channel_types"])),
                    .init("localizations", localizations(of: option)),
                    .init("choices", normalChoices(option["choices"])),
                    .init("options", normalOptions(option["options"])),
                ]
                for limit in ["min_value", "max_value", "min_length", "max_length"] {
                    members.append(.init(limit, option[limit]?.double.map(JSON.double) ?? .null))
                }
                return .object(members)
            })
    }

    private static func normalChoices(_ choices: JSON?) -> JSON {
        .array(
            (choices?.elements ?? []).map {
                [
                    "name": $0["name"] ?? .null, "value": $0["value"] ?? .null, "localizations": localizations(of: $0),
                ]
            })
    }

    private static func sorted(_ numbers: JSON?) -> JSON {
        .array((numbers?.elements ?? []).compactMap(\.int).sorted().map(JSON.integer))
    }

    /// Those of names and descriptions, by locale.
    private static func localizations(of part: JSON) -> JSON {
        .array(
            ["name_localizations", "description_localizations"].map { field in
                .object((part[field]?.members ?? []).filter { $0.value != .null }.sorted { $0.key < $1.key })
            })
    }

    private static func json(_ command: CommandDeclaration) -> JSON {
        let options = command.subcommands.map(json) + command.options.map(json)
        return [
            "name": .string(command.name), "type": 1,
            "description": .string(command.description.text(in: .english)),
            "description_localizations": translations(of: command.description),
            "default_member_permissions": command.permission.map { .string(String($0.rawValue)) } ?? .null,
            "contexts": .array(command.contexts.map { .integer($0.rawValue) }),
            "integration_types": [0],
            "options": .array(options),
        ]
    }

    /// In the languages beside English, which is what everybody else is shown.
    private static func translations(of wording: Wording) -> JSON {
        guard wording.isTranslated else { return .null }
        return .object(
            Language.allCases.filter { $0 != .english }.flatMap { language in
                language.discordLocales.map { JSON.Member($0, .string(wording.text(in: language))) }
            })
    }

    private static func json(_ subcommand: SubcommandDeclaration) -> JSON {
        [
            "type": 1, "name": .string(subcommand.name),
            "description": .string(subcommand.description.text(in: .english)),
            "description_localizations": translations(of: subcommand.description),
            "options": .array(subcommand.options.map(json)),
        ]
    }

    private static func json(_ option: OptionDeclaration) -> JSON {
        var members: [JSON.Member] = [
            .init("type", .integer(option.kind.discordType)), .init("name", .string(option.name)),
            .init("description", .string(option.description.text(in: .english))),
            .init("description_localizations", translations(of: option.description)),
            .init("required", .bool(option.isRequired)),
        ]
        if option.isCompleted { members.append(.init("autocomplete", true)) }
        switch option.kind {
        case .string(let length, let choices):
            if let length {
                members.append(.init("min_length", .integer(length.lowerBound)))
                members.append(.init("max_length", .integer(length.upperBound)))
            }
            if !choices.isEmpty { members.append(.init("choices", .array(choices.map(json)))) }
        case .integer(let range?):
            members.append(.init("min_value", .integer(range.lowerBound)))
            members.append(.init("max_value", .integer(range.upperBound)))
        case .number(let range?):
            members.append(.init("min_value", .double(range.lowerBound)))
            members.append(.init("max_value", .double(range.upperBound)))
        case .channel(let types) where !types.isEmpty:
            members.append(.init("channel_types", .array(types.map(JSON.integer))))
        case .integer, .number, .boolean, .user, .channel, .role: break
        }
        return .object(members)
    }

    private static func json(_ choice: OptionChoice) -> JSON {
        [
            "name": .string(choice.name.text(in: .english)), "name_localizations": translations(of: choice.name),
            "value": .string(choice.value),
        ]
    }
}

extension OptionDeclaration.Kind {
    /// Application Command Option Type.
    var discordType: Int {
        switch self {
        case .string: 3
        case .integer: 4
        case .boolean: 5
        case .user: 6
        case .channel: 7
        case .role: 8
        case .number: 10
        }
    }
}
