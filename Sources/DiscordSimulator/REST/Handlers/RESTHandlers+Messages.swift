internal import Shared

extension RESTHandlers {
    /// Routes that write messages.
    static let messages: [String: Handler] = [
        "create_message": { (me, call) throws(APIError) in .json(200, try me.createMessage(call).json) },
        "update_message": { (me, call) throws(APIError) in .json(200, try me.editMessage(call).json) },
        "delete_message": { (me, call) throws(APIError) in
            let visible = try me.visibleChannel(call.id("channel_id"), at: call.now)
            let message = try me.message(call.id("message_id"), in: visible.channel.id)
            if message.author != me.world.application.user.id, !visible.has(PermissionRules.Bit.manageMessages) {
                throw .missingPermissions
            }
            me.world.delete(message)
            return .noContent
        },
        "trigger_typing_indicator": { (me, call) throws(APIError) in try me.startTyping(call) },
    ]

    // MARK: - Creating

    private func createMessage(_ call: RESTCall) throws(APIError) -> Message {
        let body = call.body.value
        let visible = try writableChannel(call.id("channel_id"), at: call.now)
        try check(body, call.body.files, in: visible)
        let nonce = body["nonce"]?.nonNull
        let key = body["enforce_nonce"]?.bool == true ? nonce.map { $0.string ?? $0.text } : nil
        let author = world.application.user.id
        if let key, let known = nonces.message(by: author, nonce: key, at: call.now) {
            guard let message = world.present(known) else { throw .unknownMessage }
            return message
        }
        var draft = MessageDraft(channel: visible.channel, now: call.now, permissions: visible.permissions)
        draft.flags = body["flags"]?.int ?? 0
        draft.files = call.body.files
        draft.nonce = nonce
        draft.reference = try reference(body["message_reference"]?.nonNull, from: visible)
        let message = compose(draft, from: body)
        if let key {
            nonces.insert(key, by: author, message: message.id, at: call.now, lifetime: world.limits.nonce)
        }
        world.post(message)
        return message
    }

    private func check(_ body: JSON, _ files: [RequestBody.File], in visible: VisibleChannel) throws(APIError) {
        var rules = MessageRules(.create)
        rules.check(body, flags: body["flags"]?.int ?? 0)
        if !rules.errors.isEmpty { throw .invalidForm(rules.errors) }
        let isForward = body["message_reference"]?["type"]?.int == 1
        if !isForward, MessageRules.isEmpty(body, files: files.count) { throw .emptyMessage }
        if !files.isEmpty, !visible.has(PermissionRules.Bit.attachFiles) { throw .missingPermissions }
        if body["embeds"]?.elements?.isEmpty == false, !visible.has(PermissionRules.Bit.embedLinks) {
            throw .missingPermissions
        }
    }

    /// The message replied to or forwarded, by the rules of `message_reference`.
    private func reference(
        _ reference: JSON?, from visible: VisibleChannel
    ) throws(APIError) -> MessageDraft.Reference? {
        guard let reference, let id = reference["message_id"]?.id else { return nil }
        let isForward = reference["type"]?.int == 1
        let channel = reference["channel_id"]?.nonNull?.id
        if isForward, channel == nil {
            throw .invalidForm("BASE_TYPE_REQUIRED", "This field is required", at: ["message_reference", "channel_id"])
        }
        if !isForward, !visible.has(PermissionRules.Bit.readMessageHistory) { throw .noHistory }
        let found = world.present(id).flatMap { $0.isEphemeral ? nil : $0 }
        let isInPlace = found?.channel == channel ?? visible.channel.id
        if let found, isInPlace, isForward || found.channel == visible.channel.id {
            return MessageDraft.Reference(isForward: isForward, message: found)
        }
        if isForward { throw .unknownMessage }
        if reference["fail_if_not_exists"]?.bool == false { return nil }
        throw .invalidForm("REPLIES_UNKNOWN_MESSAGE", "Unknown message", at: ["message_reference"])
    }

    // MARK: - Changing

    private func editMessage(_ call: RESTCall) throws(APIError) -> Message {
        let visible = try readableChannel(call)
        let old = try message(call.id("message_id"), in: visible.channel.id)
        if old.author != world.application.user.id { throw .foreignMessage }
        let message = try edited(
            old, with: call.body.value, call, purpose: .edit, permissions: visible.permissions)
        world.edit(message)
        return message
    }

    /// The message after an edit of it, which must leave something to show.
    /// - Parameter path: where `body` stands in the request.
    func edited(
        _ old: Message, with body: JSON, _ call: RESTCall, purpose: MessageRules.Purpose, permissions: UInt64,
        at path: [String] = []
    ) throws(APIError) -> Message {
        var message = old
        let flags = flags(of: old, editedWith: body)
        var rules = MessageRules(purpose)
        rules.check(body, flags: flags, at: path)
        if !rules.errors.isEmpty { throw .invalidForm(rules.errors) }
        if let content = body["content"] {
            message.json.set("content", .string(String((content.string ?? "").trimmed)))
        }
        if let embeds = body["embeds"] {
            message.json.set("embeds", .array((embeds.elements ?? []).map(ReceivedForm.embed)))
        }
        if let components = body["components"] {
            message.json.set("components", .array(ReceivedForm.components(components.elements ?? [])))
        }
        if let poll = body["poll"]?.nonNull { message.json.set("poll", poll) }
        setAttachments(of: &message, body, call)
        let remaining = message.json["attachments"]?.elements?.count ?? 0
        if MessageRules.isEmpty(message.json, files: remaining) { throw .emptyMessage }
        message.json.set("flags", .integer(flags))
        applyMentions(
            &message.json, allowed: body["allowed_mentions"], isInteraction: purpose != .edit,
            permissions: permissions)
        message.json.set("edited_timestamp", .time(call.now))
        return message
    }

    /// The flags after an edit: whether it is ephemeral stays as the first answer made it, components of version 2 stay,
    /// and nothing is loading any more.
    private func flags(of old: Message, editedWith body: JSON) -> Int {
        let flags = old.flags
        let fixed = MessageRules.Flags.ephemeral | MessageRules.Flags.isComponentsV2
        let wanted = body["flags"]?.nonNull?.int.map { ($0 & ~MessageRules.Flags.ephemeral) | (flags & fixed) }
        return (wanted ?? flags) & ~MessageRules.Flags.loading
    }

    /// Keeps the attachments that an edit lists and adds the uploaded ones.
    private func setAttachments(of message: inout Message, _ body: JSON, _ call: RESTCall) {
        let listed = body["attachments"]?.nonNull?.elements
        if listed == nil, call.body.files.isEmpty { return }
        let old = message.json["attachments"]?.elements ?? []
        let kept = listed.map { listed in
            let ids = Set(listed.compactMap { $0["id"]?.id })
            return old.filter { $0["id"]?.id.map(ids.contains) ?? false }
        }
        let new = attachments(of: call.body.files, body, in: message.channel, at: call.now)
        message.json.set("attachments", .array((kept ?? old) + new))
    }

    private func startTyping(_ call: RESTCall) throws(APIError) -> RESTResult {
        let visible = try writableChannel(call.id("channel_id"), at: call.now)
        let guild = visible.channel.guild
        let me = world.application.user.id
        let event = JSON.compact([
            "user_id": .id(me), "timestamp": .integer(call.now / 1_000_000),
            "member": guild.flatMap { world.guilds[$0]?.members[me]?.jsonWithUser },
            "channel_id": .id(visible.channel.id), "guild_id": guild.map { .id($0) },
        ])
        world.tell("TYPING_START", guild: guild, event)
        return .noContent
    }

    private func writableChannel(_ id: Snowflake, at now: Int) throws(APIError) -> VisibleChannel {
        let visible = try visibleChannel(id, at: now)
        // Categories, forums and media channels hold no messages of their own.
        if [4, 14, 15, 16].contains(visible.channel.type) { throw .wrongChannelType }
        let sending = visible.isThread ? PermissionRules.Bit.sendMessagesInThreads : PermissionRules.Bit.sendMessages
        if !visible.has(sending) { throw .missingPermissions }
        return visible
    }

    // MARK: - Shared with reading

    /// The channel of the path, if its messages may be read.
    func readableChannel(_ call: RESTCall) throws(APIError) -> VisibleChannel {
        let visible = try visibleChannel(call.id("channel_id"), at: call.now)
        if !visible.has(PermissionRules.Bit.readMessageHistory) { throw .missingPermissions }
        return visible
    }

    /// A message that the bot's own token may see: not one that is ephemeral.
    func message(_ id: Snowflake, in channel: Snowflake) throws(APIError) -> Message {
        guard let message = world.present(id), message.channel == channel, !message.isEphemeral
        else { throw .unknownMessage }
        return message
    }
}
