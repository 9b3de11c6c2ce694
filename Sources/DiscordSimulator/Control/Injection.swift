internal import NIOCore
internal import Shared

// What the control API makes happen in the world.
extension Simulator {
    // MARK: - Finding people and places

    private func guild(_ request: ControlRequest) throws -> Guild {
        guard let id = request.id("guild") else {
            guard let first = world.guildOrder.first.flatMap({ world.guilds[$0] }) else {
                throw ControlError(status: 404, description: "there is no guild")
            }
            return first
        }
        guard let guild = world.guilds[id] else { throw ControlError(status: 404, description: "unknown guild \(id)") }
        return guild
    }

    /// The channel named, or the guild's first text channel, or (`"dm":true`) the one between bot and author.
    private func place(_ request: ControlRequest) throws -> Channel {
        if let id = request.id("channel") {
            guard let channel = world.channels[id] else {
                throw ControlError(status: 404, description: "unknown channel \(id)")
            }
            return channel
        }
        let guild = try guild(request)
        if request.body["dm"]?.bool == true { return world.openDirectChannel(with: try person(request, in: guild)) }
        guard let channel = world.systemChannel(of: guild).flatMap({ world.channels[$0] }) else {
            throw ControlError(status: 404, description: "the guild has no text channel")
        }
        return channel
    }

    /// The user named by id or name (made if unknown), or the guild's first member that is no bot.
    private func person(_ request: ControlRequest, in guild: Guild?) throws -> User {
        if let name = request.body["user"]?.string ?? request.query["user"] {
            if let id = Snowflake(name) {
                guard let user = world.users[id] else {
                    throw ControlError(status: 404, description: "unknown user \(name)")
                }
                return user
            }
            if let user = world.users.values.first(where: { $0.username == name }) { return user }
            var user = founding.makeUser()
            user.username = name
            user.globalName = nil
            world.users[user.id] = user
            return user
        }
        guard let member = guild?.membersInOrder.first(where: { !$0.user.isBot }) else {
            throw ControlError(status: 404, description: "the guild has no members")
        }
        return member.user
    }

    // MARK: - Messages

    func inject(message request: ControlRequest) throws -> JSON {
        guard let content = request.body["content"]?.string else {
            throw ControlError(description: "content is missing")
        }
        let channel = try place(request)
        let guild = channel.guild.flatMap { world.guilds[$0] }
        let author = try channel.recipient ?? person(request, in: guild)
        let count = request.int("count") ?? 1
        guard (1...1_000_000).contains(count) else { throw ControlError(description: "count must be 1 to 1000000") }
        var ids: [JSON] = []
        for number in 0..<count {
            let text = content.replacing("{n}", with: String(number))
            let id = world.say(text, by: author, in: channel, extra: request.body["fields"], at: world.clock())
            ids.append(.id(id))
        }
        return ["ids": .array(ids), "channel": .id(channel.id), "guild": .id(channel.guild), "user": .id(author.id)]
    }

    /// `d` is the request's body, byte for byte.
    func dispatch(_ request: ControlRequest) throws -> JSON {
        guard let name = request.query["t"] else { throw ControlError(description: "t is missing") }
        let event = EncodedEvent(name: name, guild: request.id("guild"), d: request.bytes)
        let count = gateway.distribute(event, shard: request.int("shard"))
        return ["sessions": .integer(count)]
    }

    // MARK: - Members and guilds

    func join(_ request: ControlRequest) throws -> JSON {
        let guild = try guild(request)
        let user =
            request.body["user"] == nil ? founding.makeUser() : try person(request, in: nil)
        world.join(user, guild: guild.id, at: world.clock())
        return ["user": .id(user.id), "username": .string(user.username), "guild": .id(guild.id)]
    }

    func leave(_ request: ControlRequest) throws -> JSON {
        guard let user = request.id("user") else { throw ControlError(description: "user is missing") }
        world.leave(user, guild: try guild(request).id)
        return ["ok": true]
    }

    /// Makes a guild that the bot joins, or (`"available":ID`) ends a guild's outage.
    func addGuild(_ request: ControlRequest) throws -> JSON {
        if let id = request.id("available") {
            guard world.guilds[id] != nil else { throw ControlError(status: 404, description: "unknown guild \(id)") }
            world.guilds[id]?.isUnavailable = false
            tellCreation(of: id, isLoad: true)
            return ["guild": .id(id)]
        }
        let plan = Founding.Plan(
            guilds: 1, members: request.int("members") ?? options.plan.members,
            channels: request.int("channels") ?? options.plan.channels)
        var (guild, channels) = founding.makeGuild(
            Int.random(in: 1000..<100_000, using: &world.random), plan: plan, bot: world.application)
        if let name = request.body["name"]?.string { guild.name = name }
        guild.joinedAt = world.clock()
        guild.members[world.application.id]?.joinedAt = guild.joinedAt
        world.insert(guild, channels: channels)
        channels.removeAll()
        tellCreation(of: guild.id, isLoad: false)
        return ["guild": .id(guild.id), "name": .string(guild.name)]
    }

    private func tellCreation(of id: Snowflake, isLoad: Bool) {
        guard let guild = world.guilds[id] else { return }
        world.tell("GUILD_CREATE", guild: id, world.creation(of: guild, allMembers: false, isLoad: isLoad))
    }

    /// The bot leaves a guild, or (`unavailable=true`) an outage hides it.
    func removeGuild(_ request: ControlRequest) throws -> JSON {
        let guild = try guild(request)
        if request.query["unavailable"] == "true" {
            world.guilds[guild.id]?.isUnavailable = true
            world.tell("GUILD_DELETE", guild: guild.id, ["unavailable": true, "id": .id(guild.id)])
        } else {
            world.tell("GUILD_DELETE", guild: guild.id, ["id": .id(guild.id)])
            world.removeGuild(guild.id)
        }
        return ["guild": .id(guild.id)]
    }

    // MARK: - Interactions

    func ask(_ request: ControlRequest) throws -> JSON {
        let channel = try place(request)
        let guild = channel.guild.flatMap { world.guilds[$0] }
        let user = try channel.recipient ?? person(request, in: guild)
        let count = request.int("count") ?? 1
        guard (1...100_000).contains(count) else { throw ControlError(description: "count must be 1 to 100000") }
        var asked: [JSON] = []
        for _ in 0..<count {
            let builder = InteractionBuilder(
                world: world, commands: rest.handlers.commandBook, channel: channel, guild: guild, user: user)
            let interaction = try builder.build(request.body, at: world.clock())
            world.ask(interaction)
            asked.append(["id": .id(interaction.id), "token": .string(interaction.token)])
        }
        return ["interactions": .array(asked), "channel": .id(channel.id), "user": .id(user.id)]
    }

    // MARK: - Load and limits

    func flood(_ request: ControlRequest) throws -> JSON {
        guard let count = request.int("count"), count > 0 else {
            throw ControlError(description: "count is missing or not above 0")
        }
        guard gateway.flood == nil else { throw ControlError(status: 409, description: "a flood is going on") }
        var order = Flood.Order(count: count, rate: request.int("rate"))
        order.frames = min(count, max(1, request.int("frames") ?? order.frames))
        order.isPrepared = request.body["prepared"]?.bool ?? false
        gateway.startFlood(order, seed: options.seed)
        return ["count": .integer(count)]
    }

    /// The messages that a flood would send, as lines: the guild's id, a space, `d`.
    func listFlood(_ request: ControlRequest) -> RESTAnswer {
        let count = max(1, request.int("frames") ?? Flood.Order(count: 1).frames)
        var answer = RESTAnswer.text(200, "")
        for payload in FloodPayloads(world: world, count: count, seed: options.seed, now: world.clock()).payloads {
            answer.body.writeString("\(payload.guild) ")
            answer.body.writeImmutableBuffer(payload.data)
            answer.body.writeStaticString("\n")
        }
        return answer
    }

    /// Changes what is left of the day's identifies, and how long things last from now on.
    func setLimits(_ request: ControlRequest) throws -> JSON {
        let body = request.body
        if let remaining = body["identifies_remaining"]?.int {
            world.identifyBudget.setRemaining(
                remaining, resetAfter: body["reset_after_ms"]?.int ?? 3_600_000, at: world.clock())
        }
        if let count = body["shards"]?.int { world.recommendedShards = max(1, count) }
        if let count = body["max_concurrency"]?.int { world.identifyBudget.maxConcurrency = max(1, count) }
        if let intents = body["allowed_intents"]?.int { world.application.allowedIntents = intents }
        if let token = body["token"]?.string { world.application.token = token }
        func set(_ name: String, _ path: WritableKeyPath<TimeLimits, Int>) {
            if let milliseconds = body[name]?.int { world.limits[keyPath: path] = milliseconds * 1000 }
        }
        if let order = body["rest"] { try rest.limits.configuration.apply(order) }
        set("interaction_answer_ms", \.interactionAnswer)
        set("interaction_token_ms", \.interactionToken)
        set("nonce_ms", \.nonce)
        set("session_expiry_ms", \.sessionExpiry)
        set("identify_interval_ms", \.identifyInterval)
        set("member_request_interval_ms", \.memberRequestInterval)
        set("heartbeat_interval_ms", \.heartbeatInterval)
        set("heartbeat_tolerance_ms", \.heartbeatTolerance)
        return ["ok": true]
    }
}
