internal import Shared

/// What makes permissions outdated that this worker remembers: roles, channels and guilds that changed. Other workers find out
/// within a minute.
struct RoleChange: EventHandler {
    static let event = "GUILD_ROLE_UPDATE"
    /// The dispatches that are handled alike.
    static let events = ["GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"]

    let permissions: PermissionCache

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        permissions.dropGuild(try data.requiredSnowflake("guild_id"))
        return EventPlan()
    }
}

/// See `RoleChange`.
struct ChannelChange: EventHandler {
    static let event = "CHANNEL_UPDATE"
    static let events = ["CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_UPDATE", "THREAD_DELETE"]

    let permissions: PermissionCache

    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan {
        permissions.dropChannel(try data.requiredSnowflake("id"))
        return EventPlan()
    }
}
