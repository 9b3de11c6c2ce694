internal import Shared

// What the REST side asks of the world.
extension World {
    var token: String { application.token }
    var applicationID: Snowflake { application.id }
    var applicationFlags: Int { application.flags }

    /// The bot as READY and `GET /users/@me` show it.
    var botUser: JSON {
        application.user.json.merging(["verified": true, "mfa_enabled": false, "flags": 0, "email": nil])
    }

    /// The answer to `GET /gateway/bot`.
    var gatewayInformation: JSON {
        let now = clock()
        return [
            "url": .string(gatewayURL), "shards": .integer(recommendedShards),
            "session_start_limit": [
                "total": .integer(identifyBudget.total), "remaining": .integer(identifyBudget.remaining(at: now)),
                "reset_after": .integer(identifyBudget.resetAfter(at: now)),
                "max_concurrency": .integer(identifyBudget.maxConcurrency),
            ],
        ]
    }

    /// A new id of this moment.
    func makeID() -> Snowflake { mint.next(at: clock()) }

    /// Guilds the bot is in.
    var guildIDs: [Snowflake] { guildOrder }

    /// A guild as REST shows it.
    func guild(_ id: Snowflake) -> JSON? { guilds[id].map { json(of: $0) } }

    /// The guild's channels, without `guild_id`.
    func channels(of guild: Snowflake) -> [JSON] {
        (guilds[guild]?.channels ?? []).compactMap { channels[$0]?.json }
    }

    /// The guild's members, each with its `user`.
    func members(of guild: Snowflake) -> [JSON] { guilds[guild]?.membersInOrder.map(\.jsonWithUser) ?? [] }

    /// One member with its `user`.
    func member(_ user: Snowflake, of guild: Snowflake) -> JSON? { guilds[guild]?.members[user]?.jsonWithUser }

    /// A user the world knows.
    func user(_ id: Snowflake) -> JSON? { users[id]?.json }

    /// A channel without `guild_id`, and the guild it is in.
    func channel(_ id: Snowflake) -> (object: JSON, guild: Snowflake?)? {
        channels[id].map { ($0.json, $0.guild) }
    }

    /// The direct message channel with a user, made if there is none.
    func directChannel(with user: Snowflake) -> JSON? { users[user].map { openDirectChannel(with: $0).json } }
}
