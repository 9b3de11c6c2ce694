internal import Shared

/// What a message gets besides what its request says.
struct MessageDraft {
    /// The message replied to or forwarded.
    struct Reference {
        var isForward: Bool
        var message: Message
    }

    var channel: Channel
    /// Microseconds since 1970.
    var now: Int
    var type = 0
    var flags = 0
    var files: [RequestBody.File] = []
    var nonce: JSON?
    var reference: Reference?
    var interaction: Interaction?
    /// What an answer to an interaction says of it, besides the fields above.
    var extra: JSON = .object([])
    /// The author's permissions in the channel.
    var permissions: UInt64

    init(channel: Channel, now: Int, permissions: UInt64) {
        self.channel = channel
        self.now = now
        self.permissions = permissions
    }
}

extension RESTHandlers {
    /// A message of the bot's, in the shape of resources/message.mdx.
    func compose(_ draft: MessageDraft, from body: JSON) -> Message {
        var type = draft.type
        if let reference = draft.reference, !reference.isForward { type = 19 }
        var fields: JSON = [
            "type": .integer(type), "tts": .bool(body["tts"]?.bool ?? false), "flags": .integer(draft.flags),
            "embeds": .array((body["embeds"]?.elements ?? []).map(ReceivedForm.embed)),
            "content": .string(String((body["content"]?.string ?? "").trimmed)),
            "components": .array(ReceivedForm.components(body["components"]?.elements ?? [])),
            "attachments": .array(attachments(of: draft.files, body, in: draft.channel.id, at: draft.now)),
        ]
        if let poll = body["poll"]?.nonNull { fields.set("poll", poll) }
        if let stickers = body["sticker_ids"]?.elements, !stickers.isEmpty {
            fields.set("sticker_items", .array(stickers.map { ["id": $0, "name": "sticker", "format_type": 1] }))
        }
        fields = fields.merging(draft.extra)
        apply(draft.reference, to: &fields)
        let isInteraction = draft.interaction != nil
        applyMentions(
            &fields, allowed: body["allowed_mentions"], isInteraction: isInteraction, permissions: draft.permissions)
        let id = world.mint.next(at: draft.now)
        fields = fields.merging([
            "id": .id(id), "channel_id": .id(draft.channel.id), "author": world.application.user.json, "pinned": false,
            "timestamp": .time(draft.now), "edited_timestamp": nil,
        ])
        fields.set("nonce", draft.nonce)
        return Message(fields, id: id, in: draft.channel)
    }

    private func apply(_ reference: MessageDraft.Reference?, to fields: inout JSON) {
        guard let reference else { return }
        let source = reference.message
        fields.set(
            "message_reference",
            .compact([
                "type": .integer(reference.isForward ? 1 : 0), "channel_id": .id(source.channel),
                "message_id": .id(source.id), "guild_id": source.guild.map { .id($0) },
            ]))
        if reference.isForward {
            let kept = [
                "type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "mentions",
            ]
            let members = (source.json.members ?? []).filter { kept.contains($0.key) }
            fields.set("message_snapshots", [["message": .object(members)]])
        } else {
            fields.set("referenced_message", source.json.removing(["referenced_message"]))
        }
    }

    /// Fills in whom a message pings.
    func applyMentions(_ fields: inout JSON, allowed: JSON?, isInteraction: Bool, permissions: UInt64) {
        let rules = MentionRules(
            in: fields["content"]?.string ?? "", allowed: allowed, isInteraction: isInteraction,
            mayMentionEveryone: permissions & PermissionRules.Bit.mentionEveryone != 0)
        var users = rules.users
        let replied = fields["referenced_message"]?["author"]?["id"]?.id
        if rules.repliedUser, let replied, !users.contains(replied) { users.append(replied) }
        fields.set("mentions", .array(users.compactMap { world.users[$0]?.json }))
        fields.set("mention_roles", .array(rules.roles.map { .id($0) }))
        fields.set("mention_everyone", .bool(rules.everyone))
    }

    /// Attachment objects of uploaded files, described by the entries of `attachments` that have their index as id.
    func attachments(of files: [RequestBody.File], _ body: JSON, in channel: Snowflake, at now: Int) -> [JSON] {
        let described = body["attachments"]?.elements ?? []
        return files.map { file in
            let index = file.field.drop { !$0.isNumber }.prefix { $0.isNumber }
            let entry = described.first { ($0["id"]?.string ?? $0["id"]?.text) == String(index) }
            let id = world.mint.next(at: now)
            let name = entry?["filename"]?.string ?? file.name
            return .compact([
                "id": .id(id), "filename": .string(name), "size": .integer(file.size),
                "description": entry?["description"]?.nonNull, "content_type": file.contentType.map { .string($0) },
                "url": .string("https://cdn.discordapp.com/attachments/\(channel)/\(id)/\(name)"),
                "proxy_url": .string("https://media.discordapp.net/attachments/\(channel)/\(id)/\(name)"),
            ])
        }
    }
}

/// Parts of a message as they come back from Discord.
enum ReceivedForm {
    /// An embed: of type `rich`, without nulls, its texts without the space around them.
    static func embed(_ embed: JSON) -> JSON {
        func trim(_ value: JSON) -> JSON {
            switch value {
            case .string(let text): .string(String(text.trimmed))
            case .object(let members):
                .object(members.filter { $0.value != .null }.map { JSON.Member($0.key, trim($0.value)) })
            case .array(let values): .array(values.map(trim))
            default: value
            }
        }
        var result = trim(embed)
        if let fields = result["fields"]?.elements {
            result.set("fields", .array(fields.map { $0["inline"] == nil ? $0.with("inline", false) : $0 }))
        }
        return result.with("type", "rich")
    }

    /// Components with the ids that Discord gives to those without one, counted from 1 in depth-first order.
    static func components(_ components: [JSON]) -> [JSON] {
        var next = 1
        func number(_ component: JSON) -> JSON {
            var component = component
            if component["id"]?.nonNull == nil || component["id"] == 0 { component.set("id", .integer(next)) }
            next += 1
            if let children = component["components"]?.elements {
                component.set("components", .array(children.map(number)))
            }
            if let accessory = component["accessory"]?.nonNull { component.set("accessory", number(accessory)) }
            return component
        }
        return components.map(number)
    }
}
