internal import Shared

/// What a member may do in a channel, reckoned from roles and overwrites (topics/permissions.mdx, Permission Hierarchy), for
/// messages, which do not say it.
enum MemberPermissions {
    /// A guild's roles.
    struct Guild: Sendable, Equatable {
        let id: Snowflake
        let owner: Snowflake
        /// That of `@everyone` has the guild's id.
        let roles: [Snowflake: Permissions]
    }

    struct Overwrite: Sendable, Equatable {
        enum Target: Int, Sendable {
            case role = 0
            case member = 1
        }

        let id: Snowflake
        let target: Target
        let allow: Permissions
        let deny: Permissions
    }

    struct Channel: Sendable, Equatable {
        let id: Snowflake
        let guild: Snowflake?
        /// As Discord numbers them (resources/channel.mdx, Channel Types).
        let type: Int
        /// Of a thread: its permissions are its parent's.
        let parent: Snowflake?
        let isThread: Bool
        let overwrites: [Overwrite]
    }

    struct Member: Sendable, Equatable {
        let id: Snowflake
        let roles: [Snowflake]
        /// A member who is timed out may only read.
        var isTimedOut = false
    }

    /// Nil if it cannot be told: a role of the member's is not among the guild's.
    /// - Parameter channel: for a thread, its parent.
    static func of(_ member: Member, in channel: Channel, _ guild: Guild) -> Permissions? {
        guard member.id != guild.owner else { return .all }
        guard let everyone = guild.roles[guild.id] else { return nil }
        var base = everyone
        for role in member.roles {
            // A role that has been deleted meanwhile, or is new: who knows what it gave.
            guard let permissions = guild.roles[role] else { return nil }
            base.formUnion(permissions)
        }
        if base.contains(.administrator) { return .all }
        var permissions = overwritten(base, by: channel.overwrites, member, guild)
        // Without it nothing else counts (Implicit Permissions).
        guard permissions.contains(.viewChannel) else { return [] }
        // Nor do these without the permission to write.
        if !permissions.contains(.sendMessages) { permissions.subtract(.ofWriting) }
        if member.isTimedOut { permissions.formIntersection([.viewChannel, .readMessageHistory]) }
        return permissions
    }

    private static func overwritten(
        _ base: Permissions, by overwrites: [Overwrite], _ member: Member, _ guild: Guild
    ) -> Permissions {
        var permissions = base
        func apply(_ allow: Permissions, _ deny: Permissions) {
            permissions.subtract(deny)
            permissions.formUnion(allow)
        }
        let ofRoles = overwrites.filter { $0.target == .role }
        for overwrite in ofRoles where overwrite.id == guild.id { apply(overwrite.allow, overwrite.deny) }
        // Those of all roles count together: what one allows, no other takes.
        let own = ofRoles.filter { $0.id != guild.id && member.roles.contains($0.id) }
        apply(
            own.reduce(into: []) { $0.formUnion($1.allow) },
            own.reduce(into: []) { $0.formUnion($1.deny) })
        for overwrite in overwrites where overwrite.target == .member && overwrite.id == member.id {
            apply(overwrite.allow, overwrite.deny)
        }
        return permissions
    }
}

extension Permissions {
    static let all = Permissions(rawValue: .max)
    /// MENTION_EVERYONE, SEND_TTS_MESSAGES, ATTACH_FILES, EMBED_LINKS.
    static let ofWriting = Permissions(rawValue: 1 << 17 | 1 << 12 | 1 << 15 | 1 << 14)
}

extension MemberPermissions.Guild {
    /// Reads a guild object (resources/guild.mdx).
    init?(_ json: JSON) {
        guard let id = json.snowflake("id"), let owner = json.snowflake("owner_id"),
            let roles = json["roles"]?.elements
        else { return nil }
        let pairs = roles.compactMap { role -> (Snowflake, Permissions)? in
            guard let id = role.snowflake("id"), let permissions = role.permissions("permissions") else { return nil }
            return (id, permissions)
        }
        guard pairs.count == roles.count else { return nil }
        self.init(id: id, owner: owner, roles: Dictionary(pairs) { first, _ in first })
    }
}

extension MemberPermissions.Channel {
    /// ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD (resources/channel.mdx, Channel Types).
    private static let threads = 10...12

    /// Reads a channel object.
    init?(_ json: JSON) {
        guard let id = json.snowflake("id"), let type = json["type"]?.int else { return nil }
        let list = json["permission_overwrites"]?.elements ?? []
        let overwrites = list.compactMap { overwrite -> MemberPermissions.Overwrite? in
            guard let id = overwrite.snowflake("id"), let allow = overwrite.permissions("allow"),
                let target = overwrite["type"]?.int.flatMap(MemberPermissions.Overwrite.Target.init),
                let deny = overwrite.permissions("deny")
            else { return nil }
            return MemberPermissions.Overwrite(id: id, target: target, allow: allow, deny: deny)
        }
        guard overwrites.count == list.count else { return nil }
        self.init(
            id: id, guild: json.snowflake("guild_id"), type: type, parent: json.snowflake("parent_id"),
            isThread: Self.threads.contains(type), overwrites: overwrites)
    }
}

extension JSON {
    func snowflake(_ key: String) -> Snowflake? { self[key]?.string.flatMap { Snowflake($0) } }
    fileprivate func permissions(_ key: String) -> Permissions? { self[key]?.string.flatMap(Permissions.init) }
}
