internal import Shared

/// `d` of Identify (gateway-events.mdx, Identify).
struct IdentifyRequest: Equatable, Sendable {
    var token: String
    var intents: Int
    var shard: Int = 0
    var shardCount: Int = 1
    /// Whether a shard was named; READY then names it too.
    var namesShard = false
    /// Whether payloads may be compressed one by one.
    var compress = false

    /// Reads it.
    /// - Returns: nil if a field is missing or of the wrong kind, and what else Discord's pages object to.
    static func read(_ d: JSON?) -> (request: IdentifyRequest?, objections: [String]) {
        guard let d, let token = d["token"]?.string, let intents = d["intents"]?.int else { return (nil, []) }
        guard let properties = d["properties"], properties.members != nil else { return (nil, []) }
        var request = IdentifyRequest(token: token, intents: intents)
        var objections: [String] = []
        for name in ["os", "browser", "device"] where properties[name]?.string == nil {
            objections.append("identify: properties.\(name) is missing")
        }
        if let shard = d["shard"], shard != .null {
            guard let numbers = shard.elements, numbers.count == 2, let id = numbers[0].int, let count = numbers[1].int
            else { return (nil, objections) }
            (request.shard, request.shardCount, request.namesShard) = (id, count, true)
        }
        if let threshold = d["large_threshold"], threshold != .null {
            guard let value = threshold.int else { return (nil, objections) }
            if !(50...250).contains(value) { objections.append("identify: large_threshold is not 50 to 250") }
        }
        if let compress = d["compress"], compress != .null {
            guard let value = compress.bool else { return (nil, objections) }
            request.compress = value
        }
        if let presence = d["presence"], presence != .null, let objection = PresenceRules.objection(to: presence) {
            objections.append("identify: \(objection)")
        }
        return (request, objections)
    }
}

/// `d` of Resume.
struct ResumeRequest: Equatable, Sendable {
    var token: String
    var session: String
    var sequence: Int

    init?(_ d: JSON?) {
        guard let d, let token = d["token"]?.string, let session = d["session_id"]?.string,
            let sequence = d["seq"]?.int
        else { return nil }
        self.init(token: token, session: session, sequence: sequence)
    }

    init(token: String, session: String, sequence: Int) {
        self.token = token
        self.session = session
        self.sequence = sequence
    }
}

/// `d` of Request Guild Members (gateway-events.mdx, Request Guild Members).
struct MemberRequest: Equatable, Sendable {
    /// Whom it asks for.
    enum Selection: Equatable, Sendable {
        case all
        case prefix(String, limit: Int)
        case users([Snowflake])
    }

    var guild: Snowflake
    var selection: Selection
    var presences = false
    var nonce: String?

    init?(_ d: JSON?) {
        // discord.py sends a number, which Discord takes.
        guard let d, let guild = d["guild_id"]?.id else { return nil }
        self.guild = guild
        if let ids = d["user_ids"], ids != .null {
            let listed = ids.elements ?? [ids]
            let users = listed.compactMap(\.id)
            guard users.count == listed.count, users.count <= 100 else { return nil }
            selection = .users(users)
        } else {
            guard let query = d["query"]?.string, let limit = d["limit"]?.int, limit >= 0 else { return nil }
            selection = query.isEmpty && limit == 0 ? .all : .prefix(query, limit: limit)
        }
        presences = d["presences"]?.bool ?? false
        // A longer nonce is ignored.
        if let text = d["nonce"]?.string, text.utf8.count <= 32 { nonce = text }
    }
}

/// What a bot may set of its presence (gateway-events.mdx, Update Presence).
enum PresenceRules {
    /// What is wrong with it.
    static func objection(to d: JSON) -> String? {
        guard let status = d["status"]?.string,
            ["online", "dnd", "idle", "invisible", "offline"].contains(status)
        else { return "the status is none of Discord's" }
        // hikari leaves it out, and Discord takes that.
        guard let activities = (d["activities"]?.nonNull ?? []).elements else { return "activities is no array" }
        guard d["afk"]?.bool != nil else { return "afk is no boolean" }
        if let since = d["since"], since != .null, since.int == nil { return "since is no integer" }
        for activity in activities {
            guard activity["name"]?.string != nil, let type = activity["type"]?.int, (0...5).contains(type) else {
                return "an activity lacks its name or type"
            }
        }
        return nil
    }
}
