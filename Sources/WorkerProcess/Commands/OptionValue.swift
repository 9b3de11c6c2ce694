internal import Shared

/// What a member gave for an option.
enum OptionValue: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case id(Snowflake)
}

/// A Swift type that an option's value can be read as.
protocol OptionValueConvertible: Sendable {
    init?(_ value: OptionValue)
}

extension String: OptionValueConvertible {
    init?(_ value: OptionValue) {
        guard case .string(let text) = value else { return nil }
        self = text
    }
}

extension Int: OptionValueConvertible {
    init?(_ value: OptionValue) {
        guard case .integer(let number) = value else { return nil }
        self = number
    }
}

extension Bool: OptionValueConvertible {
    init?(_ value: OptionValue) {
        guard case .boolean(let truth) = value else { return nil }
        self = truth
    }
}

extension Snowflake: OptionValueConvertible {
    init?(_ value: OptionValue) {
        guard case .id(let id) = value else { return nil }
        self = id
    }
}

/// Arguments that a command cannot be called with. The member is told.
struct ArgumentProblem: Error, Equatable, CustomStringConvertible {
    let description: String
}

extension OptionDeclaration {
    /// Reads the value of an interaction's option. Discord has checked it, but perhaps against an older declaration.
    func value(of json: JSONValue) throws(ArgumentProblem) -> OptionValue {
        let value: OptionValue? =
            switch kind {
            case .string: json.string.map(OptionValue.string)
            case .integer: json.int.map(OptionValue.integer)
            case .boolean: json.bool.map(OptionValue.boolean)
            case .user, .channel, .role: json.snowflake.map(OptionValue.id)
            }
        return try checked(value)
    }

    /// Reads a word of a message.
    func value(of word: String) throws(ArgumentProblem) -> OptionValue {
        let value: OptionValue? =
            switch kind {
            case .string: .string(word)
            case .integer: Int(word).map(OptionValue.integer)
            case .boolean:
                ["yes": true, "true": true, "on": true, "no": false, "false": false, "off": false][
                    word.lowercased()
                ].map(OptionValue.boolean)
            case .user: mention(word, ["<@!", "<@"])
            case .channel: mention(word, ["<#"])
            case .role: mention(word, ["<@&"])
            }
        return try checked(value)
    }

    /// An id, as it is or in a mention.
    private func mention(_ word: String, _ beginnings: [String]) -> OptionValue? {
        for beginning in beginnings where word.hasPrefix(beginning) && word.hasSuffix(">") {
            if let id = Snowflake(word.dropFirst(beginning.count).dropLast()) { return .id(id) }
        }
        return Snowflake(word).map(OptionValue.id)
    }

    private func checked(_ value: OptionValue?) throws(ArgumentProblem) -> OptionValue {
        let problem = ArgumentProblem(description: "`\(name)` must be \(accepted).")
        guard let value else { throw problem }
        switch (kind, value) {
        case (.string(let length, let choices), .string(let text)):
            guard length?.contains(text.count) ?? true, choices.isEmpty || choices.contains(text) else { throw problem }
        case (.integer(let range?), .integer(let number)):
            guard range.contains(number) else { throw problem }
        default: break
        }
        return value
    }

    /// What `checked` accepts, in words.
    private var accepted: String {
        switch kind {
        case .string(_, let choices) where !choices.isEmpty: "one of \(choices.joined(separator: ", "))"
        case .string(let length?, _): "a text of \(length.lowerBound) to \(length.upperBound) characters"
        case .string: "a text"
        case .integer(let range?): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .integer: "a whole number"
        case .boolean: "yes or no"
        case .user: "a member"
        case .channel: "a channel"
        case .role: "a role"
        }
    }
}
