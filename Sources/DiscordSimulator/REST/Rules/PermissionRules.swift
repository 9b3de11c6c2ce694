internal import Shared

/// What a member may do, by topics/permissions.mdx.
enum PermissionRules {
    /// Bits of a permission set.
    enum Bit {
        static let administrator: UInt64 = 1 << 3
        static let addReactions: UInt64 = 1 << 6
        static let viewChannel: UInt64 = 1 << 10
        static let sendMessages: UInt64 = 1 << 11
        static let manageMessages: UInt64 = 1 << 13
        static let embedLinks: UInt64 = 1 << 14
        static let attachFiles: UInt64 = 1 << 15
        static let readMessageHistory: UInt64 = 1 << 16
        static let mentionEveryone: UInt64 = 1 << 17
        static let sendMessagesInThreads: UInt64 = 1 << 38
    }

    /// Every bit in use: 53 of them.
    static let everything: UInt64 = (1 << 53) - 1

    /// What the rules look at.
    struct Situation: Equatable {
        var guild: Snowflake
        var user: Snowflake
        var isOwner = false
        /// Permissions of `@everyone`, whose role has the guild's id.
        var everyone: UInt64
        /// Permissions of the member's other roles, by role.
        var roles: [Snowflake: UInt64] = [:]
        /// The channel's own, or its parent's for a thread; nil for the guild as a whole.
        var overwrites: [Channel.Overwrite]?
        var isThread = false
        var isTimedOut = false
    }

    /// The member's permissions in that situation.
    static func permissions(in situation: Situation) -> UInt64 {
        if situation.isOwner { return everything }
        var permissions = situation.roles.values.reduce(situation.everyone, |)
        if permissions & Bit.administrator != 0 { return everything }
        guard let overwrites = situation.overwrites else { return permissions }
        for overwrite in overwrites where overwrite.id == situation.guild {
            permissions = (permissions & ~overwrite.deny) | overwrite.allow
        }
        let ofRoles = overwrites.filter { situation.roles[$0.id] != nil && $0.id != situation.guild }
        permissions &= ~ofRoles.reduce(0) { $0 | $1.deny }
        permissions |= ofRoles.reduce(0) { $0 | $1.allow }
        for overwrite in overwrites where overwrite.id == situation.user {
            permissions = (permissions & ~overwrite.deny) | overwrite.allow
        }
        return implied(permissions, situation)
    }

    private static func implied(_ permissions: UInt64, _ situation: Situation) -> UInt64 {
        var permissions = permissions
        if situation.isTimedOut { permissions &= Bit.viewChannel | Bit.readMessageHistory }
        if permissions & Bit.viewChannel == 0 { return 0 }
        let sending = situation.isThread ? Bit.sendMessagesInThreads : Bit.sendMessages
        if permissions & sending == 0 {
            permissions &= ~(Bit.mentionEveryone | Bit.embedLinks | Bit.attachFiles)
        }
        return permissions
    }
}
