internal import Logging
internal import Shared

/// READY names all guilds of its shard, so that those the bot has left meanwhile become known.
struct Ready: EventHandler {
    static let event = "READY"
    let services: Services

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        let application = try data.requiredObject("application").requiredSnowflake("id")
        guard let guilds = data["guilds"], guilds.kind == .array else {
            throw EventProblem(description: "guilds is no array")
        }
        let present = guilds.elements.compactMap { $0["id"]?.snowflake }
        // Without `shard` the session was identified without shards, which is shard 0 of 1.
        let shard = data["shard"].map { $0.elements.compactMap(\.int) } ?? [0, 1]
        guard shard.count == 2, shard[1] > 0 else { throw EventProblem(description: "shard is no pair of integers") }
        let (id, receivedAt, services) = (event.orderID, event.receivedAt, services)
        return EventPlan {
            services.registrar.found(application: application)
            let left = try await services.store.reconcileGuilds(
                shard: shard[0], of: shard[1], present: present, event: id, at: receivedAt)
            services.logger.info(
                "A session has begun",
                metadata: ["shard": "\(shard[0])", "guilds": "\(present.count)", "left": "\(left)"])
        }
    }
}
