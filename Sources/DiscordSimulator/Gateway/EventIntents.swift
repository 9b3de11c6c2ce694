internal import Shared

/// Which intents let an event through (gateway.mdx, List of Intents).
enum EventIntents {
    /// Whether a session with these intents gets the event.
    /// - Parameter isInGuild: whether the event names a guild; ephemeral messages do not.
    static func allow(_ name: String, isInGuild: Bool, intents: Intents) -> Bool {
        guard let needed = table[name] else { return true }
        let bits = isInGuild ? needed.guild : needed.direct
        return bits.isEmpty || !intents.isDisjoint(with: bits)
    }

    private struct Needed {
        var guild: Intents
        var direct: Intents
    }

    private static let table: [String: Needed] = {
        var table: [String: Needed] = [:]
        func add(_ intents: Intents, direct: Intents? = nil, _ names: String...) {
            for name in names { table[name] = Needed(guild: intents, direct: direct ?? intents) }
        }
        add(
            .guilds, "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE",
            "GUILD_ROLE_DELETE", "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_CREATE",
            "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBER_UPDATE", "STAGE_INSTANCE_CREATE",
            "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE", "VOICE_CHANNEL_STATUS_UPDATE",
            "VOICE_CHANNEL_START_TIME_UPDATE")
        add(.guilds, direct: .directMessages, "CHANNEL_PINS_UPDATE")
        add([.guilds, .guildMembers], "THREAD_MEMBERS_UPDATE")
        add(.guildMembers, "GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE")
        add(.guildModeration, "GUILD_AUDIT_LOG_ENTRY_CREATE", "GUILD_BAN_ADD", "GUILD_BAN_REMOVE")
        add(
            .guildExpressions, "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE", "GUILD_SOUNDBOARD_SOUND_CREATE",
            "GUILD_SOUNDBOARD_SOUND_UPDATE", "GUILD_SOUNDBOARD_SOUND_DELETE", "GUILD_SOUNDBOARD_SOUNDS_UPDATE")
        add(
            .guildIntegrations, "GUILD_INTEGRATIONS_UPDATE", "INTEGRATION_CREATE", "INTEGRATION_UPDATE",
            "INTEGRATION_DELETE")
        add(.guildWebhooks, "WEBHOOKS_UPDATE")
        add(.guildInvites, "INVITE_CREATE", "INVITE_DELETE")
        add(.guildVoiceStates, "VOICE_STATE_UPDATE", "VOICE_CHANNEL_EFFECT_SEND")
        add(.guildPresences, "PRESENCE_UPDATE")
        add(.guildMessages, direct: .directMessages, "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE")
        add(.guildMessages, "MESSAGE_DELETE_BULK")
        add(
            .guildMessageReactions, direct: .directMessageReactions, "MESSAGE_REACTION_ADD",
            "MESSAGE_REACTION_REMOVE", "MESSAGE_REACTION_REMOVE_ALL", "MESSAGE_REACTION_REMOVE_EMOJI")
        add(.guildMessageTyping, direct: .directMessageTyping, "TYPING_START")
        add(
            .guildScheduledEvents, "GUILD_SCHEDULED_EVENT_CREATE", "GUILD_SCHEDULED_EVENT_UPDATE",
            "GUILD_SCHEDULED_EVENT_DELETE", "GUILD_SCHEDULED_EVENT_USER_ADD", "GUILD_SCHEDULED_EVENT_USER_REMOVE")
        add(
            .autoModerationConfiguration, "AUTO_MODERATION_RULE_CREATE", "AUTO_MODERATION_RULE_UPDATE",
            "AUTO_MODERATION_RULE_DELETE")
        add(.autoModerationExecution, "AUTO_MODERATION_ACTION_EXECUTION")
        add(.guildMessagePolls, direct: .directMessagePolls, "MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE")
        return table
    }()
}
