internal import Shared

/// Something that happened and that the gateway tells to those whom it concerns.
struct WorldEvent: Equatable {
    /// Name of the dispatch.
    var name: String
    /// Where it happened; nil for direct messages, ephemeral messages and what belongs to no guild: shard 0 gets these.
    var guild: Snowflake?
    var d: JSON
}

/// The bot's application, as the portal shows it.
struct Application: Equatable, Sendable {
    /// Bits of the privileged intents: GUILD_MEMBERS, GUILD_PRESENCES, MESSAGE_CONTENT.
    static let privilegedIntents = 1 << 1 | 1 << 8 | 1 << 15

    var id: Snowflake
    /// The bare token, without `Bot `.
    var token: String
    /// Privileged intents that are switched on in the portal.
    var allowedIntents = privilegedIntents
    /// The bot's user, whose id is the application's, as for all newer applications.
    var user: User

    /// `flags` of the application: which privileged intents it has, and that it has commands.
    var flags: Int {
        var flags = 1 << 23
        if allowedIntents & 1 << 8 != 0 { flags |= 1 << 12 }
        if allowedIntents & 1 << 1 != 0 { flags |= 1 << 15 }
        if allowedIntents & 1 << 15 != 0 { flags |= 1 << 19 }
        return flags
    }
}

/// Everything that Discord knows: who is where, what was said, what was asked and answered.
///
/// Not `Sendable`: it belongs to the simulator's one event loop. Every time is in microseconds since 1970.
final class World {
    var application: Application
    var guilds: [Snowflake: Guild] = [:]
    /// Guilds in the order of their making.
    private(set) var guildOrder: [Snowflake] = []
    var channels: [Snowflake: Channel] = [:]
    private var directChannels: [Snowflake: Snowflake] = [:]
    var users: [Snowflake: User] = [:]
    /// Every message kept, the deleted ones too.
    var messages: [Snowflake: Message] = [:]
    /// Messages of a channel in the order of their making.
    private(set) var history: [Snowflake: [Snowflake]] = [:]
    var interactions: [Snowflake: Interaction] = [:]
    /// Interactions in the order of their making.
    private(set) var interactionOrder: [Snowflake] = []
    private var interactionsByToken: [String: Snowflake] = [:]
    var identifyBudget: IdentifyBudget
    /// Recommended shard count.
    var recommendedShards: Int
    /// `url` of `GET /gateway`.
    var gatewayURL = ""
    /// Microseconds since 1970.
    var clock: () -> Int
    var limits: TimeLimits
    var mint = SnowflakeMint()
    var random: SeededGenerator
    /// Tells the gateway.
    var emit: (WorldEvent) -> Void = { _ in }
    /// Told of every message added or replaced.
    var stored: (JSON) -> Void = { _ in }
    /// Told of every interaction before the gateway is.
    var asked: (Interaction) -> Void = { _ in }
    /// Told of everything that changes what a waiting test may be waiting for.
    var changed: () -> Void = {}

    init(
        application: Application, identifyBudget: IdentifyBudget, recommendedShards: Int, limits: TimeLimits,
        seed: UInt64,
        clock: @escaping () -> Int
    ) {
        self.application = application
        self.identifyBudget = identifyBudget
        self.recommendedShards = recommendedShards
        self.limits = limits
        self.clock = clock
        random = SeededGenerator(seed: seed)
        users[application.user.id] = application.user
    }

    /// Emits an event.
    func tell(_ name: String, guild: Snowflake?, _ d: JSON) {
        emit(WorldEvent(name: name, guild: guild, d: d))
        changed()
    }
}

// MARK: - Guilds

extension World {
    /// Adds a guild with its channels, without telling anybody.
    func insert(_ guild: Guild, channels: [Channel]) {
        var guild = guild
        guild.channels = channels.map(\.id)
        if guilds[guild.id] == nil { guildOrder.append(guild.id) }
        guilds[guild.id] = guild
        for channel in channels { self.channels[channel.id] = channel }
        for member in guild.members.values where users[member.user.id] == nil { users[member.user.id] = member.user }
    }

    /// Takes a guild and its channels away, without telling anybody.
    func removeGuild(_ id: Snowflake) {
        for channel in guilds[id]?.channels ?? [] { channels[channel] = nil }
        guilds[id] = nil
        guildOrder.removeAll { $0 == id }
    }

    /// The guild's first text channel, where joins are told.
    func systemChannel(of guild: Guild) -> Snowflake? {
        guild.channels.first { channels[$0]?.type == Channel.Kind.text }
    }

    /// What REST and GUILD_UPDATE have of a guild.
    func json(of guild: Guild) -> JSON {
        guild.json(systemChannel: systemChannel(of: guild))
    }

    /// `d` of GUILD_CREATE.
    /// - Parameter allMembers: whether everybody is listed, or only the bot (gateway-events.mdx, Guild Create).
    func creation(of guild: Guild, allMembers: Bool, isLoad: Bool) -> JSON {
        let listed = guild.membersInOrder.filter { allMembers || $0.user.id == application.user.id }
        var extra: [JSON.Member] = [
            .init("joined_at", .time(guild.joinedAt)), .init("large", .bool(guild.members.count > 250)),
        ]
        if isLoad { extra.append(.init("unavailable", false)) }
        extra += [
            .init("member_count", .integer(guild.members.count)), .init("members", .array(listed.map(\.jsonWithUser))),
            .init("channels", .array(guild.channels.compactMap { channels[$0]?.json })), .init("threads", []),
            .init("voice_states", []), .init("presences", []), .init("stage_instances", []),
            .init("guild_scheduled_events", []), .init("soundboard_sounds", []),
        ]
        return json(of: guild).merging(.object(extra))
    }

    /// A user joins a guild.
    func join(_ user: User, guild id: Snowflake, at now: Int) {
        guard var guild = guilds[id] else { return }
        let member = Member(user: user, joinedAt: now)
        if guild.members[user.id] == nil { guild.memberOrder.append(user.id) }
        guild.members[user.id] = member
        guilds[id] = guild
        users[user.id] = user
        // Here the guild stands in the middle, in front of what follows from F downwards, as recorded.
        tell("GUILD_MEMBER_ADD", guild: id, Self.memberAddition(member, guild: id))
    }

    private static func memberAddition(_ member: Member, guild: Snowflake) -> JSON {
        guard case .object(var members) = member.jsonWithUser else { return .null }
        let place = members.firstIndex { $0.key == "flags" } ?? members.endIndex
        members.insert(.init("guild_id", .id(guild)), at: place)
        return .object(members)
    }

    /// A user leaves a guild.
    func leave(_ user: Snowflake, guild id: Snowflake) {
        guard let member = guilds[id]?.members.removeValue(forKey: user) else { return }
        guilds[id]?.memberOrder.removeAll { $0 == user }
        tell("GUILD_MEMBER_REMOVE", guild: id, ["user": member.user.json, "guild_id": .id(id)])
    }

    /// The channel between the bot and a user; made if there is none.
    func openDirectChannel(with user: User) -> Channel {
        if let id = directChannels[user.id], let channel = channels[id] { return channel }
        let channel = Channel(id: makeID(), type: Channel.Kind.direct, name: "", recipient: user)
        channels[channel.id] = channel
        directChannels[user.id] = channel.id
        users[user.id] = user
        return channel
    }
}

// MARK: - Messages

extension World {
    /// Adds or replaces a message; `store` tells nobody.
    func store(_ message: JSON) {
        guard let id = message["id"]?.string.flatMap({ Snowflake($0) }),
            let channel = message["channel_id"]?.string.flatMap({ Snowflake($0) })
        else { return }
        if messages[id] == nil {
            history[channel, default: []].append(id)
            channels[channel]?.lastMessage = id
        }
        messages[id] = Message(id: id, channel: channel, guild: channels[channel]?.guild, json: message)
        stored(message)
        changed()
    }

    /// A message that is not deleted.
    func message(_ id: Snowflake, in channel: Snowflake) -> JSON? {
        guard let message = messages[id], message.channel == channel, !message.isDeleted else { return nil }
        return message.json
    }

    /// The channel's messages that still are there, oldest first.
    func messages(in channel: Snowflake) -> [JSON] {
        (history[channel] ?? []).compactMap { messages[$0] }.filter { !$0.isDeleted }.map(\.json)
    }

    /// Marks a message as deleted; tells nobody.
    func removeMessage(_ id: Snowflake, in channel: Snowflake) {
        guard messages[id]?.channel == channel else { return }
        messages[id]?.isDeleted = true
        changed()
    }

    /// Sends an event to the sessions it concerns.
    func dispatch(_ event: String, _ data: JSON, guild: Snowflake?) {
        var data = data
        if event == "MESSAGE_CREATE" || event == "MESSAGE_UPDATE" {
            let channel = data["channel_id"]?.string.flatMap { Snowflake($0) }.flatMap { channels[$0] }
            data = Message.inRecordedOrder(data.merging(["channel_type": .integer(channel?.type ?? 0)]))
        }
        tell(event, guild: guild, data)
    }

    /// Somebody writes something.
    /// - Parameter extra: members of the event that replace the usual ones or are added to them.
    /// - Returns: the message's id.
    @discardableResult
    func say(_ content: String, by author: User, in channel: Channel, extra: JSON? = nil, at now: Int) -> Snowflake {
        let id = mint.next(at: now)
        let mentions = content.contains("<@\(application.user.id)>") ? [application.user] : []
        var message = Message.json(
            id: id, channel: channel.id, author: author, content: content, mentions: mentions, at: now)
        if let extra { message = message.merging(extra) }
        store(message)
        var event = message
        if let guild = channel.guild {
            if let member = guilds[guild]?.members[author.id] { event = event.merging(["member": member.json]) }
            event = event.merging(["guild_id": .id(guild)])
        }
        dispatch("MESSAGE_CREATE", event, guild: channel.guild)
        return id
    }
}

// MARK: - Interactions

extension World {
    /// Keeps an interaction and tells the bot of it.
    func ask(_ interaction: Interaction) {
        interactions[interaction.id] = interaction
        interactionOrder.append(interaction.id)
        interactionsByToken[interaction.token] = interaction.id
        asked(interaction)
        tell("INTERACTION_CREATE", guild: interaction.guild, interaction.fields)
    }

    /// The interaction with that token.
    func interaction(token: String) -> Interaction? {
        interactionsByToken[token].flatMap { interactions[$0] }
    }

    /// Notes what the bot did about an interaction.
    func note(_ answer: Interaction.Answer, of id: Snowflake) {
        interactions[id]?.answers.append(answer)
        changed()
    }
}
