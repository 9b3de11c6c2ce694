internal import Shared

/// What application-commands.mdx asks of a command beyond its form; the form itself is the schema's business.
struct CommandRules {
    /// Commands of each type in one scope (Slash Commands, Registering a Command; 15 since 2026-03-03).
    static let maximumOfType = [1: 100, 2: 15, 3: 15, 4: 1]
    /// New names per scope and day (Registering a Command).
    static let maximumCreatesPerDay = 200
    /// Characters of names, descriptions and values together (Slash Commands).
    static let maximumCharacters = 8000
    /// reference.mdx, Locales
    static let locales: Set<String> = [
        "id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl", "no", "pl", "pt-BR",
        "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW", "ko",
    ]

    /// Whether the command is one guild's.
    var isForGuild: Bool
    private(set) var errors = FormErrors()

    init(isForGuild: Bool) {
        self.isForGuild = isForGuild
    }

    /// Checks one complete command.
    mutating func check(_ command: JSON, at path: [String] = []) {
        let type = command["type"]?.int ?? 1
        let name = command["name"]?.string ?? ""
        let description = command["description"]?.string ?? ""
        checkLocales(command, at: path)
        if type == 1 {
            checkName(name, at: path + ["name"])
            for member in command["name_localizations"]?.members ?? [] {
                checkName(member.value.string ?? "", at: path + ["name_localizations", member.key])
            }
            if description.trimmed.isEmpty { errors.addRequired(at: path + ["description"]) }
        } else {
            if name.trimmed.isEmpty { addInvalidName(at: path + ["name"]) }
            if type != 4, !description.isEmpty {
                errors.add(
                    "APPLICATION_COMMAND_DESCRIPTION_INVALID", "Context menu commands cannot have description",
                    at: path + ["description"])
            }
            if let options = command["options"]?.elements, !options.isEmpty {
                errors.add(
                    "APPLICATION_COMMAND_OPTIONS_INVALID", "Context menu commands cannot have options",
                    at: path + ["options"])
            }
        }
        checkScope(command, type: type, at: path)
        checkOptions(command["options"]?.elements ?? [], depth: 0, at: path + ["options"])
        if Self.size(of: command) > Self.maximumCharacters {
            errors.add(
                "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (\(Self.maximumCharacters))", at: path)
        }
    }

    private mutating func checkScope(_ command: JSON, type: Int, at path: [String]) {
        guard isForGuild else { return }
        if type == 4 { errors.addChoices([1, 2, 3], at: path + ["type"]) }
        for field in ["contexts", "integration_types"] {
            guard let value = command[field], value != .null else { continue }
            errors.add(
                "APPLICATION_COMMAND_GUILD_SCOPE_INVALID", "Only global commands have this field.", at: path + [field])
        }
    }

    private mutating func checkLocales(_ object: JSON, at path: [String]) {
        for field in ["name_localizations", "description_localizations"] {
            for member in object[field]?.members ?? [] where !Self.locales.contains(member.key) {
                errors.add(
                    "ENUM_TYPE_COERCE", "Value \"\(member.key)\" is not a valid locale.",
                    at: path + [field, member.key])
            }
        }
    }

    private mutating func checkName(_ name: String, at path: [String]) {
        // Every letter of Devanagari and Thai is \p{L}; their vowel signs are what the script classes add.
        let pattern = /[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}/.matchingSemantics(.unicodeScalar)
        if name.wholeMatch(of: pattern) == nil || name != name.lowercased() { addInvalidName(at: path) }
    }

    private mutating func addInvalidName(at path: [String]) {
        errors.add("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid", at: path)
    }
}

// MARK: - Options

extension CommandRules {
    /// - Parameter depth: 0 in the command, 1 in a subcommand or group, 2 in a subcommand of a group.
    private mutating func checkOptions(_ options: [JSON], depth: Int, at path: [String]) {
        let hasSubcommands = options.contains { ($0["type"]?.int ?? 0) <= 2 }
        var names: Set<String> = []
        var hasOptional = false
        for (index, option) in options.enumerated() {
            let place = path + [String(index)]
            let name = option["name"]?.string ?? ""
            let type = option["type"]?.int ?? 0
            checkName(name, at: place + ["name"])
            checkLocales(option, at: place)
            if !names.insert(name).inserted {
                errors.add(
                    "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists in these options",
                    at: place + ["name"])
            }
            if hasSubcommands, type > 2 {
                errors.add(
                    "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                    "Sub-command and sub-command group option types are mutually exclusive to all other types",
                    at: place + ["type"])
            }
            let isRequired = option["required"]?.bool ?? false
            if type > 2, isRequired, hasOptional {
                errors.add(
                    "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                    "Required options must be placed before non-required options", at: place)
            }
            if !isRequired { hasOptional = true }
            checkKind(option, type: type, depth: depth, at: place)
        }
    }

    private mutating func checkKind(_ option: JSON, type: Int, depth: Int, at path: [String]) {
        let nested = option["options"]?.elements ?? []
        switch type {
        case 1, 2:
            // A group holds subcommands, a subcommand holds values, and neither goes deeper.
            let isTooDeep = type == 2 ? depth > 0 : depth > 1
            let holdsWrong = nested.contains { type == 2 ? $0["type"]?.int != 1 : ($0["type"]?.int ?? 0) <= 2 }
            if isTooDeep || holdsWrong {
                errors.add(
                    "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-commands cannot be nested this way",
                    at: path + ["type"])
            } else {
                checkOptions(nested, depth: type == 2 ? 1 : 2, at: path + ["options"])
            }
        case 3, 4, 10:
            checkChoices(option, at: path)
            checkBounds(option, "min_value", "max_value", at: path)
            checkBounds(option, "min_length", "max_length", at: path)
        default:
            break
        }
    }

    private mutating func checkChoices(_ option: JSON, at path: [String]) {
        guard let choices = option["choices"]?.elements, !choices.isEmpty else { return }
        if option["autocomplete"]?.bool == true {
            errors.add(
                "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID", "Autocomplete excludes choices",
                at: path + ["autocomplete"])
        }
        var names: Set<String> = []
        for (index, choice) in choices.enumerated() {
            let place = path + ["choices", String(index)]
            checkLocales(choice, at: place)
            if !names.insert(choice["name"]?.string ?? "").inserted {
                errors.add(
                    "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS", "Option choice name already exists",
                    at: place + ["name"])
            }
        }
    }

    private mutating func checkBounds(_ option: JSON, _ lower: String, _ upper: String, at path: [String]) {
        guard let minimum = option[lower]?.double, let maximum = option[upper]?.double, minimum > maximum else {
            return
        }
        errors.add("NUMBER_TYPE_MIN", "\(upper) must not be below \(lower).", at: path + [upper])
    }

    /// Characters of a command or option and all within, each text in its longest language.
    static func size(of object: JSON) -> Int {
        var size = longest(object, "name") + longest(object, "description")
        for option in object["options"]?.elements ?? [] { size += self.size(of: option) }
        for choice in object["choices"]?.elements ?? [] {
            size += longest(choice, "name")
            size += choice["value"].map { ($0.string ?? $0.text).unicodeScalars.count } ?? 0
        }
        return size
    }

    private static func longest(_ object: JSON, _ field: String) -> Int {
        let localized = object["\(field)_localizations"]?.members?.compactMap(\.value.string) ?? []
        return ([object[field]?.string ?? ""] + localized).map(\.unicodeScalars.count).max() ?? 0
    }
}
