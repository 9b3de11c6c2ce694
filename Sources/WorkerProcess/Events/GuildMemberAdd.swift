internal import Logging
internal import Shared

/// GUILD_MEMBER_ADD: somebody joined, and is welcomed where the server wants that. It can come again for a member who is there
/// already (gateway-events.mdx, Guild Member Add): when somebody joined tells one time from the next.
struct GuildMemberAdd: EventHandler {
    static let event = "GUILD_MEMBER_ADD"
    /// Discord's code for a channel that does not exist.
    private static let unknownChannel = 10003

    let services: Services

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        let guild = try data.requiredSnowflake("guild_id")
        let user = try data.requiredObject("user")
        let member = try user.requiredSnowflake("id")
        let (id, services) = (event.orderID, services)
        guard user["bot"]?.bool != true else {
            return EventPlan { try await services.store.countMembers(1, of: guild, event: id) }
        }
        // Null for a guest, who has not really joined.
        let joinedAt = data["joined_at"]?.string ?? ""
        return EventPlan {
            // First, so that the welcome can say which number the newcomer is.
            try await services.store.countMembers(1, of: guild, event: id)
            try await welcome(member, to: guild, joinedAt: joinedAt)
        }
    }

    private func welcome(_ member: Snowflake, to guild: Snowflake, joinedAt: String) async throws {
        // Joins are rare, and a setting that was just made should hold for the next one: not what is remembered.
        let configuration = try await services.store.configuration(of: guild)
        guard let channel = configuration.welcomeChannel else { return }
        // A text without the member's mention is recognised by what it says.
        let message = WelcomeText.message(for: member, in: configuration)
        let mentions = message.content?.contains("<@\(member)>") ?? false
        let welcome = OneTimeMessage(
            nonce: Nonce.of("welcome", "\(guild)", "\(member)", joinedAt), channel: channel, message: message,
            trace: mentions ? .mention(of: member) : .text)
        do {
            try await welcome.send(services)
            services.logger.info("Member welcomed", metadata: ["guild": "\(guild)", "member": "\(member)"])
        } catch let error as DiscordAPIError where error.kind == .rejected {
            try await note(error, channel, guild)
        }
    }

    /// Going on would be refused each time, and Discord bans who does not stop (topics/rate-limits.mdx): an admin is told
    /// instead.
    private func note(_ error: DiscordAPIError, _ channel: Snowflake, _ guild: Snowflake) async throws {
        let isGone = error.code == Self.unknownChannel
        let note = AdminNote(
            cause: isGone ? .welcomeChannelGone : .welcomeForbidden, channel: channel,
            at: ProcessClock.wallMicroseconds)
        if isGone {
            try await services.store.forgetWelcomeChannel(channel, of: guild)
            services.configurations.forget(guild)
        }
        guard try await services.store.addNote(note, to: guild) else { return }
        services.logger.notice(
            "A member could not be welcomed; admins see it in /config show",
            metadata: ["guild": "\(guild)", "channel": "\(channel)", "reason": "\(error)"])
    }
}
