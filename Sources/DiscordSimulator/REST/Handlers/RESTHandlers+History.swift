internal import Shared

extension RESTHandlers {
    /// Routes that read messages and react to them.
    static let history: [String: Handler] = [
        "get_message": { (me, call) throws(APIError) in
            let visible = try me.readableChannel(call)
            return .json(200, try me.message(call.id("message_id"), in: visible.channel.id).json)
        },
        "list_messages": { (me, call) throws(APIError) in .json(200, .array(try me.listMessages(call).map(\.json))) },
        "add_my_message_reaction": { (me, call) throws(APIError) in try me.react(call, adds: true) },
        "delete_my_message_reaction": { (me, call) throws(APIError) in try me.react(call, adds: false) },
    ]

    private func listMessages(_ call: RESTCall) throws(APIError) -> [Message] {
        let visible = try visibleChannel(call.id("channel_id"), at: call.now)
        // Without the permission the page promises an empty list.
        if !visible.has(PermissionRules.Bit.readMessageHistory) { return [] }
        let limit = call.text("limit").flatMap { Int($0) } ?? 50
        let all = (world.history[visible.channel.id] ?? []).compactMap { world.present($0) }
            .filter { !$0.isEphemeral }.sorted { $0.id < $1.id }
        func bound(_ name: String) -> Snowflake? { call.text(name).flatMap { Snowflake($0) } }
        if let around = bound("around") {
            let older = all.filter { $0.id < around }.suffix(limit / 2)
            return (older + all.filter { $0.id >= around }.prefix(limit - older.count)).reversed()
        }
        if let after = bound("after") { return all.filter { $0.id > after }.prefix(limit).reversed() }
        let before = bound("before") ?? Snowflake(.max)
        return all.filter { $0.id < before }.suffix(limit).reversed()
    }

    private func react(_ call: RESTCall, adds: Bool) throws(APIError) -> RESTResult {
        let visible = try readableChannel(call)
        var message = try message(call.id("message_id"), in: visible.channel.id)
        guard let emoji = Emoji.parse(call.parameters["emoji_name"] ?? "") else {
            throw APIError(400, 10014, "Unknown Emoji")
        }
        var reactions = message.json["reactions"]?.elements ?? []
        let index = reactions.firstIndex { $0["emoji"] == emoji }
        let isMine = index.map { reactions[$0]["me"]?.bool ?? false } ?? false
        if adds == isMine { return .noContent }
        if adds, index == nil, !visible.has(PermissionRules.Bit.addReactions) { throw .missingPermissions }
        let count = (index.flatMap { reactions[$0]["count"]?.int } ?? 0) + (adds ? 1 : -1)
        let entry: JSON = [
            "emoji": emoji, "count": .integer(count), "me": .bool(adds), "me_burst": false, "burst_colors": [],
            "count_details": ["burst": 0, "normal": .integer(count)],
        ]
        if let index, count > 0 {
            reactions[index] = entry
        } else if let index {
            reactions.remove(at: index)
        } else {
            reactions.append(entry)
        }
        message.json.set("reactions", reactions.isEmpty ? nil : .array(reactions))
        world.store(message.json)
        tellReaction(emoji, to: message, adds: adds)
        return .noContent
    }

    private func tellReaction(_ emoji: JSON, to message: Message, adds: Bool) {
        let me = world.application.user.id
        var event = JSON.compact([
            "user_id": .id(me), "type": 0, "message_id": .id(message.id), "emoji": emoji,
            "channel_id": .id(message.channel), "burst": false, "guild_id": message.guild.map { .id($0) },
        ])
        if adds {
            event.set("message_author_id", .id(message.author))
            event.set("member", message.guild.flatMap { world.guilds[$0]?.members[me]?.jsonWithUser })
        }
        world.tell(adds ? "MESSAGE_REACTION_ADD" : "MESSAGE_REACTION_REMOVE", guild: message.guild, event)
    }
}

/// An emoji as routes name it (resources/message.mdx, Create Reaction).
enum Emoji {
    /// The emoji object of `name:id` or of a Unicode emoji; nil for anything else.
    static func parse(_ text: String) -> JSON? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, let id = Snowflake(parts[1]), !parts[0].isEmpty {
            return ["id": .id(id), "name": .string(String(parts[0]))]
        }
        // A digit or # has the property too, but is an emoji only with what follows it.
        let scalars = text.unicodeScalars
        guard text.count == 1, scalars.contains(where: \.properties.isEmoji),
            scalars.contains(where: { $0.value > 0x7f })
        else { return nil }
        return ["id": nil, "name": .string(text)]
    }
}
