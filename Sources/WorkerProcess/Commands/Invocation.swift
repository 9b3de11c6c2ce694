internal import Shared

/// One call of a command, by interaction or by message.
struct Invocation: Sendable {
    /// Name of the command.
    let command: String
    let subcommand: String?
    var arguments: [String: OptionValue] = [:]
    /// Nil in a direct message.
    let guild: Snowflake?
    let channel: Snowflake
    let user: Snowflake
    /// What the caller may do in this channel; nil where that is not known.
    var permissions: Permissions?
    /// The caller's own, as far as Discord tells it, else the guild's.
    var language = Language.english
    /// What the bot may do in the channels among the arguments, as far as Discord told.
    var ownPermissions: [Snowflake: Permissions] = [:]
    /// The event that brought it, by which changes of settings are ordered.
    let event: EventID
    /// When the gateway received the event, and when this delivery left it, in microseconds since 1970.
    let receivedAt: Int64
    let sentAt: Int64
    /// What text commands begin with here.
    let prefix: String

    /// What was given for an option; nil if nothing.
    subscript<Value>(option: CommandOption<Value>) -> Value? {
        arguments[option.declaration.name].flatMap { Value($0) }
    }

    /// As it was typed, without arguments.
    var path: String { subcommand.map { "\(command) \($0)" } ?? command }
}

extension CommandDeclaration {
    /// Nil if this call is allowed; what to tell the caller if not.
    func refusal(of invocation: Invocation) -> Message? {
        let context: Context = invocation.guild == nil ? .botDM : .guild
        guard contexts.contains(context) else { return Message(context == .botDM ? .guildOnly : .directOnly) }
        guard let permission else { return nil }
        guard invocation.permissions?.allow(permission) ?? false else {
            return Message(.needsPermission) { ["permission": permission.name(in: $0)] }
        }
        return nil
    }

    /// Reads an interaction's options (application-commands.mdx: one element at the level of subcommands).
    func arguments(
        of options: JSONValue?
    ) throws(ArgumentProblem) -> (subcommand: String?, arguments: [String: OptionValue]) {
        guard !subcommands.isEmpty else { return (nil, try Self.arguments(of: options, self.options)) }
        var elements = options?.elements
        guard let inner = elements?.next(), let name = inner["name"]?.string, let declared = self.options(of: name)
        else { throw ArgumentProblem(Message(.outdatedCommand)) }
        return (name, try Self.arguments(of: inner["options"], declared))
    }

    private static func arguments(
        of options: JSONValue?, _ declared: [OptionDeclaration]
    ) throws(ArgumentProblem) -> [String: OptionValue] {
        var arguments: [String: OptionValue] = [:]
        if let options {
            for option in options.elements {
                guard let name = option["name"]?.string, let value = option["value"],
                    let declaration = declared.first(where: { $0.name == name })
                else { continue }
                arguments[name] = try declaration.value(of: value)
            }
        }
        try checkRequired(declared, arguments)
        return arguments
    }

    /// Reads what was typed so far, of whatever kind and however incomplete; with the option that is being typed.
    func completion(of options: JSONValue?) -> (subcommand: String?, option: String, typed: String)? {
        var options = options
        var subcommand: String?
        if !subcommands.isEmpty {
            var elements = options?.elements
            guard let inner = elements?.next(), let name = inner["name"]?.string else { return nil }
            subcommand = name
            options = inner["options"]
        }
        guard let options else { return nil }
        for option in options.elements where option["focused"]?.bool == true {
            guard let name = option["name"]?.string else { return nil }
            return (subcommand, name, option["value"]?.string ?? "")
        }
        return nil
    }

    /// Reads the words of a message: first the subcommand, if there are any, then the options in their order. The last option
    /// takes all that is left if it is a text.
    func arguments(
        of words: [Substring]
    ) throws(ArgumentProblem) -> (subcommand: String?, arguments: [String: OptionValue]) {
        var words = words[...]
        var subcommand: String?
        let command = name
        if !subcommands.isEmpty {
            let names = subcommands.map { "`\($0.name)`" }.joined(separator: ", ")
            guard let first = words.popFirst()?.lowercased(), options(of: first) != nil else {
                throw ArgumentProblem(Message(.subcommandMissing) { _ in ["command": command, "names": names] })
            }
            subcommand = first
        }
        let declared = options(of: subcommand) ?? []
        var arguments: [String: OptionValue] = [:]
        for (position, option) in declared.enumerated() {
            guard let word = words.popFirst() else { break }
            var text = String(word)
            if position == declared.count - 1, case .string = option.kind {
                text = ([word] + words).joined(separator: " ")
                words = []
            }
            arguments[option.name] = try option.value(of: text)
        }
        guard words.isEmpty else {
            throw ArgumentProblem(Message(.argumentsTooMany) { _ in ["command": command] })
        }
        try Self.checkRequired(declared, arguments)
        return (subcommand, arguments)
    }

    private static func checkRequired(
        _ declared: [OptionDeclaration], _ arguments: [String: OptionValue]
    ) throws(ArgumentProblem) {
        if let missing = declared.first(where: { $0.isRequired && arguments[$0.name] == nil }) {
            throw ArgumentProblem(
                Message(.argumentMissing) {
                    ["option": missing.name, "description": missing.description.text(in: $0)]
                })
        }
    }
}
