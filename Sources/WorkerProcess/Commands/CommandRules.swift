internal import Shared

/// Discord's rules for commands (interactions/application-commands.mdx), so that a declaration that it would refuse is found by
/// `--check` and the tests instead of at the next start.
enum CommandRules {
    static let maximumCommands = 100
    static let nameLength = 1...32
    static let descriptionLength = 1...100
    static let maximumOptions = 25
    static let maximumChoices = 25
    static let choiceLength = 1...100
    static let textLengths = 0...6000
    /// Of JSON integers that every language's numbers hold.
    static let integers = -(1 << 53) + 1...(1 << 53) - 1
    /// Names, descriptions and values of a whole command.
    static let maximumCharacters = 8000

    /// What Discord would refuse, one line each.
    static func problems(with commands: [CommandDeclaration]) -> [String] {
        var problems: [String] = []
        if commands.count > maximumCommands {
            problems.append("there are \(commands.count) commands; Discord takes \(maximumCommands)")
        }
        problems += repeated(commands.map(\.name)).map { "/\($0) is declared twice" }
        for command in commands { problems += self.problems(with: command) }
        return problems
    }

    private static func problems(with command: CommandDeclaration) -> [String] {
        let place = "/\(command.name)"
        var problems = naming(place, command.name, command.description)
        if !command.options.isEmpty, !command.subcommands.isEmpty {
            problems.append("\(place) has both options and subcommands; only one is possible")
        }
        if command.contexts.isEmpty { problems.append("\(place) has no context to be used in") }
        if command.subcommands.count > maximumOptions {
            problems.append("\(place) has more than \(maximumOptions) subcommands")
        }
        problems += repeated(command.subcommands.map(\.name)).map { "\(place) \($0) is declared twice" }
        problems += options(place, command.options)
        for subcommand in command.subcommands {
            let place = "\(place) \(subcommand.name)"
            problems += naming(place, subcommand.name, subcommand.description)
            problems += options(place, subcommand.options)
        }
        for path in command.paths {
            let subcommand = path == command.name ? nil : String(path.dropFirst(command.name.count + 1))
            guard command.opensModal(subcommand) else { continue }
            if command.defers(subcommand) { problems.append("/\(path) opens a modal and cannot be deferred") }
            if case .same = command.textForm(subcommand) {
                problems.append("/\(path) opens a modal, which a message cannot: its textForm must be slashOnly")
            }
        }
        let size = characters(of: command)
        if size > maximumCharacters {
            problems.append("\(place) has \(size) characters in all; Discord takes \(maximumCharacters)")
        }
        return problems
    }

    private static func options(_ place: String, _ options: [OptionDeclaration]) -> [String] {
        var problems: [String] = []
        if options.count > maximumOptions { problems.append("\(place) has more than \(maximumOptions) options") }
        problems += repeated(options.map(\.name)).map { "\(place): the option \($0) is declared twice" }
        if let optional = options.firstIndex(where: { !$0.isRequired }),
            let required = options[optional...].first(where: \.isRequired)
        {
            problems.append("\(place): the required option \(required.name) stands behind one that is not")
        }
        for option in options {
            let place = "\(place), option \(option.name)"
            problems += naming(place, option.name, option.description)
            problems += values(place, option.kind)
            if option.isCompleted, !option.kind.canBeCompleted {
                problems.append("\(place): only texts and numbers without choices can be suggested")
            }
        }
        return problems
    }

    private static func values(_ place: String, _ kind: OptionDeclaration.Kind) -> [String] {
        var problems: [String] = []
        switch kind {
        case .string(let length, let choices):
            if let length, !textLengths.contains(length.lowerBound) || !(1...6000).contains(length.upperBound) {
                problems.append("\(place): a text's length must be within \(textLengths)")
            }
            if choices.count > maximumChoices { problems.append("\(place): more than \(maximumChoices) choices") }
            problems += repeated(choices.map(\.value)).map { "\(place): the choice \($0) is declared twice" }
            if choices.contains(where: { choice in
                !choiceLength.contains(choice.value.utf16.count)
                    || Language.allCases.contains { !choiceLength.contains(choice.name.text(in: $0).utf16.count) }
            }) {
                problems.append(
                    "\(place): a choice must have \(choiceLength.upperBound) characters at most, and one at least")
            }
        case .integer(let range?):
            if !integers.contains(range.lowerBound) || !integers.contains(range.upperBound) {
                problems.append("\(place): an integer must be below 2^53")
            }
        case .integer, .number, .boolean, .user, .channel, .role: break
        }
        return problems
    }

    private static func naming(_ place: String, _ name: String, _ description: Wording) -> [String] {
        var problems: [String] = []
        let isNameValid =
            nameLength.contains(name.unicodeScalars.count) && name.unicodeScalars.allSatisfy(isNameCharacter)
            && name == name.lowercased()
        if !isNameValid {
            problems.append("\(place): a name has 1 to 32 letters, digits, - _ ', in lower case")
        }
        if Language.allCases.contains(where: { !descriptionLength.contains(description.text(in: $0).utf16.count) }) {
            problems.append("\(place): a description has 1 to 100 characters")
        }
        return problems
    }

    /// `^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$`; of the two scripts, marks are what is neither letter nor digit.
    private static func isNameCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .letterNumber, .otherNumber:
            true
        default:
            ["-", "_", "'"].contains(scalar) || (0x0900...0x097F).contains(scalar.value)
                || (0x0E01...0x0E5B).contains(scalar.value)
        }
    }

    private static func characters(of command: CommandDeclaration) -> Int {
        // Of translations the longest counts (application-commands.mdx, Localization).
        func count(_ wording: Wording) -> Int { Language.allCases.map { wording.text(in: $0).utf16.count }.max() ?? 0 }
        func count(_ option: OptionDeclaration) -> Int {
            var sum = option.name.utf16.count + count(option.description)
            if case .string(_, let choices) = option.kind {
                sum += choices.reduce(0) { $0 + $1.value.utf16.count + count($1.name) }
            }
            return sum
        }
        let own = command.name.utf16.count + count(command.description) + command.options.map(count).reduce(0, +)
        return command.subcommands.reduce(own) {
            $0 + $1.name.utf16.count + count($1.description) + $1.options.map(count).reduce(0, +)
        }
    }

    private static func repeated(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { !seen.insert($0).inserted }
    }
}

extension OptionDeclaration.Kind {
    fileprivate var canBeCompleted: Bool {
        switch self {
        case .string(_, let choices): choices.isEmpty
        case .integer, .number: true
        case .boolean, .user, .channel, .role: false
        }
    }
}
