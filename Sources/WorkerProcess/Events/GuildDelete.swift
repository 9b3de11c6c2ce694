internal import Shared

/// GUILD_DELETE: the bot has left a guild, unless it is only an outage (gateway-events.mdx, Guild Delete).
struct GuildDelete: EventHandler {
    static let event = "GUILD_DELETE"
    let store: any Store

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        let guild = try data.requiredSnowflake("id")
        guard data["unavailable"]?.bool != true else { return EventPlan() }
        let (id, receivedAt, store) = (event.orderID, event.receivedAt, store)
        return EventPlan { try await store.recordDeparture(of: guild, event: id, at: receivedAt) }
    }
}
