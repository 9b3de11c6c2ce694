internal import Shared

/// Everything that is to be known about a command: what Discord is told of it, how its arguments are read and checked, what
/// `/help` says, and whether it can also be written as a message (interactions/application-commands.mdx).
struct CommandDeclaration: Sendable {
    /// Where a command can be used.
    enum Context: Int, Sendable {
        case guild = 0
        case botDM = 1
    }

    /// Whether the command can be written as a message, such as `!ping`.
    enum TextForm: Sendable {
        /// It does the same.
        case same
        /// It is answered with a hint: a message does not tell its author's permissions.
        case hint
    }

    let name: String
    let description: String
    /// Of a command without subcommands.
    var options: [OptionDeclaration] = []
    /// A command with subcommands cannot be called itself.
    var subcommands: [SubcommandDeclaration] = []
    /// What a member needs for it by default; administrators can change that in their server's settings.
    var permission: Permissions?
    var contexts: [Context] = [.guild, .botDM]
    /// Whether only the caller sees the answers.
    var isEphemeral = false
    var textForm = TextForm.same

    /// All that can be called, as it is typed: `config welcome`.
    var paths: [String] {
        subcommands.isEmpty ? [name] : subcommands.map { "\(name) \($0.name)" }
    }

    /// The options of a path's last part; nil if there is no such path.
    func options(of subcommand: String?) -> [OptionDeclaration]? {
        guard let subcommand else { return subcommands.isEmpty ? options : nil }
        return subcommands.first { $0.name == subcommand }?.options
    }
}

/// One subcommand.
struct SubcommandDeclaration: Sendable {
    let name: String
    let description: String
    var options: [OptionDeclaration] = []
}

/// One option of a command or subcommand.
struct OptionDeclaration: Sendable {
    /// What kind of value it takes, with what Discord checks for us.
    enum Kind: Sendable, Equatable {
        /// `length` within 0 to 6000; at most 25 `choices`.
        case string(length: ClosedRange<Int>? = nil, choices: [String] = [])
        case integer(range: ClosedRange<Int>? = nil)
        case boolean
        case user
        /// Types as Discord numbers them; empty for all.
        case channel(types: [Int] = [])
        case role
    }

    let name: String
    let description: String
    let kind: Kind
    var isRequired = false
}

/// An option whose value a command reads with its Swift type: `invocation[Self.channel]`.
struct CommandOption<Value: OptionValueConvertible>: Sendable {
    let declaration: OptionDeclaration
}

extension CommandOption where Value == String {
    static func string(
        _ name: String, _ description: String, length: ClosedRange<Int>? = nil, choices: [String] = [],
        isRequired: Bool = false
    ) -> Self {
        Self(
            declaration: OptionDeclaration(
                name: name, description: description, kind: .string(length: length, choices: choices),
                isRequired: isRequired))
    }
}

extension CommandOption where Value == Int {
    static func integer(
        _ name: String, _ description: String, range: ClosedRange<Int>? = nil, isRequired: Bool = false
    ) -> Self {
        Self(
            declaration: OptionDeclaration(
                name: name, description: description, kind: .integer(range: range), isRequired: isRequired))
    }
}

extension CommandOption where Value == Bool {
    static func boolean(_ name: String, _ description: String, isRequired: Bool = false) -> Self {
        Self(
            declaration: OptionDeclaration(
                name: name, description: description, kind: .boolean, isRequired: isRequired))
    }
}

extension CommandOption where Value == Snowflake {
    static func channel(_ name: String, _ description: String, types: [Int] = [], isRequired: Bool = false) -> Self {
        Self(
            declaration: OptionDeclaration(
                name: name, description: description, kind: .channel(types: types), isRequired: isRequired))
    }

    static func user(_ name: String, _ description: String, isRequired: Bool = false) -> Self {
        Self(declaration: OptionDeclaration(name: name, description: description, kind: .user, isRequired: isRequired))
    }

    static func role(_ name: String, _ description: String, isRequired: Bool = false) -> Self {
        Self(declaration: OptionDeclaration(name: name, description: description, kind: .role, isRequired: isRequired))
    }
}
