import Shared
import Testing

import struct NIOCore.ByteBuffer

@testable import DiscordSimulator

/// A small world with a REST side, without any socket: requests in, answers and gateway events out.
final class RESTBench {
    /// The world's clock, which only tests move.
    final class Clock { var now = 1_786_041_061_000_000 }

    static let token = "MTEwMjg4NTc0MDMyNjY4MjYyNw.test.token"
    static let bot = Snowflake(1_102_885_740_326_682_627)
    static let guild = Snowflake(888_832_427_022_221_319)
    static let general = Snowflake(888_832_427_026_415_625)
    static let category = Snowflake(888_832_427_026_415_624)
    /// A channel that the bot may read, but not write in.
    static let rules = Snowflake(888_832_427_026_415_626)
    /// A channel that the bot may not see.
    static let secret = Snowflake(888_832_427_026_415_627)
    static let mira = User(id: Snowflake(647_709_301_943_042_060), username: "mira.k", globalName: "Mira K.")
    static let agent = "DiscordBot (https://example.org/olim, 0.1.0)"

    let world: World
    let service: RESTService
    private let clock = Clock()
    var now: Int { clock.now }
    private(set) var events: [WorldEvent] = []

    init() throws {
        let user = User(id: Self.bot, username: "lantern-bot", discriminator: "4821", isBot: true)
        world = World(
            application: Application(id: Self.bot, token: Self.token, user: user),
            identifyBudget: IdentifyBudget(total: 1000, maxConcurrency: 1), recommendedShards: 1, limits: TimeLimits(),
            seed: 1, clock: { [clock] in clock.now })
        world.gatewayURL = "ws://127.0.0.1:1"
        service = try RESTService(handlers: RESTHandlers(world: world))
        populate()
        world.emit = { [weak self] event in self?.events.append(event) }
    }

    private func populate() {
        let bits = PermissionRules.Bit.self
        let everyone =
            bits.viewChannel | bits.sendMessages | bits.readMessageHistory | bits.embedLinks | bits.attachFiles
            | bits.addReactions
        var guild = Guild(
            id: Self.guild, name: "Harbour Lights", owner: Self.mira.id,
            roles: [Role(id: Self.guild, name: "@everyone", permissions: everyone, position: 0)], joinedAt: now)
        guild.members[Self.bot] = Member(user: world.application.user, joinedAt: now)
        guild.members[Self.mira.id] = Member(user: Self.mira, joinedAt: now)
        guild.memberOrder = [Self.mira.id, Self.bot]
        func channel(
            _ id: Snowflake, _ name: String, type: Int = 0, deny: UInt64 = 0
        ) -> Channel {
            let overwrites =
                deny == 0 ? [] : [Channel.Overwrite(id: Self.guild, type: 0, allow: 0, deny: deny)]
            return Channel(id: id, guild: Self.guild, type: type, name: name, overwrites: overwrites)
        }
        world.insert(
            guild,
            channels: [
                channel(Self.category, "Harbour", type: 4), channel(Self.general, "general"),
                channel(Self.rules, "rules", deny: bits.sendMessages),
                channel(Self.secret, "secret", deny: bits.viewChannel),
            ])
    }

    /// Sends a request and gives back the status and what the body says.
    @discardableResult
    func call(
        _ method: String, _ path: String, _ body: JSON? = nil, headers: [(String, String)]? = nil
    ) -> (status: Int, body: JSON) {
        let answer = send(method, path, body, headers: headers)
        return (answer.status, Self.json(answer))
    }

    func send(
        _ method: String, _ path: String, _ body: JSON? = nil, headers: [(String, String)]? = nil
    ) -> RESTAnswer {
        var lines = headers ?? [("User-Agent", Self.agent), ("Authorization", "Bot \(Self.token)")]
        if body != nil, headers == nil { lines.append(("Content-Type", "application/json")) }
        let request = RESTRequest(
            method: method, target: "\(RESTService.basePath)\(path)", headers: lines.map { (name: $0.0, value: $0.1) },
            body: body.map { ByteBuffer(string: $0.text) } ?? ByteBuffer())
        return service.answer(request, at: now)
    }

    static func json(_ answer: RESTAnswer) -> JSON {
        (try? JSON(ofText: answer.body)) ?? .null
    }

    /// Lets time pass, so that no rate limit stands in the way.
    func wait(milliseconds: Int = 60_000) {
        clock.now += milliseconds * 1000
    }

    /// The events of one name so far.
    func events(_ name: String) -> [JSON] {
        events.filter { $0.name == name }.map(\.d)
    }

    /// Asks the bot something.
    func ask(type: Int = 2, message: Snowflake? = nil, data: JSON = ["type": 1, "name": "ping"]) -> Interaction {
        let id = world.mint.next(at: now)
        var fields: JSON = [
            "id": .id(id), "type": .integer(type), "token": .string("token-\(id)"), "data": data,
            "app_permissions": "274877991936", "authorizing_integration_owners": ["0": .id(Self.guild)],
        ]
        if let message { fields = fields.merging(["message": ["id": .id(message)]]) }
        let interaction = Interaction(
            id: id, token: "token-\(id)", type: type, fields: fields, guild: Self.guild, channel: Self.general,
            user: Self.mira, createdAt: now)
        world.ask(interaction)
        return interaction
    }

    /// A message of Mira's.
    func say(_ content: String, in channel: Snowflake = RESTBench.general) throws -> Snowflake {
        world.say(content, by: Self.mira, in: try #require(world.channels[channel]), at: now)
    }
}

extension JSON {
    /// The codes of `errors` in a 50035, each behind its place.
    var formErrors: [String] {
        func walk(_ value: JSON, _ path: [String]) -> [String] {
            (value.members ?? []).flatMap { member -> [String] in
                guard member.key == "_errors" else { return walk(member.value, path + [member.key]) }
                return (member.value.elements ?? []).map { (path + [$0["code"]?.string ?? ""]).joined(separator: ".") }
            }
        }
        return self["errors"].map { walk($0, []) } ?? []
    }
}
