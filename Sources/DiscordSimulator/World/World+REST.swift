internal import Shared

// What both sides show of the bot.
extension World {
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
}
