internal import Shared

/// `/help`: what the bot can do, from the declarations themselves.
struct HelpCommand: Command {
    let declaration = CommandDeclaration(name: "help", description: "Lists the commands")

    func run(_ invocation: Invocation, _ services: Services) async throws -> OutgoingMessage {
        var lines = services.commands.declarations.sorted { $0.name < $1.name }.flatMap(Self.lines)
        let texts = services.commands.declarations.filter { $0.textForm == .same }
            .map { "`\(DiscordText.inCode(invocation.prefix + $0.name))`" }.sorted()
        lines.append("As a message: \(texts.joined(separator: ", "))")
        return OutgoingMessage(lines.joined(separator: "\n"))
    }

    private static func lines(of command: CommandDeclaration) -> [String] {
        let note = command.permission.map { " (\($0.name))" } ?? ""
        guard !command.subcommands.isEmpty else {
            return ["`/\(command.name)\(usage(of: command.options))` – \(command.description)\(note)"]
        }
        return command.subcommands.map {
            "`/\(command.name) \($0.name)\(usage(of: $0.options))` – \($0.description)\(note)"
        }
    }

    private static func usage(of options: [OptionDeclaration]) -> String {
        options.map { $0.isRequired ? " \($0.name)" : " [\($0.name)]" }.joined()
    }
}
