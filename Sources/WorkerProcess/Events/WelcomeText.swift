internal import Shared

/// The text that a new member is welcomed with. An admin wrote it; names in it are other people's and are escaped.
enum WelcomeText {
    /// UTF-16 units; with a long name filled in it still fits a message.
    static let maximumLength = 1500
    static let placeholders = ["member", "server", "count"]

    /// The first placeholder that cannot be filled in; nil if all can.
    static func unknownPlaceholder(in text: String) -> String? {
        Placeholders.names(in: text).subtracting(placeholders).min()
    }

    /// The message for a member. Only that member is pinged, whatever the text says.
    static func message(for member: Snowflake, in configuration: GuildConfiguration) -> OutgoingMessage {
        var message = OutgoingMessage(text(for: member, in: configuration))
        message.pings = [member]
        return message
    }

    static func text(for member: Snowflake, in configuration: GuildConfiguration) -> String {
        let language = configuration.effectiveLanguage
        return Placeholders.fill(configuration.welcomeText ?? language.text(of: .welcomeStandard)) { name in
            switch name {
            case "member": "<@\(member)>"
            case "server": configuration.name.map(DiscordText.escaped) ?? language(.welcomeTheServer)
            case "count": configuration.memberCount.map(String.init) ?? "?"
            default: nil
            }
        }
    }
}
