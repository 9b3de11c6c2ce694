internal import Shared

// Messages as the REST side handles them: every change is kept and told to the gateway.
extension Message {
    /// A message that has not been kept yet.
    init(_ json: JSON, id: Snowflake, in channel: Channel) {
        self.init(id: id, channel: channel.id, guild: channel.guild, json: json)
    }

    var author: Snowflake? { json["author"]?["id"]?.id }
    var flags: Int { json["flags"]?.int ?? 0 }
    var isEphemeral: Bool { flags & MessageRules.Flags.ephemeral != 0 }
    var isLoading: Bool { flags & MessageRules.Flags.loading != 0 }
}

extension World {
    /// A message that is not deleted.
    func present(_ id: Snowflake?) -> Message? {
        id.flatMap { messages[$0] }.flatMap { $0.isDeleted ? nil : $0 }
    }

    /// Keeps a new message and tells of it.
    func post(_ message: Message) {
        store(message.json)
        tell(of: message, "MESSAGE_CREATE")
    }

    /// Keeps a changed message and tells of it.
    func edit(_ message: Message) {
        store(message.json)
        tell(of: message, "MESSAGE_UPDATE")
    }

    /// Forgets a message and tells of it.
    func delete(_ message: Message) {
        removeMessage(message.id, in: message.channel)
        let guild = message.isEphemeral ? nil : message.guild
        let event = JSON.compact([
            "id": .id(message.id), "channel_id": .id(message.channel), "guild_id": guild.map { .id($0) },
        ])
        dispatch("MESSAGE_DELETE", event, guild: guild)
    }

    private func tell(of message: Message, _ event: String) {
        // An ephemeral message has neither guild nor member (gateway-events.mdx, Messages).
        let guild = message.isEphemeral ? nil : message.guild
        var data = message.json
        // The nonce confirms the sending and is no part of the message.
        if event != "MESSAGE_CREATE" { data.set("nonce", nil) }
        if let guild {
            let member = message.author.flatMap { guilds[guild]?.members[$0] }
            data.set("member", member?.json)
            data.set("guild_id", .id(guild))
        }
        dispatch(event, data, guild: guild)
    }
}
