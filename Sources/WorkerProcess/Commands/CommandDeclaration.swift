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
        /// It does the same, and everybody sees the answer.
        case same
        /// It is answered with a hint: what it answers is for the caller alone, or it opens a modal.
        case slashOnly
    }

    let name: String
    let description: Wording
    /// Of a command without subcommands.
    var options: [OptionDeclaration] = []
    /// A command with subcommands cannot be called itself.
    var subcommands: [SubcommandDeclaration] = []
    /// What a member needs for it by default; administrators can change that in their server's settings.
    var permission: Permissions?
    var contexts: [Context] = [.guild, .botDM]
    /// Whether only the caller sees the answers; a subcommand may say otherwise.
    var isEphemeral = false
    /// Whether it may take longer than a second: then the caller is told at once that the answer is on its way.
    var defers = false
    /// Whether its answer is a modal, which must come at once.
    var opensModal = false
    /// Unless it is said, what answers for the caller alone has no form as a message.
    var textForm: TextForm?

    /// All that can be called, as it is typed: `config welcome`.
    var paths: [String] {
        subcommands.isEmpty ? [name] : subcommands.map { "\(name) \($0.name)" }
    }

    /// The options of a path's last part; nil if there is no such path.
    func options(of subcommand: String?) -> [OptionDeclaration]? {
        guard let subcommand else { return subcommands.isEmpty ? options : nil }
        return self.subcommand(subcommand)?.options
    }

    func subcommand(_ name: String?) -> SubcommandDeclaration? { subcommands.first { $0.name == name } }

    func isEphemeral(_ subcommand: String?) -> Bool { self.subcommand(subcommand)?.isEphemeral ?? isEphemeral }
    func defers(_ subcommand: String?) -> Bool { self.subcommand(subcommand)?.defers ?? defers }
    func opensModal(_ subcommand: String?) -> Bool { self.subcommand(subcommand)?.opensModal ?? opensModal }
    func textForm(_ subcommand: String?) -> TextForm {
        self.subcommand(subcommand)?.textForm ?? textForm
            ?? (isEphemeral(subcommand) || opensModal(subcommand) ? .slashOnly : .same)
    }

    func isEphemeral(at path: String) -> Bool { isEphemeral(Self.subcommand(in: path)) }
    func opensModal(at path: String) -> Bool { opensModal(Self.subcommand(in: path)) }

    private static func subcommand(in path: String) -> String? {
        path.split(separator: " ").dropFirst().first.map(String.init)
    }
}

/// One subcommand. What is nil is as the command has it.
struct SubcommandDeclaration: Sendable {
    let name: String
    let description: Wording
    var options: [OptionDeclaration] = []
    var isEphemeral: Bool?
    var defers: Bool?
    var opensModal: Bool?
    var textForm: CommandDeclaration.TextForm?
}

/// A value that can be chosen, and how it is called.
struct OptionChoice: Sendable, Equatable, ExpressibleByStringLiteral {
    let value: String
    let name: Wording

    init(_ value: String, _ name: Wording) {
        self.value = value
        self.name = name
    }

    init(_ value: String) { self.init(value, Wording(verbatim: value)) }

    init(stringLiteral value: String) { self.init(value) }
}

/// One option of a command or subcommand.
struct OptionDeclaration: Sendable {
    /// What kind of value it takes, with what Discord checks for us.
    enum Kind: Sendable, Equatable {
        /// `length` within 0 to 6000; at most 25 `choices`.
        case string(length: ClosedRange<Int>? = nil, choices: [OptionChoice] = [])
        case integer(range: ClosedRange<Int>? = nil)
        case number(range: ClosedRange<Double>? = nil)
        case boolean
        case user
        /// Types as Discord numbers them; empty for all.
        case channel(types: [Int] = [])
        case role
    }

    let name: String
    let description: Wording
    let kind: Kind
    var isRequired = false
    /// Whether the command suggests values while a member types; only of strings and numbers.
    var isCompleted = false
}

/// An option whose value a command reads with its Swift type: `invocation[Self.channel]`.
struct CommandOption<Value: OptionValueConvertible>: Sendable {
    let declaration: OptionDeclaration

    private init(_ name: String, _ description: Wording, _ kind: OptionDeclaration.Kind, _ isRequired: Bool) {
        declaration = OptionDeclaration(name: name, description: description, kind: kind, isRequired: isRequired)
    }

    private init(declaration: OptionDeclaration) { self.declaration = declaration }

    /// The same, with suggestions by the command's `complete`.
    var completed: Self {
        var declaration = declaration
        declaration.isCompleted = true
        return Self(declaration: declaration)
    }
}

extension CommandOption where Value == String {
    static func string(
        _ name: String, _ description: Wording, length: ClosedRange<Int>? = nil, choices: [OptionChoice] = [],
        isRequired: Bool = false
    ) -> Self {
        Self(name, description, .string(length: length, choices: choices), isRequired)
    }
}

extension CommandOption where Value == Int {
    static func integer(
        _ name: String, _ description: Wording, range: ClosedRange<Int>? = nil, isRequired: Bool = false
    ) -> Self {
        Self(name, description, .integer(range: range), isRequired)
    }
}

extension CommandOption where Value == Double {
    static func number(
        _ name: String, _ description: Wording, range: ClosedRange<Double>? = nil, isRequired: Bool = false
    ) -> Self {
        Self(name, description, .number(range: range), isRequired)
    }
}

extension CommandOption where Value == Bool {
    static func boolean(_ name: String, _ description: Wording, isRequired: Bool = false) -> Self {
        Self(name, description, .boolean, isRequired)
    }
}

extension CommandOption where Value == Snowflake {
    static func channel(_ name: String, _ description: Wording, types: [Int] = [], isRequired: Bool = false) -> Self {
        Self(name, description, .channel(types: types), isRequired)
    }

    static func user(_ name: String, _ description: Wording, isRequired: Bool = false) -> Self {
        Self(name, description, .user, isRequired)
    }

    static func role(_ name: String, _ description: Wording, isRequired: Bool = false) -> Self {
        Self(name, description, .role, isRequired)
    }
}
