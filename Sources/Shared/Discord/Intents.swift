/// Which dispatches a session gets (gateway.mdx, Gateway Intents).
public struct Intents: OptionSet, Hashable, Sendable, CustomStringConvertible {
    /// The bits as Discord numbers them.
    public let rawValue: Int

    /// Wraps bits.
    public init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// Guilds, roles, channels and threads.
    public static let guilds = Intents(rawValue: 1 << 0)
    /// Members who join, change and leave. Privileged.
    public static let guildMembers = Intents(rawValue: 1 << 1)
    /// Audit log entries and bans.
    public static let guildModeration = Intents(rawValue: 1 << 2)
    /// Emojis, stickers and soundboard sounds.
    public static let guildExpressions = Intents(rawValue: 1 << 3)
    /// Integrations.
    public static let guildIntegrations = Intents(rawValue: 1 << 4)
    /// Webhooks.
    public static let guildWebhooks = Intents(rawValue: 1 << 5)
    /// Invites.
    public static let guildInvites = Intents(rawValue: 1 << 6)
    /// Who is in which voice channel.
    public static let guildVoiceStates = Intents(rawValue: 1 << 7)
    /// Presences. Privileged.
    public static let guildPresences = Intents(rawValue: 1 << 8)
    /// Messages in guilds.
    public static let guildMessages = Intents(rawValue: 1 << 9)
    /// Reactions in guilds.
    public static let guildMessageReactions = Intents(rawValue: 1 << 10)
    /// Typing in guilds.
    public static let guildMessageTyping = Intents(rawValue: 1 << 11)
    /// Direct messages, and ephemeral ones.
    public static let directMessages = Intents(rawValue: 1 << 12)
    /// Reactions in direct messages.
    public static let directMessageReactions = Intents(rawValue: 1 << 13)
    /// Typing in direct messages.
    public static let directMessageTyping = Intents(rawValue: 1 << 14)
    /// Privileged; brings no event, but fills the content of messages.
    public static let messageContent = Intents(rawValue: 1 << 15)
    /// Scheduled events.
    public static let guildScheduledEvents = Intents(rawValue: 1 << 16)
    /// Rules of auto moderation.
    public static let autoModerationConfiguration = Intents(rawValue: 1 << 20)
    /// Actions of auto moderation.
    public static let autoModerationExecution = Intents(rawValue: 1 << 21)
    /// Votes in guilds.
    public static let guildMessagePolls = Intents(rawValue: 1 << 24)
    /// Votes in direct messages.
    public static let directMessagePolls = Intents(rawValue: 1 << 25)

    /// Those that must be switched on in Discord's developer portal.
    public static let privileged: Intents = [.guildMembers, .guildPresences, .messageContent]

    /// Every intent that Discord defines; another bit is answered with close code 4013.
    public static let all = Intents(names.map(\.intent))

    /// All intents with Discord's names for them, by bit.
    public static let names: [(name: String, intent: Intents)] = [
        ("GUILDS", .guilds),
        ("GUILD_MEMBERS", .guildMembers),
        ("GUILD_MODERATION", .guildModeration),
        ("GUILD_EXPRESSIONS", .guildExpressions),
        ("GUILD_INTEGRATIONS", .guildIntegrations),
        ("GUILD_WEBHOOKS", .guildWebhooks),
        ("GUILD_INVITES", .guildInvites),
        ("GUILD_VOICE_STATES", .guildVoiceStates),
        ("GUILD_PRESENCES", .guildPresences),
        ("GUILD_MESSAGES", .guildMessages),
        ("GUILD_MESSAGE_REACTIONS", .guildMessageReactions),
        ("GUILD_MESSAGE_TYPING", .guildMessageTyping),
        ("DIRECT_MESSAGES", .directMessages),
        ("DIRECT_MESSAGE_REACTIONS", .directMessageReactions),
        ("DIRECT_MESSAGE_TYPING", .directMessageTyping),
        ("MESSAGE_CONTENT", .messageContent),
        ("GUILD_SCHEDULED_EVENTS", .guildScheduledEvents),
        ("AUTO_MODERATION_CONFIGURATION", .autoModerationConfiguration),
        ("AUTO_MODERATION_EXECUTION", .autoModerationExecution),
        ("GUILD_MESSAGE_POLLS", .guildMessagePolls),
        ("DIRECT_MESSAGE_POLLS", .directMessagePolls),
    ]

    /// Reads names as in Discord's documentation, separated by commas.
    public init(parsing text: String) throws(IntentsError) {
        var intents: Intents = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let name = String(word.trimmingBlanks)
            guard let intent = Self.names.first(where: { $0.name == name })?.intent else {
                throw IntentsError(name: name)
            }
            intents.formUnion(intent)
        }
        self = intents
    }

    /// Discord's names of these intents, by bit; an undefined bit as its number.
    public var textNames: [String] {
        (0..<Int.bitWidth - 1).compactMap { bit in
            let intent = Intents(rawValue: 1 << bit)
            guard contains(intent) else { return nil }
            return Self.names.first { $0.intent == intent }?.name ?? "1<<\(bit)"
        }
    }

    /// The names, separated by commas, as `init(parsing:)` reads them.
    public var description: String { textNames.joined(separator: ",") }
}

/// A name that is no intent's.
public struct IntentsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name at fault.
    public let name: String

    /// Names it, and the intent that was probably meant.
    public var description: String {
        guard !name.isEmpty else { return "an intent's name between two commas is missing" }
        let folded = name.uppercased().replacing("-", with: "_")
        let near = Intents.names.map(\.name).nearest(to: folded, within: 3)
        return "\"\(name)\" is not an intent" + (near.map { "; did you mean \($0)?" } ?? "")
    }
}
