internal import NIOCore
internal import Shared

/// An order of the control API that cannot be carried out.
struct ControlError: Error, CustomStringConvertible {
    var status = 400
    let description: String
}

/// A request to the control API (docs/simulator.md).
struct ControlRequest {
    var method: String
    /// Below `/simulator`.
    var path: String
    var query: [String: String]
    var body: JSON
    var bytes: ByteBuffer

    func id(_ name: String) -> Snowflake? { (query[name] ?? body[name]?.string).flatMap { Snowflake($0) } }

    func int(_ name: String) -> Int? { query[name].flatMap { Int($0) } ?? body[name]?.int }
}

extension Simulator {
    /// Answers a request to the control API.
    func control(_ request: RESTRequest, with reply: @escaping (RESTAnswer) -> Void) {
        do {
            let request = try read(request)
            if request.path == "/wait" { return try wait(request, with: reply) }
            if (request.method, request.path) == ("GET", "/flood") { return reply(listFlood(request)) }
            reply(.json(200, try perform(request)))
        } catch let error as ControlError {
            reply(.json(error.status, ["error": .string(error.description)]))
        } catch {
            reply(.json(400, ["error": .string("\(error)")]))
        }
    }

    private func read(_ request: RESTRequest) throws -> ControlRequest {
        let parts = request.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = QueryString.parse(parts.count > 1 ? String(parts[1]) : "")
        let path = String(parts[0].dropFirst("/simulator".count))
        var body = JSON.object([])
        // The body of a dispatch goes out byte for byte, also if it is no JSON.
        if request.body.readableBytes > 0, path != "/dispatch" {
            guard let value = try? parser.parse(request.body) else {
                throw ControlError(description: "the body is not JSON")
            }
            body = JSON(value)
        }
        return ControlRequest(
            method: request.method, path: path,
            query: Dictionary(query.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first }), body: body,
            bytes: request.body)
    }

    private func perform(_ request: ControlRequest) throws -> JSON {
        switch (request.method, request.path) {
        case ("GET", ""), ("GET", "/"), ("GET", "/health"): return ["ok": true, "version": .string(Version.current)]
        case ("GET", "/report"): return report
        case ("DELETE", "/report"):
            gateway.ledger = Ledger()
            return ["ok": true]
        case ("GET", "/world"): return worldReport
        case ("GET", "/messages"): return listMessages(request)
        case ("POST", "/messages"): return try inject(message: request)
        case ("POST", "/dispatch"): return try dispatch(request)
        case ("GET", "/interactions"): return listInteractions(request)
        case ("POST", "/interactions"): return try ask(request)
        case ("POST", "/members"): return try join(request)
        case ("DELETE", "/members"): return try leave(request)
        case ("POST", "/guilds"): return try addGuild(request)
        case ("DELETE", "/guilds"): return try removeGuild(request)
        case ("POST", "/faults"):
            try order(request.body)
            return ["ok": true]
        case ("DELETE", "/faults"):
            gateway.faults.removeAll()
            rest.faults.removeAll()
            setResumeListener(true)
            return ["ok": true]
        case ("POST", "/flood"): return try flood(request)
        case ("POST", "/limits"): return try setLimits(request)
        default:
            throw ControlError(status: 404, description: "there is no \(request.method) /simulator\(request.path)")
        }
    }

    // MARK: - Waiting

    private func wait(_ request: ControlRequest, with reply: @escaping (RESTAnswer) -> Void) throws {
        var conditions: [Wait.Condition] = []
        for (name, value) in request.query where !["timeout", "channel", "contains"].contains(name) {
            let isUpper = name.hasSuffix("_max")
            guard let counter = Counter(rawValue: isUpper ? String(name.dropLast(4)) : name), let bound = Int(value)
            else {
                let names = Counter.allCases.map(\.rawValue).joined(separator: ", ")
                throw ControlError(description: "\(name)=\(value) is not one of \(names) with a number")
            }
            conditions.append(
                Wait.Condition(
                    counter: counter, bound: bound, isUpper: isUpper, channel: request.id("channel"),
                    text: request.query["contains"]))
        }
        guard let timeout = Double(request.query["timeout"] ?? "10"), (0...3600).contains(timeout) else {
            throw ControlError(description: "timeout must be 0 to 3600 seconds")
        }
        let wait = Wait(
            conditions: conditions, deadline: world.clock() + Int(timeout * 1_000_000),
            answer: { [unowned self] isMet in
                reply(.json(isMet ? 200 : 408, ["met": .bool(isMet), "counters": counters]))
            })
        if conditions.allSatisfy({ $0.holds(in: self) }) { return wait.answer(true) }
        waits.append(wait)
    }

    // MARK: - Reports

    /// Everything that happened.
    var report: JSON {
        let statistics = rest.statistics
        let commands = rest.handlers.commandBook.flatMap { scope, list in
            list.map { command -> JSON in ["guild": .id(scope), "name": command["name"] ?? .null, "command": command] }
        }
        let members: [JSON.Member] =
            [.init("counters", counters)] + gateway.ledger.json + [
                .init("sessions", .array(gateway.directory.order.compactMap(sessionReport))),
                .init("messages", .array(gateway.ledger.botMessages.map(\.json))),
                .init("interactions", .array(world.interactionOrder.compactMap(interactionReport))),
                .init("commands", .array(commands)),
                .init(
                    "rest",
                    [
                        "requests": .object(counts(statistics.requests)),
                        "statuses": .object(counts(statistics.statuses)),
                        "refusals": .array(statistics.refusals.map(JSON.string)),
                        "traces": .array(
                            statistics.traces.map {
                                ["operation": .string($0.operation), "event": .string($0.event)]
                            }),
                        "invalid_requests": .integer(rest.limits.invalidRequests),
                        "rate_limited": .object(counts(rest.limits.refusals)), "bans": .integer(statistics.bans),
                    ]),
                .init("identifies_remaining", .integer(world.identifyBudget.remaining(at: world.clock()))),
                .init("flood", (gateway.flood ?? gateway.lastFlood)?.json ?? .null),
            ]
        return .object(members)
    }

    private func counts(_ counts: [some Hashable & Comparable: Int]) -> [JSON.Member] {
        counts.sorted { $0.key < $1.key }.map { JSON.Member("\($0.key)", .integer($0.value)) }
    }

    private func sessionReport(_ id: String) -> JSON? {
        guard let session = gateway.directory.sessions[id] else { return nil }
        return [
            "id": .string(id), "shard": [.integer(session.shard), .integer(session.shardCount)],
            "intents": .integer(session.intents.rawValue), "seq": .integer(session.lastSequence),
            "buffered": .integer(session.buffer.events.count), "live": .bool(session.connection != nil),
        ]
    }

    private func interactionReport(_ id: Snowflake) -> JSON? {
        guard let interaction = world.interactions[id] else { return nil }
        let answers = interaction.answers.map { answer -> JSON in
            [
                "method": .string(answer.method), "about": .string(answer.about), "status": .integer(answer.status),
                "code": answer.code.map(JSON.integer) ?? .null, "at": .integer(answer.at),
                "after_ms": .integer((answer.at - interaction.createdAt) / 1000), "body": answer.body,
            ]
        }
        return [
            "id": .id(id), "type": .integer(interaction.type), "name": .string(interaction.name),
            "guild": .id(interaction.guild), "channel": .id(interaction.channel), "user": .id(interaction.user.id),
            "created_at": .integer(interaction.createdAt), "token": .string(interaction.token),
            "answered": .bool(interaction.isAnswered),
            "callback_type": interaction.callbackType.map(JSON.integer) ?? .null, "answers": .array(answers),
        ]
    }

    private func listInteractions(_ request: ControlRequest) -> JSON {
        let ids = request.id("id").map { [$0] } ?? world.interactionOrder
        return .array(ids.compactMap(interactionReport))
    }

    private func listMessages(_ request: ControlRequest) -> JSON {
        let channels = request.id("channel").map { [$0] } ?? world.history.keys.sorted()
        let isBotOnly = request.query["author"] == "bot"
        let text = request.query["contains"]
        let found = channels.flatMap { world.messages(in: $0) }.filter { message in
            (!isBotOnly || message["author"]?["id"]?.id == world.application.id)
                && (text.map { message["content"]?.string?.contains($0) ?? false } ?? true)
        }
        return .array(found.sorted { ($0["id"]?.id ?? Snowflake(0)) < ($1["id"]?.id ?? Snowflake(0)) })
    }

    private var worldReport: JSON {
        let guilds = world.guildOrder.compactMap { world.guilds[$0] }.map { guild -> JSON in
            let channels = guild.channels.compactMap { world.channels[$0] }.map { channel -> JSON in
                ["id": .id(channel.id), "name": .string(channel.name), "type": .integer(channel.type)]
            }
            let members = guild.membersInOrder.prefix(100).map { member -> JSON in
                ["id": .id(member.user.id), "username": .string(member.user.username)]
            }
            return [
                "id": .id(guild.id), "name": .string(guild.name), "unavailable": .bool(guild.isUnavailable),
                "owner": .id(guild.owner), "member_count": .integer(guild.members.count),
                "channels": .array(channels), "members": .array(members),
            ]
        }
        return [
            "application": .id(world.application.id), "gateway_url": .string(world.gatewayURL),
            "resume_gateway_url": .string(gateway.resumeURL), "guilds": .array(guilds),
        ]
    }
}
