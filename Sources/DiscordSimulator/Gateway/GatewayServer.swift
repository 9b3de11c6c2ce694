internal import NIOCore
internal import Shared

/// Discord's gateway: the connections, their sessions, and what is sent to whom.
///
/// Not `Sendable`: it lives on the simulator's one event loop.
final class GatewayServer {
    /// What is decided on the command line.
    struct Settings: Sendable {
        /// Close code when heartbeats stop; nil for none.
        var heartbeatCloseCode: Int? = 4009
        /// Events kept per session for a resume.
        var bufferedEvents = 200_000
        /// Whether payloads have line breaks between their tokens.
        var style = EncodedEvent.Style.compact
    }

    let world: World
    let settings: Settings
    let loop: NIOIsolatedEventLoop
    var ledger = Ledger()
    var faults = GatewayFaults()
    /// What READY names.
    var resumeURL = ""
    private(set) var directory: SessionDirectory
    private(set) var connections: [Int: GatewayConnection] = [:]
    var flood: Flood?
    /// The last flood that is over.
    var lastFlood: Flood?
    /// Whether a flood is being sent right now, so that it does not begin again within itself.
    var isPumping = false
    private var lastConnection = 0

    init(world: World, settings: Settings, loop: NIOIsolatedEventLoop) {
        self.world = world
        self.settings = settings
        self.loop = loop
        directory = SessionDirectory(bufferedEvents: settings.bufferedEvents)
    }

    /// Makes the handler of a new connection.
    func makeConnection(_ parameters: GatewayServerSession.Parameters, isResumeURL: Bool) -> GatewayConnection {
        lastConnection += 1
        return GatewayConnection(
            number: lastConnection, parameters: parameters, isResumeURL: isResumeURL, server: self)
    }

    /// Live sessions.
    var liveSessions: [SessionDirectory.Session] {
        directory.order.compactMap { directory.sessions[$0] }.filter { $0.connection != nil }
    }

    func violate(_ what: String) {
        ledger.violate(what, at: world.clock())
        world.changed()
    }

    // MARK: - What connections tell

    func opened(_ connection: GatewayConnection) {
        connections[connection.number] = connection
        ledger.connections += 1
        if faults.take(.reconnectBeforeHello) != nil {
            connection.send(Self.payload(7))
            connection.rules.end()
            loop.scheduleTask(in: .seconds(3)) { connection.close(code: 4000, reason: "reconnect") }
            return
        }
        if faults.take(.noHello) != nil { return }
        perform(connection.rules.open(connection.parameters), on: connection)
    }

    func received(_ payload: JSON?, byteCount: Int, on connection: GatewayConnection) {
        if let opcode = payload?["op"]?.int { ledger.payloads[opcode, default: 0] += 1 }
        let last = connection.session.flatMap { directory.sessions[$0]?.lastSequence }
        let actions = connection.rules.receive(
            payload, byteCount: byteCount, lastSequence: last, at: world.clock())
        perform(actions, on: connection)
        world.changed()
    }

    func peerClosed(_ connection: GatewayConnection, code: Int?) {
        note(connection, code: code, reason: "", isByClient: true)
        // 1000 and 1001 end the session (gateway.mdx, Disconnecting).
        if let session = connection.session, code == 1000 || code == 1001 {
            directory.remove(session)
            connection.session = nil
        }
        world.changed()
    }

    func ended(_ connection: GatewayConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        release(connection)
        resumeFlood()
        world.changed()
    }

    /// Leaves the session behind for a resume.
    private func release(_ connection: GatewayConnection) {
        if let session = connection.session {
            directory.disconnect(session, connection: connection.number, at: world.clock())
        }
        connection.session = nil
    }

    private func note(_ connection: GatewayConnection, code: Int?, reason: String, isByClient: Bool) {
        ledger.closes.append(
            Ledger.Close(
                at: world.clock(), session: connection.session, code: code, reason: reason, isByClient: isByClient))
    }

    /// Time has passed.
    func tick() {
        let now = world.clock()
        for connection in connections.values.sorted(by: { $0.number < $1.number }) {
            perform(connection.rules.tick(at: now), on: connection)
        }
        if !directory.expire(after: world.limits.sessionExpiry, at: now).isEmpty { world.changed() }
    }

    // MARK: - What is done about it

    private func perform(_ actions: [GatewayServerSession.Action], on connection: GatewayConnection) {
        for action in actions {
            switch action {
            case .hello:
                let interval = world.limits.heartbeatInterval / 1000
                connection.send(
                    "{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":\(interval),"
                        + "\"_trace\":[\"[\\\"gateway-prd-sim-1\\\",{\\\"micros\\\":0.0}]\"]}}")
            case .acknowledge:
                if faults.take(.noAcknowledgement, shard: shard(of: connection)) == nil {
                    connection.send(Self.payload(11))
                }
            case .noteHeartbeat(let sequence):
                ledger.heartbeats += 1
                ledger.lastHeartbeat = sequence
            case .noteCommand: break
            case .report(let what): violate(what)
            case .identify(let request): identify(request, on: connection)
            case .resume(let request): resume(request, on: connection)
            case .requestMembers(let request): answer(request, on: connection)
            case .close(let code, let reason): close(connection, code: code, reason: reason)
            }
        }
    }

    /// Closes a connection; the session can be resumed.
    func close(_ connection: GatewayConnection, code: Int?, reason: String) {
        note(connection, code: code, reason: reason, isByClient: false)
        release(connection)
        connection.close(code: code, reason: reason)
    }

    /// Op 9 on a connection; without a resume to come the session ends.
    func invalidate(_ connection: GatewayConnection, resumable: Bool) {
        if !resumable, let session = connection.session { directory.remove(session) }
        if resumable { release(connection) }
        connection.session = nil
        connection.rules.becomeIdle()
        connection.send(Self.payload(9, resumable ? "true" : "false"))
    }

    /// Ends a session without telling anybody.
    func forget(_ session: String) {
        directory.remove(session)
    }

    /// The connection's shard, once it has one.
    func shard(of connection: GatewayConnection) -> Int? {
        connection.session.flatMap { directory.sessions[$0]?.shard }
    }

    static func payload(_ opcode: Int, _ d: String = "null") -> String {
        "{\"t\":null,\"s\":null,\"op\":\(opcode),\"d\":\(d)}"
    }
}

// MARK: - Starting and resuming

extension GatewayServer {
    private func identify(_ request: IdentifyRequest, on connection: GatewayConnection) {
        let now = world.clock()
        var entry = Ledger.Identify(
            at: now, shard: [request.shard, request.shardCount], intents: request.intents, outcome: "accepted",
            isResumeURL: connection.isResumeURL, compress: connection.parameters.compress)
        defer { ledger.identifies.append(entry) }
        if let fault = faults.take(.closeOnIdentify, shard: request.shard) {
            entry.outcome = "fault"
            return close(connection, code: fault.code, reason: "by order")
        }
        if let fault = faults.take(.invalidOnIdentify, shard: request.shard) {
            entry.outcome = "fault"
            return connection.send(Self.payload(9, fault.resumable ? "true" : "false"))
        }
        let terms = SessionDirectory.Terms(
            token: world.application.token, allowedIntents: world.application.allowedIntents,
            guilds: world.guildOrder, identifyInterval: world.limits.identifyInterval)
        let outcome = directory.identify(
            request, connection: connection.number, newID: world.random.hexadecimal(32), terms: terms,
            budget: &world.identifyBudget, at: now)
        switch outcome {
        case .accepted(let session):
            entry.session = session
            if connection.isResumeURL { violate("an Identify by the URL that is for resuming") }
            start(session, on: connection)
        case .tooFast(let key, let wait):
            entry.outcome = "too_fast"
            violate("an Identify of bucket \(key) came \(wait / 1000) ms too early")
            connection.send(Self.payload(9, "false"))
        case .refused(let code, let reason):
            entry.outcome = String(code)
            violate("an Identify was refused with \(code): \(reason)")
            close(connection, code: code, reason: reason)
        case .exhausted:
            entry.outcome = "4004"
            endEverything(because: "the day's identifies are used up; the token is reset")
        }
    }

    /// What Discord does to a bot that goes on identifying (gateway.mdx, Session Start Limit).
    private func endEverything(because reason: String) {
        violate(reason)
        world.application.token = "reset-\(world.random.hexadecimal(16))"
        for session in directory.order { directory.remove(session) }
        for connection in connections.values {
            // A session that is invalidated while it lives is told 4003, who identifies is told 4004.
            close(connection, code: connection.session == nil ? 4004 : 4003, reason: "authentication failed")
        }
    }

    private func start(_ id: String, on connection: GatewayConnection) {
        connection.session = id
        connection.rules.becomeLive()
        guard let session = directory.sessions[id] else { return }
        if faults.take(.noReady, shard: session.shard) != nil { return }
        let guilds = world.guildOrder.filter { session.covers($0) }
        deliver("READY", guild: nil, ready(session, guilds: guilds), to: id)
        for guild in guilds.compactMap({ world.guilds[$0] }) { load(guild, into: session) }
    }

    private func load(_ guild: Guild, into session: SessionDirectory.Session) {
        guard session.intents.contains(.guilds) else { return }
        if guild.isUnavailable {
            deliver("GUILD_DELETE", guild: guild.id, ["unavailable": true, "id": .id(guild.id)], to: session.id)
        } else {
            let allMembers = session.intents.contains(.guildPresences) && guild.members.count <= 75_000
            let d = world.creation(of: guild, allMembers: allMembers, isLoad: true)
            deliver("GUILD_CREATE", guild: guild.id, d, to: session.id)
        }
    }

    private func ready(_ session: SessionDirectory.Session, guilds: [Snowflake]) -> JSON {
        var members: [JSON.Member] = [.init("v", 10), .init("user", world.botUser)]
        if session.namesShard {
            members.append(.init("shard", [.integer(session.shard), .integer(session.shardCount)]))
        }
        let application: JSON = ["id": .id(world.application.id), "flags": .integer(world.application.flags)]
        members += [
            .init("session_id", .string(session.id)), .init("resume_gateway_url", .string(resumeURL)),
            .init("guilds", .array(guilds.map { ["unavailable": true, "id": .id($0)] })),
            .init("application", application), .init("_trace", []),
        ]
        return .object(members)
    }

    private func resume(_ request: ResumeRequest, on connection: GatewayConnection) {
        let now = world.clock()
        var entry = Ledger.Resume(
            at: now, session: request.session, sequence: request.sequence, outcome: "accepted", replayed: 0,
            isResumeURL: connection.isResumeURL, compress: connection.parameters.compress)
        defer { ledger.resumes.append(entry) }
        let shard = directory.sessions[request.session]?.shard
        if let fault = faults.take(.closeOnResume, shard: shard) {
            entry.outcome = "fault"
            return close(connection, code: fault.code, reason: "by order")
        }
        if let fault = faults.take(.invalidOnResume, shard: shard) {
            entry.outcome = "fault"
            if !fault.resumable { directory.remove(request.session) }
            return connection.send(Self.payload(9, fault.resumable ? "true" : "false"))
        }
        let outcome = directory.resume(
            request, connection: connection.number, token: world.application.token,
            expiry: world.limits.sessionExpiry, at: now)
        switch outcome {
        case .accepted(let previous):
            if let old = previous.flatMap({ connections[$0] }) {
                old.session = nil
                close(old, code: 4000, reason: "the session was resumed elsewhere")
            }
            let replay = directory.replay(of: request.session, after: request.sequence)
            entry.replayed = replay.count
            connection.session = request.session
            connection.rules.becomeLive()
            for sent in replay { connection.send(sent.event, sequence: sent.sequence) }
            deliver("RESUMED", guild: nil, ["_trace": ["gateway-prd-sim-1"]], to: request.session)
        case .invalidSequence:
            entry.outcome = "invalid_sequence"
            violate("a Resume with sequence \(request.sequence), which was never sent")
            close(connection, code: 4007, reason: "invalid seq")
        case .invalid(let reason):
            entry.outcome = reason
            connection.send(Self.payload(9, "false"))
        }
    }
}

// MARK: - Dispatching

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
            guard shard.map({ $0 == session.shard }) ?? session.covers(event.guild),
                EventIntents.allow(event.name, isInGuild: event.guild != nil, intents: session.intents)
            else { continue }
            let isBlind = !session.intents.contains(.messageContent)
            deliver(isBlind ? event.blanked ?? event : event, to: id, connection: session.connection)
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
        guard let sequence = directory.append(event, to: id) else { return }
        ledger.dispatches += 1
        if let connection { connections[connection]?.send(event, sequence: sequence) }
    }

    // MARK: - Members on request

    private func answer(_ request: MemberRequest, on connection: GatewayConnection) {
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
