internal import Shared

extension GuildSighting {
    /// Reads a guild object, whose own id is the guild's (gateway-events.mdx, Guild Create).
    init(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) {
        self.init(
            guild: try data.requiredSnowflake("id"),
            name: try data.requiredString("name"),
            ownerID: data["owner_id"]?.snowflake,
            preferredLocale: data["preferred_locale"]?.string,
            memberCount: data["member_count"]?.int,
            event: event.orderID,
            at: event.receivedAt)
    }

    /// Records it.
    func plan(_ store: any Store) -> EventPlan {
        EventPlan { try await store.recordGuild(self) }
    }
}
