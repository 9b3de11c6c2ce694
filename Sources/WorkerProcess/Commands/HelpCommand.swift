internal import Shared

/// `/help`: what the bot can do, from the declarations themselves.
struct HelpCommand: Command {
    private static let command = CommandOption<String>.string(
        "command", .phrase(.helpCommandOption), length: 1...80
    ).completed

    let declaration = CommandDeclaration(
        name: "help", description: .phrase(.helpDescription), options: [Self.command.declaration])

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        let all = services.commands.declarations.sorted { $0.name < $1.name }
        guard let wanted = invocation[Self.command] else { return .embed(overview(all, invocation)) }
        let name = wanted.trimmingPrefix("/").trimmingPrefix(invocation.prefix).lowercased()
        guard
            let declaration = all.first(where: { $0.name == name || $0.paths.contains(name) })
        else {
            return .hint(invocation.language(.helpUnknown, ["name": "`\(DiscordText.inCode(wanted))`"]))
        }
        return .embed(explanation(of: declaration, name, invocation))
    }

    func complete(_ completion: Completion, _ services: Services) async throws -> [OptionChoice] {
        let typed = completion.typed.lowercased().trimmingPrefix("/")
        return services.commands.declarations.flatMap(\.paths).sorted().filter { $0.contains(typed) }
            .map { OptionChoice($0, Wording(verbatim: "/\($0)")) }
    }

    private func overview(_ all: [CommandDeclaration], _ invocation: Invocation) -> Embed {
        let language = invocation.language
        let texts = all.filter { command in
            command.paths.contains { path in
                if case .same = command.textForm(Self.subcommand(path)) { true } else { false }
            }
        }
        let names = texts.map { "`\(DiscordText.inCode(invocation.prefix + $0.name))`" }.joined(separator: ", ")
        return Embed(
            title: language(.helpTitle),
            description: all.flatMap { lines(of: $0, language) }.joined(separator: "\n"),
            fields: [
                .init(
                    name: "\u{200B}",
                    value: language(
                        .helpAsMessage,
                        ["prefix": "`\(DiscordText.inCode(invocation.prefix))`", "commands": names]),
                    isInline: false)
            ])
    }

    private func lines(of command: CommandDeclaration, _ language: Language) -> [String] {
        guard !command.subcommands.isEmpty else {
            return ["`/\(command.name)\(usage(of: command.options))` – \(command.description.text(in: language))"]
        }
        return command.subcommands.map {
            "`/\(command.name) \($0.name)\(usage(of: $0.options))` – \($0.description.text(in: language))"
        }
    }

    private func explanation(of command: CommandDeclaration, _ name: String, _ invocation: Invocation) -> Embed {
        let language = invocation.language
        let subcommand = command.subcommand(Self.subcommand(name))
        let options = subcommand?.options ?? command.options
        let parts =
            subcommand == nil
            ? command.subcommands.map {
                Embed.Field(
                    name: "/\(command.name) \($0.name)\(usage(of: $0.options))",
                    value: $0.description.text(in: language), isInline: false)
            } : []
        let notes = [
            command.permission.map { language(.helpNeeds, ["permission": $0.name(in: language)]) },
            command.contexts.contains(.botDM) ? nil : language(.helpGuildOnly),
        ].compactMap(\.self)
        return Embed(
            title: "/\(subcommand.map { "\(command.name) \($0.name)" } ?? command.name)\(usage(of: options))",
            description: (subcommand?.description ?? command.description).text(in: language),
            fields: parts
                + options.map { option in
                    let note = option.isRequired ? "" : " (\(language(.helpOptional)))"
                    return Embed.Field(
                        name: option.name + note, value: option.description.text(in: language), isInline: false)
                },
            footer: notes.isEmpty ? nil : notes.joined(separator: " · "))
    }

    private func usage(of options: [OptionDeclaration]) -> String {
        options.map { $0.isRequired ? " \($0.name)" : " [\($0.name)]" }.joined()
    }

    private static func subcommand(_ path: String) -> String? {
        path.split(separator: " ").dropFirst().first.map(String.init)
    }
}
