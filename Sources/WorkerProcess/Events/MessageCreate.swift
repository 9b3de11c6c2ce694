internal import Shared

/// MESSAGE_CREATE: in guilds, counts the message; runs the text command, if it is one.
struct MessageCreate: EventHandler {
    static let event = "MESSAGE_CREATE"
    let services: Services

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        guard let message = try MemberMessage(data) else { return EventPlan() }
        var plan = EventPlan()
        // A dead letter that is tried again was counted before its handler failed.
        if let guild = message.guild, event.retryOf == nil {
            plan.activity = ActivityEvent(
                key: event.key, event: event.id, guild: guild, member: message.author, day: message.day)
        }
        plan.work = textCommand(message, data, event)
        return plan
    }

    /// Nil if the message is no command, as nearly all are not. Empty content is normal: without the intent Discord leaves it out.
    private func textCommand(
        _ message: MemberMessage, _ data: JSONValue, _ event: EventFrame
    ) -> (@Sendable () async throws -> Void)? {
        guard let content = data["content"] else { return nil }
        let services = services
        guard let prefix = services.configurations.prefixIfKnown(in: message.guild) else {
            guard let text = content.string, !text.isEmpty else { return nil }
            let call = call(message, data, event)
            return {
                let configuration = try await Self.configuration(of: message.guild, services)
                let prefix = configuration.map(services.configurations.prefix) ?? services.configurations.standardPrefix
                try await TextCommand(text, prefix: prefix, services.commands)?.run(call, configuration, services)
            }
        }
        guard content.hasBytes(startingWith: prefix), let text = content.string,
            let command = TextCommand(text, prefix: prefix, services.commands)
        else { return nil }
        let call = call(message, data, event)
        return { try await command.run(call, try await Self.configuration(of: message.guild, services), services) }
    }

    private static func configuration(
        of guild: Snowflake?, _ services: Services
    ) async throws -> GuildConfiguration? {
        guard let guild else { return nil }
        return try await services.configurations.configuration(of: guild, services.store)
    }

    private func call(_ message: MemberMessage, _ data: JSONValue, _ event: EventFrame) -> TextCommand.Call {
        let member = data["member"]
        let roles = member?["roles"].map { $0.elements.compactMap(\.snowflake) }
        // Null or in the past for a member who is not timed out; the past is Discord's to take away.
        let isTimedOut = member?["communication_disabled_until"].map { !$0.isNull } ?? false
        return TextCommand.Call(
            message: message,
            member: roles.map { .init(id: message.author, roles: $0, isTimedOut: isTimedOut) },
            event: event.orderID, receivedAt: event.receivedAt, sentAt: event.sentAt)
    }
}

/// A message of a member, or of a user in a direct message; only what is needed of every message.
struct MemberMessage: Sendable, Equatable {
    let id: Snowflake
    let channel: Snowflake
    let author: Snowflake
    /// Nil in direct messages and for ephemeral ones.
    let guild: Snowflake?

    /// DEFAULT and REPLY (resources/message.mdx, Message Types).
    private static let typesOfMembers = [0, 19]

    /// Nil if no member wrote it: bots, webhooks, and what Discord itself writes.
    init?(_ data: JSONValue) throws(EventProblem) {
        // Absent or null is a plain message: only what Discord itself writes needs to say so.
        if let type = data["type"], !type.isNull {
            guard let number = type.int else { throw EventProblem(description: "type is no integer") }
            guard Self.typesOfMembers.contains(number) else { return nil }
        }
        let author = try data.requiredObject("author")
        if author["bot"]?.bool == true { return nil }
        if let webhook = data["webhook_id"], !webhook.isNull { return nil }
        id = try data.requiredSnowflake("id")
        channel = try data.requiredSnowflake("channel_id")
        self.author = try author.requiredSnowflake("id")
        guild = data["guild_id"]?.snowflake
    }

    /// Days since 1970 in UTC. An id's time is its message's.
    var day: Int { Int(id.millisecondsSince1970 / 86_400_000) }
}

extension JSONValue {
    /// Whether this is a string that begins so; nothing is copied.
    fileprivate func hasBytes(startingWith prefix: String) -> Bool {
        withStringBytes { bytes in
            var prefix = prefix
            return prefix.withUTF8 { $0.count <= bytes.count && bytes.prefix($0.count).elementsEqual($0) }
        } ?? false
    }
}
