internal import Shared

extension JSON {
    /// An id, written as a string as Discord does.
    static func id(_ id: Snowflake) -> JSON { .string(id.description) }

    /// An id, or null.
    static func id(_ id: Snowflake?) -> JSON { id.map { .string($0.description) } ?? .null }

    /// A text, or null.
    static func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }

    /// A time in microseconds since 1970, or null.
    static func time(_ microseconds: Int?) -> JSON {
        microseconds.map { .string(Timestamp.text(microseconds: $0)) } ?? .null
    }

    /// This object with another object's members put in the place of its own, or behind them.
    func merging(_ other: JSON) -> JSON {
        guard case .object(var members) = self, case .object(let additions) = other else { return other }
        for addition in additions {
            if let index = members.firstIndex(where: { $0.key == addition.key }) {
                members[index].value = addition.value
            } else {
                members.append(addition)
            }
        }
        return .object(members)
    }

    /// This object without some of its members.
    func removing(_ keys: Set<String>) -> JSON {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { !keys.contains($0.key) })
    }
}

/// A person or bot (resources/user.mdx).
struct User: Equatable, Sendable {
    var id: Snowflake
    var username: String
    var globalName: String?
    var discriminator = "0"
    var avatar: String?
    var isBot = false

    /// The object as it stands in messages and members.
    var json: JSON {
        var members: [JSON.Member] = [
            .init("username", .string(username)), .init("public_flags", 0), .init("primary_guild", .null),
            .init("id", .id(id)), .init("global_name", .text(globalName)),
            .init("discriminator", .string(discriminator)), .init("collectibles", .null),
            .init("avatar_decoration_data", .null), .init("avatar", .text(avatar)),
        ]
        if isBot { members.append(.init("bot", true)) }
        return .object(members)
    }
}

/// A role of a guild (topics/permissions.mdx, Role Object).
struct Role: Equatable, Sendable {
    var id: Snowflake
    var name: String
    var permissions: UInt64
    var position: Int
    /// The bot that this role was made for.
    var bot: Snowflake?

    var json: JSON {
        let colors: JSON = ["primary_color": 0, "secondary_color": nil, "tertiary_color": nil]
        let role: JSON = [
            "id": .id(id), "name": .string(name), "permissions": .string(String(permissions)),
            "position": .integer(position), "color": 0, "colors": colors, "hoist": false, "managed": .bool(bot != nil),
            "mentionable": false, "icon": nil, "unicode_emoji": nil, "flags": 0,
        ]
        return bot.map { role.merging(["tags": ["bot_id": .id($0)]]) } ?? role
    }
}

/// A channel of a guild, or between the bot and a user (resources/channel.mdx).
struct Channel: Equatable, Sendable {
    /// Numbers of `type`.
    enum Kind {
        static let text = 0, direct = 1, voice = 2, category = 4, announcement = 5, publicThread = 11
    }

    /// One line of `permission_overwrites`: for a role (0) or a member (1).
    struct Overwrite: Equatable, Sendable {
        var id: Snowflake
        var type: Int
        var allow: UInt64
        var deny: UInt64
    }

    var id: Snowflake
    /// Nil between the bot and a user.
    var guild: Snowflake?
    var type: Int
    var name: String
    var position = 0
    var parent: Snowflake?
    var topic: String?
    var overwrites: [Overwrite] = []
    var lastMessage: Snowflake?
    /// The user at the other end, if it is no guild's.
    var recipient: User?

    /// The object as it stands in GUILD_CREATE, which names no guild.
    var json: JSON {
        if let recipient {
            return [
                "id": .id(id), "type": .integer(type), "last_message_id": .id(lastMessage), "flags": 0,
                "recipients": .array([recipient.json]),
            ]
        }
        let lines = overwrites.map { line -> JSON in
            [
                "id": .id(line.id), "type": .integer(line.type), "allow": .string(String(line.allow)),
                "deny": .string(String(line.deny)),
            ]
        }
        var members: [JSON.Member] = [
            .init("id", .id(id)), .init("type", .integer(type)), .init("name", .string(name)),
            .init("position", .integer(position)),
        ]
        if type != Kind.category {
            members += [
                .init("parent_id", .id(parent)), .init("topic", .text(topic)), .init("nsfw", false),
                .init("rate_limit_per_user", 0), .init("last_message_id", .id(lastMessage)),
                .init("last_pin_timestamp", .null),
            ]
        }
        members += [.init("permission_overwrites", .array(lines)), .init("flags", 0)]
        return .object(members)
    }

    /// The object as REST and channel events have it.
    var jsonWithGuild: JSON {
        guard let guild else { return json }
        return json.merging(["guild_id": .id(guild)])
    }
}

/// A user in a guild (resources/guild.mdx, Guild Member Object).
struct Member: Equatable, Sendable {
    var user: User
    var nick: String?
    var roles: [Snowflake] = []
    /// Microseconds since 1970.
    var joinedAt: Int
    /// Until when the member may not talk; microseconds since 1970.
    var timedOutUntil: Int?

    /// The object without its user, as it stands in messages.
    var json: JSON {
        [
            "roles": .array(roles.map { .id($0) }), "premium_since": nil, "pending": false, "nick": .text(nick),
            "mute": false, "joined_at": .time(joinedAt), "flags": 0, "deaf": false,
            "communication_disabled_until": .time(timedOutUntil), "banner": nil, "avatar": nil,
        ]
    }

    /// The object with its user in front.
    var jsonWithUser: JSON {
        JSON.object([.init("user", user.json)]).merging(json)
    }
}

/// A community (resources/guild.mdx).
struct Guild: Equatable, Sendable {
    var id: Snowflake
    var name: String
    var owner: Snowflake
    var locale = "en-US"
    var features: [String] = []
    /// The first is `@everyone`, which has the guild's id.
    var roles: [Role]
    /// In their order.
    var channels: [Snowflake] = []
    var members: [Snowflake: Member] = [:]
    /// Members in the order of joining.
    var memberOrder: [Snowflake] = []
    /// When the bot joined; microseconds since 1970.
    var joinedAt: Int
    /// Whether an outage hides it.
    var isUnavailable = false

    /// The members in the order of joining.
    var membersInOrder: [Member] { memberOrder.compactMap { members[$0] } }

    /// What REST and GUILD_UPDATE have.
    func json(systemChannel: Snowflake?) -> JSON {
        [
            "id": .id(id), "name": .string(name), "icon": nil, "description": nil, "splash": nil,
            "discovery_splash": nil, "banner": nil, "owner_id": .id(owner), "application_id": nil,
            "region": "deprecated", "afk_channel_id": nil, "afk_timeout": 300,
            "system_channel_id": .id(systemChannel), "system_channel_flags": 0, "rules_channel_id": nil,
            "public_updates_channel_id": nil, "safety_alerts_channel_id": nil, "verification_level": 1,
            "default_message_notifications": 1, "explicit_content_filter": 2, "mfa_level": 0, "nsfw_level": 0,
            "nsfw": false, "preferred_locale": .string(locale), "features": .array(features.map(JSON.string)),
            "premium_tier": 0, "premium_subscription_count": 0, "premium_progress_bar_enabled": false,
            "max_members": 500_000, "max_presences": nil, "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50, "vanity_url_code": nil, "incidents_data": nil,
            "roles": .array(roles.map(\.json)), "emojis": [], "stickers": [],
        ]
    }
}
