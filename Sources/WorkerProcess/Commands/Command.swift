internal import Logging
internal import Shared

/// A command. To add one, write a file like PingCommand.swift and name it in Commands.swift (docs/writing-commands.md).
///
/// Each of these may be called again for the same event, on this worker or another, and must then have no second effect.
protocol Command: Sendable {
    var declaration: CommandDeclaration { get }

    /// Does what the command is for.
    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply

    /// Suggests values while a member types; at most 25 are shown. Late or failed suggestions do no harm.
    func complete(_ completion: Completion, _ services: Services) async throws -> [OptionChoice]

    /// Answers to a button or a select menu of one of the command's messages.
    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply

    /// Takes what was written into a modal that the command has opened.
    func submit(_ submission: ModalSubmission, _ services: Services) async throws -> Reply
}

extension Command {
    func complete(_ completion: Completion, _ services: Services) async throws -> [OptionChoice] { [] }

    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply {
        .hint(press.invocation.language(.outdatedMessage))
    }

    func submit(_ submission: ModalSubmission, _ services: Services) async throws -> Reply {
        .hint(submission.invocation.language(.outdatedMessage))
    }
}

/// What a command answers.
enum Reply: Sendable, Equatable {
    /// A message of its own.
    case message(OutgoingMessage)
    /// Of a button or a modal opened by one: the message that it is on becomes this.
    case update(OutgoingMessage)
    /// A form to fill in. Only of what declares `opensModal`, because it cannot be deferred.
    case modal(Modal)

    /// A text.
    static func text(_ text: String) -> Reply { .message(OutgoingMessage(text)) }

    /// A text for the caller alone.
    static func hint(_ text: String) -> Reply {
        var message = OutgoingMessage(text)
        message.isEphemeral = true
        return .message(message)
    }

    static func embed(_ embed: Embed) -> Reply {
        var message = OutgoingMessage()
        message.embeds = [embed.json]
        return .message(message)
    }
}

/// What a member has typed so far for an option.
struct Completion: Sendable {
    let invocation: Invocation
    let option: String
    let typed: String
}

/// A button that was pressed, or a choice in a select menu.
struct ComponentPress: Sendable {
    let invocation: Invocation
    let id: ComponentID
    /// Of a select menu.
    let values: [String]
}

/// A modal that was filled in.
struct ModalSubmission: Sendable {
    let invocation: Invocation
    let id: ComponentID
    /// What was written, by the field's name.
    let fields: [String: String]
}

/// What handlers and commands work with.
struct Services: Sendable {
    let api: any DiscordAPI
    let store: any Store
    let commands: CommandList
    let configurations: ConfigurationCache
    let permissions: PermissionCache
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
    var ephemeralPaths: Set<String> {
        Set(declarations.flatMap { command in command.paths.filter { command.isEphemeral(at: $0) } })
    }

    /// Paths and beginnings of custom ids that answer with a modal, for the queue's hello.
    var immediatePaths: Set<String> {
        Set(declarations.flatMap { command in command.paths.filter { command.opensModal(at: $0) } })
    }
}
