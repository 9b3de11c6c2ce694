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
/// Not `Sendable`: it belongs to the simulator's one event loop. It reads no clock; every `now` is in microseconds
/// since 1970.
final class World {
    /// What a scope of commands is: a guild's id, or nil for the global one.
    typealias CommandScope = Snowflake?

    var application: Application
    var guilds: [Snowflake: Guild] = [:]
    /// Guilds in the order of their making.
    private(set) var guildOrder: [Snowflake] = []
    var channels: [Snowflake: Channel] = [:]
    var users: [Snowflake: User] = [:]
    /// Every message kept, the deleted ones too.
    var messages: [Snowflake: Message] = [:]
    /// Messages of a channel in the order of their making.
    private(set) var history: [Snowflake: [Snowflake]] = [:]
    var interactions: [Snowflake: Interaction] = [:]
    /// Interactions in the order of their making.
    private(set) var interactionOrder: [Snowflake] = []
    private var interactionsByToken: [String: Snowflake] = [:]
    /// Registered commands as REST gives them.
    var commands: [CommandScope: [JSON]] = [:]
    var identifyBudget: IdentifyBudget
    /// Recommended shard count.
    var recommendedShards: Int
    /// What `GET /gateway` tells.
    var gatewayURL = ""
    var limits: TimeLimits
    var mint = SnowflakeMint()
    var random: SeededGenerator
    /// Tells the gateway.
    var emit: (WorldEvent) -> Void = { _ in }
    /// Told of everything that changes what a waiting test may be waiting for.
    var changed: () -> Void = {}

    init(
        application: Application, identifyBudget: IdentifyBudget, recommendedShards: Int, limits: TimeLimits,
        seed: UInt64
    ) {
        self.application = application
        self.identifyBudget = identifyBudget
        self.recommendedShards = recommendedShards
        self.limits = limits
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
    func directChannel(with user: User, at now: Int) -> Channel {
        if let channel = channels.values.first(where: { $0.recipient?.id == user.id }) { return channel }
        let channel = Channel(id: mint.next(at: now), type: Channel.Kind.direct, name: "", recipient: user)
        channels[channel.id] = channel
        users[user.id] = user
        return channel
    }
}

// MARK: - Messages

extension World {
    /// Keeps a new message and tells of it.
    func post(_ message: Message) {
        messages[message.id] = message
        history[message.channel, default: []].append(message.id)
        channels[message.channel]?.lastMessage = message.id
        tell("MESSAGE_CREATE", guild: message.isEphemeral ? nil : message.guild, eventFields(of: message))
    }

    /// Keeps a changed message and tells of it.
    func edit(_ message: Message) {
        guard messages[message.id] != nil else { return }
        messages[message.id] = message
        tell("MESSAGE_UPDATE", guild: message.isEphemeral ? nil : message.guild, eventFields(of: message))
    }

    /// Marks a message deleted and tells of it.
    func delete(_ id: Snowflake) {
        guard let message = messages[id], !message.isDeleted else { return }
        messages[id]?.isDeleted = true
        let guild = message.isEphemeral ? nil : message.guild
        tell(
            "MESSAGE_DELETE", guild: guild,
            .compact([
                "id": .id(id), "channel_id": .id(message.channel), "guild_id": guild.map { .id($0) },
            ]))
    }

    /// The messages of a channel that still are there, oldest first.
    func messages(in channel: Snowflake) -> [Message] {
        (history[channel] ?? []).compactMap { messages[$0] }.filter { !$0.isDeleted }
    }

    private func eventFields(of message: Message) -> JSON {
        let member = message.guild.flatMap { guilds[$0]?.members[message.author.id] }
        return message.json(member: member, channelType: channels[message.channel]?.type ?? 0)
    }
}

// MARK: - Interactions

extension World {
    /// Keeps an interaction and tells the bot of it.
    func ask(_ interaction: Interaction) {
        interactions[interaction.id] = interaction
        interactionOrder.append(interaction.id)
        interactionsByToken[interaction.token] = interaction.id
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
