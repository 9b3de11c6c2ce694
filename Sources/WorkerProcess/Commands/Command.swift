internal import Logging
internal import Shared

/// A command. To add one, write a file like PingCommand.swift and name it in Commands.swift.
protocol Command: Sendable {
    var declaration: CommandDeclaration { get }

    /// Does what the command is for and returns the answer. It may be called again for the same event, on this worker or another,
    /// and must then have no second effect.
    func run(_ invocation: Invocation, _ services: Services) async throws -> OutgoingMessage
}

/// What handlers and commands work with.
struct Services: Sendable {
    let api: any DiscordAPI
    let store: any Store
    let commands: CommandList
    let prefixes: GuildPrefixes
    let gateway: GatewayLink
    let registrar: CommandRegistrar
    let counters: WorkerCounters
    let logger: Logger
}

/// The commands by name.
struct CommandList: Sendable {
    let all: [any Command]
    private let byName: [String: any Command]

    /// Names are unique; the declarations' check reports those that are not.
    init(_ all: [any Command]) {
        self.all = all
        byName = Dictionary(all.map { ($0.declaration.name, $0) }) { first, _ in first }
    }

    subscript(name: String) -> (any Command)? { byName[name] }

    var declarations: [CommandDeclaration] { all.map(\.declaration) }

    /// Paths whose answers only the caller sees, for the queue's hello.
    var ephemeralPaths: Set<String> { Set(declarations.filter(\.isEphemeral).flatMap(\.paths)) }
}
