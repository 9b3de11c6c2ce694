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
        guard user["bot"]?.bool != true else { return EventPlan() }
        // Null for a guest, who has not really joined.
        let joinedAt = data["joined_at"]?.string ?? ""
        return EventPlan { try await welcome(member, to: guild, joinedAt: joinedAt) }
    }

    private func welcome(_ member: Snowflake, to guild: Snowflake, joinedAt: String) async throws {
        let configuration = try await services.store.configuration(of: guild)
        guard let channel = configuration.welcomeChannel else { return }
        let place = configuration.name.map { "**\(DiscordText.escaped($0))**" } ?? "the server"
        var message = OutgoingMessage("Welcome to \(place), <@\(member)>!")
        message.pings = [member]
        let welcome = OneTimeMessage(
            nonce: Nonce.of("welcome", "\(guild)", "\(member)", joinedAt), channel: channel, message: message,
            trace: .mention(of: member))
        do {
            try await welcome.send(services)
            services.logger.info("Member welcomed", metadata: ["guild": "\(guild)", "member": "\(member)"])
        } catch let error as DiscordAPIError where error.code == Self.unknownChannel {
            // Going on would be refused each time, and Discord bans who does not stop (topics/rate-limits.mdx).
            try await services.store.forgetWelcomeChannel(channel, of: guild)
            services.logger.notice(
                "A welcome channel is gone; welcome messages are switched off there",
                metadata: ["guild": "\(guild)", "channel": "\(channel)"])
        }
    }
}
