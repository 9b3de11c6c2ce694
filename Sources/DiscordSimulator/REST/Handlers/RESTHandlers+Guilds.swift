internal import Shared

extension RESTHandlers {
    /// Routes that read guilds, channels, roles and members.
    static let guilds: [String: Handler] = [
        "get_guild": { (me, call) throws(APIError) in
            let guild = try me.guild(call)
            var object = me.world.json(of: guild)
                .merging(["home_header": nil, "widget_enabled": false, "widget_channel_id": nil])
            if call.flag("with_counts") {
                object.set("approximate_member_count", .integer(guild.members.count))
                object.set("approximate_presence_count", .integer(guild.members.count))
            }
            return .json(200, object)
        },
        "list_guild_channels": { (me, call) throws(APIError) in
            let channels = try me.guild(call).channels.compactMap { me.world.channels[$0] }
            return .json(200, .array(channels.filter { $0.type != Channel.Kind.publicThread }.map(\.jsonWithGuild)))
        },
        "list_guild_roles": { (me, call) throws(APIError) in
            .json(200, .array(try me.guild(call).roles.map(\.json)))
        },
        "get_guild_role": { (me, call) throws(APIError) in
            let id = call.id("role_id")
            guard let role = try me.guild(call).roles.first(where: { $0.id == id }) else { throw .unknownRole }
            return .json(200, role.json)
        },
        "list_guild_members": { (me, call) throws(APIError) in
            let limit = call.text("limit").flatMap { Int($0) } ?? 1
            let after = call.text("after").flatMap { Snowflake($0) } ?? Snowflake(0)
            let members = try me.guild(call).members.values.filter { $0.user.id > after }
                .sorted { $0.user.id < $1.user.id }.prefix(limit)
            return .json(200, .array(members.map(\.jsonWithUser)))
        },
        "get_guild_member": { (me, call) throws(APIError) in
            let user = call.id("user_id")
            guard let member = try me.guild(call).members[user] else {
                throw me.world.users[user] == nil ? .unknownUser : .unknownMember
            }
            return .json(200, member.jsonWithUser)
        },
        "get_channel": { (me, call) throws(APIError) in
            .json(200, try me.visibleChannel(call.id("channel_id"), at: call.now).channel.jsonWithGuild)
        },
    ]

    private func guild(_ call: RESTCall) throws(APIError) -> Guild {
        guard let guild = world.guilds[call.id("guild_id")], !guild.isUnavailable else { throw .unknownGuild }
        return guild
    }

    /// A channel and what the bot may do there.
    struct VisibleChannel {
        var channel: Channel
        var permissions: UInt64

        var isThread: Bool { (10...12).contains(channel.type) }
        func has(_ bit: UInt64) -> Bool { permissions & bit != 0 }
    }

    /// The channel, if there is one and the bot may see it.
    func visibleChannel(_ id: Snowflake, at now: Int) throws(APIError) -> VisibleChannel {
        guard let channel = world.channels[id] else { throw .unknownChannel }
        guard let guildID = channel.guild else {
            return VisibleChannel(channel: channel, permissions: PermissionRules.everything)
        }
        let me = world.application.user.id
        guard let guild = world.guilds[guildID], guild.members[me] != nil else { throw .missingAccess }
        let permissions = world.permissions(of: me, in: guild, channel: channel, at: now)
        let visible = VisibleChannel(channel: channel, permissions: permissions)
        if !visible.has(PermissionRules.Bit.viewChannel) { throw .missingAccess }
        return visible
    }
}

extension World {
    /// What a member may do in a guild, or in one of its channels.
    func permissions(of user: Snowflake, in guild: Guild, channel: Channel?, at now: Int) -> UInt64 {
        let member = guild.members[user]
        var situation = PermissionRules.Situation(guild: guild.id, user: user, everyone: 0)
        situation.isOwner = guild.owner == user
        situation.isTimedOut = member?.timedOutUntil.map { $0 > now } ?? false
        for role in guild.roles {
            if role.id == guild.id {
                situation.everyone = role.permissions
            } else if member?.roles.contains(role.id) == true {
                situation.roles[role.id] = role.permissions
            }
        }
        if let channel {
            situation.isThread = (10...12).contains(channel.type)
            let source = situation.isThread ? channel.parent.flatMap { channels[$0] } ?? channel : channel
            situation.overwrites = source.overwrites
        }
        return PermissionRules.permissions(in: situation)
    }
}
