internal import Shared

/// GUILD_UPDATE: a guild has changed.
struct GuildUpdate: EventHandler {
    static let event = "GUILD_UPDATE"
    let store: any Store

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        guard data["unavailable"]?.bool != true else { return EventPlan() }
        return try GuildSighting(event, data).plan(store)
    }
}
