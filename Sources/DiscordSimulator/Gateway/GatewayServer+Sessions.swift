internal import Shared

// Starting and resuming sessions (gateway.mdx, Identifying, Resuming).
extension GatewayServer {
    func identify(_ request: IdentifyRequest, on connection: GatewayConnection) {
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

    func resume(_ request: ResumeRequest, on connection: GatewayConnection) {
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
