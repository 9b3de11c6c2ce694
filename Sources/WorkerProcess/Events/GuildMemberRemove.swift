internal import Shared

/// GUILD_MEMBER_REMOVE: somebody left or was removed (gateway-events.mdx, Guild Member Remove). What is stored about members stays
/// until they erase it or housekeeping does; only the count changes.
struct GuildMemberRemove: EventHandler {
    static let event = "GUILD_MEMBER_REMOVE"
    let store: any Store

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        let guild = try data.requiredSnowflake("guild_id")
        let (id, store) = (event.orderID, store)
        return EventPlan { try await store.countMembers(-1, of: guild, event: id) }
    }
}
