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
}
