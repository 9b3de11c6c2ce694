internal import Shared

/// An embed, within Discord's limits (resources/message.mdx, Embed Limits): what is longer is cut and marked with `…`.
struct Embed: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        let name: String
        let value: String
        var isInline = true
    }

    static let maximumTitle = 256
    static let maximumDescription = 4096
    static let maximumFields = 25
    static let maximumFieldName = 256
    static let maximumFieldValue = 1024
    static let maximumFooter = 2048
    static let maximumInAll = 6000

    /// The bot's own colour.
    static let colour = 0x5B_8C_5A

    var title: String?
    var description: String?
    var fields: [Field] = []
    /// The name of an attachment of the same message.
    var image: String?
    var footer: String?

    var json: JSON {
        var budget = Self.maximumInAll
        func take(_ text: String?, _ limit: Int) -> String? {
            guard let text, !text.isEmpty, budget > 0 else { return nil }
            let cut = text.cut(toUTF16: min(limit, budget))
            budget -= cut.utf16.count
            return cut
        }
        let title = take(title, Self.maximumTitle)
        // Before the description, which has the most to lose.
        let footer = take(footer, Self.maximumFooter)
        let fields = fields.prefix(Self.maximumFields).compactMap { field -> JSON? in
            guard let name = take(field.name, Self.maximumFieldName),
                let value = take(field.value, Self.maximumFieldValue)
            else { return nil }
            return ["name": .string(name), "value": .string(value), "inline": .bool(field.isInline)]
        }
        let description = take(description, Self.maximumDescription)
        return .compact([
            "title": title.map { .string($0) }, "description": description.map { .string($0) },
            "color": .integer(Self.colour), "fields": fields.isEmpty ? nil : .array(fields),
            "image": image.map { ["url": .string("attachment://\($0)")] },
            "footer": footer.map { ["text": .string($0)] },
        ])
    }
}

extension String {
    /// As much of it as fits, cut between two characters as readers see them, and marked with `…` if it is not all.
    func cut(toUTF16 limit: Int) -> String {
        guard utf16.count > limit else { return self }
        var result = ""
        var length = 1
        for character in self {
            length += character.utf16.count
            guard length <= limit else { break }
            result.append(character)
        }
        return result + "…"
    }
}
