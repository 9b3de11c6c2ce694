internal import Shared

/// GUILD_UPDATE: a guild has changed: its name, its owner, or what else.
struct GuildUpdate: EventHandler {
    static let event = "GUILD_UPDATE"
    let services: Services

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        guard data["unavailable"]?.bool != true else { return EventPlan() }
        let sighting = try GuildSighting(event, data)
        let services = services
        services.permissions.dropGuild(sighting.guild)
        return EventPlan {
            try await services.store.recordGuild(sighting)
            services.configurations.forget(sighting.guild)
        }
    }
}
