import NIOCore
import Shared

@testable import WorkerProcess

/// Events as Discord sends them, with what a test wants different.
enum Samples {
    static let guild = Snowflake(888_832_427_022_221_319)
    static let channel = Snowflake(888_832_427_026_415_625)
    static let member = Snowflake(647_709_301_943_042_060)
    static let application = Snowflake(1_102_885_740_326_682_627)

    /// About 1.5 kB, as messages with a reply are. `guild_id` stands last, as in Discord's frames, and another one before it.
    static func message(
        _ content: String, id: Snowflake = Snowflake(1_534_992_209_336_991_765), type: Int = 0, bot: Bool? = nil,
        webhook: Snowflake? = nil, guild: Snowflake? = guild
    ) -> JSON {
        let author = JSON.compact([
            "username": "mira.k", "public_flags": 0, "id": .string("\(member)"), "global_name": "Mira K.",
            "discriminator": "0", "avatar": "3b6f0a4d1c9e58727a60fd51be24c813", "bot": bot.map(JSON.bool),
        ])
        return .compact([
            "type": .integer(type), "tts": false, "timestamp": "2026-08-06T18:31:01.482000+00:00", "pinned": false,
            "nonce": "1534992208000000000", "mentions": [], "mention_roles": [], "mention_everyone": false,
            "message_reference": ["type": 0, "message_id": "1", "channel_id": "2", "guild_id": "3"],
            "referenced_message": [
                "id": "1", "type": 0, "content": .string(String(repeating: "Lorem ipsum dolor sit amet. ", count: 12)),
                "author": author, "attachments": [], "embeds": [], "mentions": [], "channel_id": "2",
            ],
            "member": [
                "roles": ["889088429260931076"], "premium_since": nil, "pending": false, "nick": "Mira", "mute": false,
                "joined_at": "2022-01-14T19:02:10.551000+00:00", "flags": 0, "deaf": false, "banner": nil,
            ],
            "id": .string("\(id)"), "flags": 0, "embeds": [], "content": .string(content), "components": [],
            "channel_type": 0, "channel_id": .string("\(channel)"), "author": author, "attachments": [],
            "webhook_id": webhook.map { .string("\($0)") },
            "guild_id": guild.map { .string("\($0)") },
        ])
    }

    /// An interaction created now, unless it is said when.
    static func interaction(
        _ name: String, options: JSON = [], millisecondsAgo: Int64 = 0, permissions: Permissions? = .manageGuild,
        resolved: JSON? = nil, type: Int = 2, guild: Snowflake? = guild
    ) -> (id: Snowflake, data: JSON) {
        let created = UInt64(ProcessClock.wallMicroseconds / 1000 - millisecondsAgo)
        let id = Snowflake((created - Snowflake.epochMilliseconds) << 22 | UInt64.random(in: 0..<4_000_000))
        let user: JSON = ["id": .string("\(member)"), "username": "mira.k"]
        return (
            id,
            .compact([
                "version": 1, "type": .integer(type), "token": "token-of-an-interaction", "id": .string("\(id)"),
                "application_id": .string("\(application)"), "channel_id": .string("\(channel)"),
                "guild_id": guild.map { .string("\($0)") },
                "member": guild == nil
                    ? nil
                    : .compact([
                        "user": user, "permissions": permissions.map { .string("\($0.rawValue)") },
                    ]),
                "user": guild == nil ? user : nil,
                "data": .compact([
                    "id": "1", "type": 1, "name": .string(name), "options": options, "resolved": resolved,
                ]),
            ])
        )
    }

    static func memberAdd(bot: Bool = false, joinedAt: String = "2026-08-06T18:32:40.017000+00:00") -> JSON {
        [
            "user": ["id": .string("\(member)"), "username": "otter", "bot": .bool(bot)], "roles": [],
            "joined_at": .string(joinedAt), "guild_id": .string("\(guild)"),
        ]
    }

    static func frame(
        _ type: String, id: Int64 = 7, key: String = "guild:\(guild)", deferred: Bool = false, redelivered: Bool = false
    ) -> EventFrame {
        EventFrame(
            id: EventID(id), shard: 0, sequence: 1, type: type, key: key,
            receivedAt: ProcessClock.wallMicroseconds, redelivered: redelivered, deferred: deferred, data: ByteBuffer())
    }
}

extension EventPlanner {
    /// Plans an event as the queue's client would.
    func plan(_ data: JSON, as event: EventFrame) throws -> EventPlan {
        let parser = JSONParser()
        return try withExtendedLifetime(parser) { try plan(event, parser.parse(data.text)) }
    }

    /// Plans an event and does its work.
    func handle(_ data: JSON, as event: EventFrame) async throws {
        try await plan(data, as: event).work?()
    }
}
