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
