internal import Shared

/// GUILD_CREATE: a guild is there, since READY, after an outage or newly joined.
struct GuildCreate: EventHandler {
    static let event = "GUILD_CREATE"
    let store: any Store

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        // In an outage only the id comes, also for a guild just joined; the rest follows when it is over.
        guard data["unavailable"]?.bool != true else { return EventPlan() }
        return try GuildSighting(event, data).plan(store)
    }
}

/// GUILD_UPDATE: a guild has changed.
struct GuildUpdate: EventHandler {
    static let event = "GUILD_UPDATE"
    let store: any Store

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        guard data["unavailable"]?.bool != true else { return EventPlan() }
        return try GuildSighting(event, data).plan(store)
    }
}

extension GuildSighting {
    /// Reads a guild object, whose own id is the guild's (gateway-events.mdx, Guild Create).
    init(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) {
        self.init(
            guild: try data.requiredSnowflake("id"),
            name: try data.requiredString("name"),
            ownerID: data["owner_id"]?.snowflake,
            preferredLocale: data["preferred_locale"]?.string,
            memberCount: data["member_count"]?.int,
            event: event.id,
            at: event.receivedAt)
    }

    fileprivate func plan(_ store: any Store) -> EventPlan {
        EventPlan { try await store.recordGuild(self) }
    }
}
