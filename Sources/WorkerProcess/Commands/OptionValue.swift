internal import Shared

/// What a member gave for an option.
enum OptionValue: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case number(Double)
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

extension Double: OptionValueConvertible {
    init?(_ value: OptionValue) {
        guard case .number(let number) = value else { return nil }
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
struct ArgumentProblem: Error, CustomStringConvertible {
    let message: Message

    init(_ message: Message) { self.message = message }

    var description: String { message.text(in: .english) }
}

extension OptionDeclaration {
    /// Reads the value of an interaction's option. Discord has checked it, but perhaps against an older declaration.
    func value(of json: JSONValue) throws(ArgumentProblem) -> OptionValue {
        let value: OptionValue? =
            switch kind {
            case .string: json.string.map(OptionValue.string)
            case .integer: json.int.map(OptionValue.integer)
            case .number: json.double.map(OptionValue.number)
            case .boolean: json.bool.map(OptionValue.boolean)
            case .user, .channel, .role: json.snowflake.map(OptionValue.id)
            }
        return try checked(value)
    }

    /// Reads a word of a message.
    func value(of word: String) throws(ArgumentProblem) -> OptionValue {
        let value: OptionValue? =
            switch kind {
            case .string(_, let choices): .string(choices.first { $0.isCalled(word) }?.value ?? word)
            case .integer: Int(word).map(OptionValue.integer)
            case .number: Double(word).flatMap { $0.isFinite ? .number($0) : nil }
            case .boolean: Self.truths[word.lowercased()].map(OptionValue.boolean)
            case .user: mention(word, ["<@!", "<@"])
            case .channel: mention(word, ["<#"])
            case .role: mention(word, ["<@&"])
            }
        return try checked(value)
    }

    private static let truths = [
        "yes": true, "true": true, "on": true, "sí": true, "si": true,
        "no": false, "false": false, "off": false,
    ]

    /// An id, as it is or in a mention.
    private func mention(_ word: String, _ beginnings: [String]) -> OptionValue? {
        for beginning in beginnings where word.hasPrefix(beginning) && word.hasSuffix(">") {
            if let id = Snowflake(word.dropFirst(beginning.count).dropLast()) { return .id(id) }
        }
        return Snowflake(word).map(OptionValue.id)
    }

    private func checked(_ value: OptionValue?) throws(ArgumentProblem) -> OptionValue {
        guard let value, isAccepted(value) else { throw problem }
        return value
    }

    /// What is told of a value that is not accepted.
    var problem: ArgumentProblem {
        ArgumentProblem(Message(.argumentMustBe) { [self] in ["option": name, "accepted": accepted(in: $0)] })
    }

    private func isAccepted(_ value: OptionValue) -> Bool {
        switch (kind, value) {
        case (.string(let length, let choices), .string(let text)):
            (length?.contains(text.count) ?? true) && (choices.isEmpty || choices.contains { $0.value == text })
        case (.integer(let range?), .integer(let number)): range.contains(number)
        case (.number(let range?), .number(let number)): range.contains(number)
        default: true
        }
    }

    /// What is accepted, in words.
    private func accepted(in language: Language) -> String {
        switch kind {
        case .string(_, let choices) where !choices.isEmpty:
            language(.acceptedChoice, ["choices": choices.map { $0.name.text(in: language) }.joined(separator: ", ")])
        case .string(let length?, _):
            language(.acceptedTextOfLength, ["least": "\(length.lowerBound)", "most": "\(length.upperBound)"])
        case .string: language(.acceptedText)
        case .integer(let range?):
            language(.acceptedIntegerWithin, ["least": "\(range.lowerBound)", "most": "\(range.upperBound)"])
        case .integer: language(.acceptedInteger)
        case .number(let range?):
            language(.acceptedNumberWithin, ["least": "\(range.lowerBound)", "most": "\(range.upperBound)"])
        case .number: language(.acceptedNumber)
        case .boolean: language(.acceptedBoolean)
        case .user: language(.acceptedMember)
        case .channel: language(.acceptedChannel)
        case .role: language(.acceptedRole)
        }
    }
}

extension OptionChoice {
    /// Whether a word of a message means it, in any language.
    fileprivate func isCalled(_ word: String) -> Bool {
        value.lowercased() == word.lowercased()
            || Language.allCases.contains { name.text(in: $0).lowercased() == word.lowercased() }
    }
}
