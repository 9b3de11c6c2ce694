internal import NIOCore
internal import Shared

// What is sent to whom.
extension GatewayServer {
    /// Sends an event to every session that it concerns.
    func emit(_ event: WorldEvent) {
        if faults.isEmpty { return distribute(event) }
        if faults.take(.drop, event: event.name) != nil { return }
        var event = event
        if faults.take(.extraFields, event: event.name) != nil {
            event.d = event.d.merging(["zz_unknown": ["guild_id": "1", "id": "2", "list": [nil, 1.5, true]]])
        }
        if let fault = faults.take(.delay, event: event.name) {
            loop.scheduleTask(in: .microseconds(Int64(fault.delay))) { [self] in distribute(event) }
            return
        }
        if faults.take(.duplicate, event: event.name) != nil { distribute(event) }
        distribute(event)
    }

    private func distribute(_ event: WorldEvent) {
        let style = faults.take(.pretty, event: event.name) != nil ? .pretty : settings.style
        distribute(EncodedEvent(event, bot: world.application.id, style: style))
    }

    /// Sends an encoded event to every session that it concerns.
    /// - Parameter shard: only to that shard, whatever the event's guild.
    /// - Returns: sessions that got it.
    @discardableResult
    func distribute(_ event: EncodedEvent, shard: Int? = nil) -> Int {
        var count = 0
        for id in directory.order {
            guard let session = directory.sessions[id] else { continue }
            guard let event = session.view(of: event, shard: shard) else { continue }
            deliver(event, to: id, connection: session.connection)
            count += 1
        }
        return count
    }

    /// Sends an event to one session only.
    func deliver(_ name: String, guild: Snowflake?, _ d: JSON, to id: String) {
        let style = faults.take(.pretty, event: name) != nil ? EncodedEvent.Style.pretty : settings.style
        let event = EncodedEvent(
            WorldEvent(name: name, guild: guild, d: d), bot: world.application.id, style: style)
        deliver(event, to: id, connection: directory.sessions[id]?.connection)
    }

    func deliver(_ event: EncodedEvent, to id: String, connection: Int?) {
        if !isPumping, let connection, connections[connection]?.isAhead == true {
            return waitingForFlood.append((event, id))
        }
        guard let sequence = directory.append(event, to: id) else { return }
        ledger.dispatched[event.name, default: 0] += 1
        if let connection { connections[connection]?.send(event, sequence: sequence) }
    }

    // MARK: - Members on request

    /// Answers op 8 (gateway-events.mdx, Request Guild Members).
    func answer(_ request: MemberRequest, on connection: GatewayConnection) {
        guard let id = connection.session, let session = directory.sessions[id] else { return }
        guard let guild = world.guilds[request.guild], session.covers(guild.id) else {
            return violate("op 8 for a guild that is not on this shard")
        }
        if request.selection == .all {
            guard session.intents.contains(.guildMembers) else {
                return violate("op 8 for all members without the intent GUILD_MEMBERS")
            }
            let wait = directory.requestAllMembers(
                of: guild.id, in: id, interval: world.limits.memberRequestInterval, at: world.clock())
            if let wait { return limit(request, wait: wait, in: id) }
        }
        if request.presences, !session.intents.contains(.guildPresences) {
            violate("op 8 with presences without the intent GUILD_PRESENCES")
        }
        let (members, missing) = select(request.selection, from: guild)
        let chunks = max(1, (members.count + 999) / 1000)
        for index in 0..<chunks {
            let part = members[min(members.count, index * 1000)..<min(members.count, (index + 1) * 1000)]
            var d: [JSON.Member] = [.init("members", .array(part.map(\.jsonWithUser)))]
            if !missing.isEmpty { d.append(.init("not_found", .array(missing.map { .id($0) }))) }
            if request.presences { d.append(.init("presences", [])) }
            if let nonce = request.nonce { d.append(.init("nonce", .string(nonce))) }
            d += [
                .init("guild_id", .id(guild.id)), .init("chunk_index", .integer(index)),
                .init("chunk_count", .integer(chunks)),
            ]
            deliver("GUILD_MEMBERS_CHUNK", guild: guild.id, .object(d), to: id)
        }
    }

    private func limit(_ request: MemberRequest, wait: Int, in id: String) {
        violate("op 8 for all members of one guild again, \(wait / 1000) ms too early")
        let meta: [JSON.Member] =
            [.init("guild_id", .id(request.guild))] + (request.nonce.map { [.init("nonce", .string($0))] } ?? [])
        deliver(
            "RATE_LIMITED", guild: nil,
            [
                "opcode": 8, "retry_after": .double(Double(wait) / 1_000_000), "meta": .object(meta),
            ], to: id)
    }

    private func select(
        _ selection: MemberRequest.Selection, from guild: Guild
    ) -> (members: [Member], missing: [Snowflake]) {
        switch selection {
        case .all: return (guild.membersInOrder, [])
        case .users(let ids): return (ids.compactMap { guild.members[$0] }, ids.filter { guild.members[$0] == nil })
        case .prefix(let text, let limit):
            let found = guild.membersInOrder.filter { member in
                [member.user.username, member.nick, member.user.globalName].compactMap(\.self)
                    .contains { $0.lowercased().hasPrefix(text.lowercased()) }
            }
            return (Array(found.prefix(limit == 0 ? 100 : min(100, limit))), [])
        }
    }
}

extension SessionDirectory.Session {
    /// An event as this session gets it; nil if it does not.
    /// - Parameter shard: the only one that gets it, whatever the event's guild.
    func view(of event: EncodedEvent, shard: Int? = nil) -> EncodedEvent? {
        guard shard.map({ $0 == self.shard }) ?? covers(event.guild),
            EventIntents.allow(event.name, isInGuild: event.guild != nil, intents: intents)
        else { return nil }
        return intents.contains(.messageContent) ? event : event.blanked ?? event
    }
}
