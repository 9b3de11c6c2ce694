/// Text of others within the bot's own messages.
enum DiscordText {
    /// So that a name is shown as it is: what Discord's Markdown, mentions and links begin with is escaped, and a line break
    /// cannot begin a heading or a quote.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\", "*", "_", "~", "|", "`", ">", "<", "#", "@", "[", "]", "(", ")", ":", "-", "+":
                result += "\\\(character)"
            case let character where character.isNewline: result += " "
            default: result.append(character)
            }
        }
        return result
    }

    /// For within one pair of backquotes, where nothing can be escaped.
    static func inCode(_ text: String) -> String {
        String(text.map { $0 == "`" ? "'" : $0.isNewline ? " " : $0 })
    }

    /// A time as the reader's own Discord shows it (reference.mdx, Timestamp Styles). Seconds since 1970.
    static func relativeTime(_ seconds: Int64) -> String { "<t:\(seconds):R>" }

    /// Date and time of the day, in the reader's own time zone.
    static func time(_ seconds: Int64) -> String { "<t:\(seconds):f>" }

    /// One line of others' text, as much of it as there is room for.
    static func line(_ text: String, _ limit: Int) -> String { escaped(text).cut(toUTF16: limit) }
}
