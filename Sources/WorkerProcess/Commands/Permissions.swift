internal import Shared

/// What a member may do (topics/permissions.mdx). Discord sends them as a decimal string of up to 64 bits.
struct Permissions: OptionSet, Sendable, Hashable {
    let rawValue: UInt64

    init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Reads Discord's string.
    init?(_ text: String) {
        guard let bits = UInt64(text) else { return nil }
        self.init(rawValue: bits)
    }

    static let administrator = Permissions(rawValue: 1 << 3)
    /// "Manage Server" in Discord's own words.
    static let manageGuild = Permissions(rawValue: 1 << 5)
    static let viewChannel = Permissions(rawValue: 1 << 10)
    static let sendMessages = Permissions(rawValue: 1 << 11)
    static let embedLinks = Permissions(rawValue: 1 << 14)
    static let readMessageHistory = Permissions(rawValue: 1 << 16)
    static let sendMessagesInThreads = Permissions(rawValue: 1 << 38)

    /// What the bot needs in a channel to post there.
    static let posting: Permissions = [.viewChannel, .sendMessages, .embedLinks]

    /// Whether these allow what needs `needed`; administrators may everything.
    func allow(_ needed: Permissions) -> Bool {
        contains(.administrator) || isSuperset(of: needed)
    }

    /// As Discord's settings call them, for those a command can ask for.
    func name(in language: Language) -> String {
        switch self {
        case .administrator: language(.permissionAdministrator)
        case .manageGuild: language(.permissionManageServer)
        default: "\(rawValue)"
        }
    }
}
