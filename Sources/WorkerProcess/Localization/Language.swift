/// A language that the bot speaks.
enum Language: String, Sendable, CaseIterable {
    case english = "en"
    case spanish = "es"

    /// Discord's locales (reference.mdx, Locales) that are shown this language's texts.
    var discordLocales: [String] {
        switch self {
        case .english: ["en-US", "en-GB"]
        case .spanish: ["es-ES", "es-419"]
        }
    }

    /// Nil for a locale that the bot does not speak.
    init?(discordLocale: String) {
        guard let language = Self.allCases.first(where: { $0.discordLocales.contains(discordLocale) }) else {
            return nil
        }
        self = language
    }

    /// The language for somebody: their own, else the guild's as an admin chose it, else the guild's as Discord tells it.
    static func of(user locale: String?, in guild: GuildConfiguration?) -> Language {
        locale.flatMap(Language.init(discordLocale:)) ?? guild?.effectiveLanguage ?? .english
    }

    /// A text, with `{name}` replaced by that value. Values are put in as they are.
    func callAsFunction(_ phrase: Phrase, _ values: KeyValuePairs<String, String> = [:]) -> String {
        fill(text(of: phrase), values)
    }

    /// With its placeholders.
    func text(of phrase: Phrase) -> String {
        switch self {
        case .english: English.text(of: phrase)
        case .spanish: Spanish.text(of: phrase)
        }
    }

    private func fill(_ text: String, _ values: KeyValuePairs<String, String>) -> String {
        guard !values.isEmpty else { return text }
        return Placeholders.fill(text) { name in values.first { $0.key == name }?.value }
    }
}

extension GuildConfiguration {
    /// For what is said to everybody.
    var effectiveLanguage: Language {
        language ?? preferredLocale.flatMap(Language.init(discordLocale:)) ?? .english
    }
}

/// `{name}` within texts.
enum Placeholders {
    /// Replaces each in one pass, so that a value that looks like one stays what it is. What `value` does not know stays.
    static func fill(_ text: String, _ value: (Substring) -> String?) -> String {
        var result = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            rest = rest[open...]
            guard let close = rest.firstIndex(of: "}") else { break }
            let name = rest[rest.index(after: open)..<close]
            if let value = value(name) {
                result += value
            } else {
                result += rest[...close]
            }
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    /// The names in a text.
    static func names(in text: String) -> Set<String> {
        var names: Set<String> = []
        _ = fill(text) { name in
            names.insert(String(name))
            return ""
        }
        return names
    }
}

/// A text in every language, or one that is the same in all.
struct Wording: Sendable, Hashable, ExpressibleByStringLiteral {
    private enum Content: Hashable {
        case phrase(Phrase)
        case verbatim(String)
    }

    private let content: Content

    /// The same in all languages.
    init(stringLiteral text: String) { content = .verbatim(text) }

    init(verbatim text: String) { content = .verbatim(text) }

    static func phrase(_ phrase: Phrase) -> Wording { Wording(content: .phrase(phrase)) }

    private init(content: Content) { self.content = content }

    var isTranslated: Bool { if case .phrase = content { true } else { false } }

    func text(in language: Language) -> String {
        switch content {
        case .phrase(let phrase): language.text(of: phrase)
        case .verbatim(let text): text
        }
    }
}

/// A phrase with its values, to be said once it is known in which language.
struct Message: Sendable {
    let phrase: Phrase
    private let values: @Sendable (Language) -> KeyValuePairs<String, String>

    init(
        _ phrase: Phrase, _ values: @escaping @Sendable (Language) -> KeyValuePairs<String, String> = { _ in [:] }
    ) {
        self.phrase = phrase
        self.values = values
    }

    func text(in language: Language) -> String { language(phrase, values(language)) }
}
