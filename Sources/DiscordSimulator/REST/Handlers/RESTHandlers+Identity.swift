internal import Shared

extension RESTHandlers {
    /// Routes about the bot itself and its users.
    static let identity: [String: Handler] = [
        "get_gateway": { me, _ in .json(200, ["url": .string(me.world.gatewayURL)]) },
        "get_bot_gateway": { me, call in .json(200, me.world.gatewayInformation) },
        "get_my_user": { me, _ in .json(200, me.ownUser) },
        "get_user": { (me, call) throws(APIError) in
            guard let user = me.world.users[call.id("user_id")] else { throw .unknownUser }
            return .json(200, user.json)
        },
        "get_my_application": { me, _ in .json(200, me.application) },
        "get_my_oauth2_application": { me, _ in .json(200, me.application) },
        "list_my_guilds": { me, call in .json(200, .array(me.myGuilds(call))) },
        "create_dm": { (me, call) throws(APIError) in
            guard let recipient = call.body.value["recipient_id"]?.id else {
                throw .invalidForm("BASE_TYPE_REQUIRED", "This field is required", at: ["recipient_id"])
            }
            guard let user = me.world.users[recipient] else { throw .unknownUser }
            return .json(200, me.world.openDirectChannel(with: user).json)
        },
    ]

    private var ownUser: JSON {
        world.botUser.merging([
            "banner": nil, "accent_color": nil, "locale": "en-US", "premium_type": 0, "bio": "",
        ])
    }

    private var application: JSON {
        let application = world.application
        return [
            "id": .id(application.id), "name": .string(application.user.username), "icon": nil, "description": "",
            "summary": "", "type": nil, "bot": application.user.json, "bot_public": true,
            "bot_require_code_grant": false, "is_monetized": false, "is_verified": false, "is_discoverable": false,
            "hook": true, "storefront_available": false, "verify_key": .string(String(repeating: "0", count: 64)),
            "flags": .integer(application.flags), "integration_types_config": ["0": .object([])],
            "integration_public": true, "integration_require_code_grant": false,
            "approximate_guild_count": .integer(world.guilds.count), "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0, "redirect_uris": [], "interactions_endpoint_url": nil,
            "role_connections_verification_url": nil, "event_webhooks_url": nil, "event_webhooks_status": 1,
            "explicit_content_filter": 0, "rpc_application_state": 0, "discoverability_state": 1,
            "discovery_eligibility_flags": 0, "monetization_state": 1, "store_application_state": 1,
            "verification_state": 1, "creator_monetization_state": 0, "team": nil,
            "flags_new": .string(String(application.flags)), "eligible_oauth2_scopes": [],
            "owner": Self.owner.json,
        ]
    }

    /// Who made the bot; nobody the bot meets.
    private static let owner = User(id: Snowflake(100_000_000_000_000_001), username: "owner", globalName: nil)

    private func myGuilds(_ call: RESTCall) -> [JSON] {
        let limit = call.text("limit").flatMap { Int($0) } ?? 200
        let after = call.text("after").flatMap { Snowflake($0) } ?? Snowflake(0)
        let before = call.text("before").flatMap { Snowflake($0) } ?? Snowflake(.max)
        let ids = world.guilds.keys.sorted().filter { after < $0 && $0 < before }.prefix(limit)
        let me = world.application.user.id
        return ids.compactMap { world.guilds[$0] }.map { guild in
            [
                "id": .id(guild.id), "name": .string(guild.name), "icon": nil, "banner": nil,
                "owner": .bool(guild.owner == me),
                "permissions": .string(String(world.permissions(of: me, in: guild, channel: nil, at: call.now))),
                "features": .array(guild.features.map(JSON.string)),
            ]
        }
    }
}
