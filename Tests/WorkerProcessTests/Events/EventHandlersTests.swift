import Shared
import Testing

@testable import WorkerProcess

@Suite struct EventHandlersTests {
    private let api = FakeDiscord()
    private let store = FakeStore()
    private let services: Services
    private let handlers: EventHandlers

    init() {
        services = .fake(api, store)
        handlers = .standard(services)
    }

    // MARK: Messages

    @Test func `a member's message is counted, for the day of its id`() throws {
        let plan = try handlers.plan(Samples.message("moin"), as: Samples.frame("MESSAGE_CREATE"))
        // 2026-08-06.
        let expected = ActivityEvent(
            key: "guild:\(Samples.guild)", event: EventID(7), guild: Samples.guild, member: Samples.member, day: 20_671)
        #expect(plan.activity == expected)
    }

    @Test(arguments: [
        Samples.message("!ping", bot: true), Samples.message("!ping", webhook: Snowflake(5)),
        Samples.message("!ping", type: 7), Samples.message("!ping", type: 20),
    ])
    func `what no member wrote is neither counted nor a command`(message: JSON) throws {
        let plan = try handlers.plan(message, as: Samples.frame("MESSAGE_CREATE"))
        #expect(plan.activity == nil)
        #expect(plan.work == nil)
    }

    @Test func `a reply counts, and a direct message does not`() throws {
        #expect(try handlers.plan(Samples.message("a", type: 19), as: Samples.frame("MESSAGE_CREATE")).activity != nil)
        let direct = try handlers.plan(Samples.message("a", guild: nil), as: Samples.frame("MESSAGE_CREATE"))
        #expect(direct.activity == nil)
        #expect(direct.work == nil)
    }

    @Test func `empty content is an ordinary message`() throws {
        let plan = try handlers.plan(Samples.message(""), as: Samples.frame("MESSAGE_CREATE"))
        #expect(plan.activity != nil)
        #expect(plan.work == nil)
    }

    @Test(arguments: ["!ping", "!PING", "! ping", "!ping  now?".replacing(" now?", with: "")])
    func `a text command is answered in its channel, as a reply, and pings nobody`(text: String) async throws {
        try await handlers.handle(Samples.message(text), as: Samples.frame("MESSAGE_CREATE"))
        let sent = try #require(api.messages.first)
        #expect(sent.channel == Samples.channel)
        #expect(sent.message.said.hasPrefix("Pong!"))
        #expect(sent.message.replyTo == Snowflake(1_534_992_209_336_991_765))
        #expect(sent.message.pings.isEmpty)
        #expect((1...25).contains(sent.nonce.count))
    }

    @Test(arguments: ["ping", "!pingpong", "!unknown", "?ping", "!", "! "])
    func `other text is no command`(text: String) async throws {
        try await handlers.handle(Samples.message(text), as: Samples.frame("MESSAGE_CREATE"))
        #expect(api.calls.isEmpty)
    }

    @Test func `a guild's own prefix counts, and is asked for once`() async throws {
        var configuration = GuildConfiguration(guild: Samples.guild)
        configuration.prefix = "olim "
        store.set(configuration)
        for text in ["!ping", "hello", "olim ping"] {
            try await handlers.handle(Samples.message(text), as: Samples.frame("MESSAGE_CREATE"))
        }
        #expect(api.messages.count == 1)
        #expect(store.queries == 1)
        // Known now, so that what is no command costs no task.
        #expect(try handlers.plan(Samples.message("hello"), as: Samples.frame("MESSAGE_CREATE")).work == nil)
    }

    @Test func `a repetition has the same nonce, so that members see one answer`() async throws {
        let message = Samples.message("!ping")
        // The worker dies after the send and before the acknowledgement; later the event comes again, with another id after a
        // replay by Discord.
        try await handlers.handle(message, as: Samples.frame("MESSAGE_CREATE", id: 7))
        try await EventHandlers.standard(.fake(api, FakeStore())).handle(
            message, as: Samples.frame("MESSAGE_CREATE", id: 99, redelivered: true))
        #expect(api.calls.count == 2)
        #expect(api.messages.count == 1)
    }

    @Test func `a repetition after Discord has forgotten the nonce is answered once, too`() async throws {
        for id in [7, 99] as [Int64] {
            try await handlers.handle(Samples.message("!ping"), as: Samples.frame("MESSAGE_CREATE", id: id))
            api.forgetNonces()
        }
        #expect(api.messages.count == 1)
    }

    @Test func `a dead letter that is tried again is handled, not counted again, and ordered by its first id`()
        async throws
    {
        var frame = Samples.frame("MESSAGE_CREATE", id: 99)
        frame.retryOf = EventID(7)
        #expect(try handlers.plan(Samples.message("moin"), as: frame).activity == nil)
        try await handlers.handle(Samples.message("!ping"), as: frame)
        #expect(api.messages.count == 1)
        frame.type = "GUILD_UPDATE"
        try await handlers.handle(["id": .string("\(Samples.guild)"), "name": "old"], as: frame)
        #expect(store.sightings.map(\.event) == [EventID(7)])
        frame.type = "GUILD_DELETE"
        try await handlers.handle(["id": "5"], as: frame)
        #expect(store.departures == [Snowflake(5)])
    }

    @Test func `different messages and commands have different nonces`() {
        let nonces: Set = [
            Nonce.of("a", "1", "2"), Nonce.of("a", "1", "3"), Nonce.of("a", "12"), Nonce.of("b", "1", "2"),
        ]
        #expect(nonces.count == 4)
    }

    @Test func `without the permission to reply the answer comes all the same`() async throws {
        api.fail(FakeDiscord.error(.rejected, status: 403, code: 160_002))
        try await handlers.handle(Samples.message("!ping"), as: Samples.frame("MESSAGE_CREATE"))
        #expect(api.messages.map(\.message.replyTo) == [nil])
    }

    @Test func `settings cannot be changed by a message`() async throws {
        try await handlers.handle(
            Samples.message("!config welcome <#\(Samples.channel)>"), as: Samples.frame("MESSAGE_CREATE"))
        #expect(api.messages.first?.message.content?.contains("`/config welcome`") == true)
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }

    @Test(
        arguments: [
            ("MESSAGE_CREATE", ["type": 0, "author": ["id": "1"]] as JSON, "id is no snowflake"),
            ("MESSAGE_CREATE", ["type": 0, "author": "x", "id": "1"], "author is no object"),
            ("MESSAGE_CREATE", ["type": "0"], "type is no integer"), ("MESSAGE_CREATE", [:], "author is no object"),
            ("GUILD_CREATE", ["id": "1"], "name is no string"),
            ("GUILD_DELETE", ["id": true], "id is no snowflake"),
            ("GUILD_MEMBER_ADD", ["guild_id": "1", "user": [:]], "id is no snowflake"),
            ("INTERACTION_CREATE", ["id": "1", "application_id": "2"], "token is no string"),
            ("READY", ["application": ["id": "1"]], "guilds is no array"),
            ("READY", ["application": ["id": "1"], "guilds": [], "shard": [0, 0]], "shard is no pair of integers"),
        ] as [(String, JSON, String)])
    func `an event that lacks something says what`(type: String, data: JSON, problem: String) {
        #expect(throws: EventProblem(description: problem)) {
            try handlers.plan(data, as: Samples.frame(type))
        }
    }

    // MARK: Guilds

    @Test func `a guild that is there is recorded`() async throws {
        let guild: JSON = [
            "id": .string("\(Samples.guild)"), "name": "Harbour Lights", "owner_id": "323562044500606976",
            "preferred_locale": "de", "member_count": 3, "unavailable": false,
        ]
        for type in ["GUILD_CREATE", "GUILD_UPDATE"] { try await handlers.handle(guild, as: Samples.frame(type)) }
        #expect(store.sightings.map(\.name) == ["Harbour Lights", "Harbour Lights"])
        #expect(store.sightings.first?.ownerID == Snowflake(323_562_044_500_606_976))
        #expect(store.sightings.first?.memberCount == 3)
        #expect(store.sightings.first?.event == EventID(7))
    }

    @Test func `an outage changes nothing`() async throws {
        let outage: JSON = ["id": .string("\(Samples.guild)"), "unavailable": true]
        for type in ["GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"] {
            try await handlers.handle(outage, as: Samples.frame(type))
        }
        #expect(store.sightings.isEmpty)
        #expect(store.departures.isEmpty)
    }

    @Test(arguments: [["id": "5"] as JSON, ["id": "5", "unavailable": false]])
    func `a removal is recorded`(data: JSON) async throws {
        try await handlers.handle(data, as: Samples.frame("GUILD_DELETE"))
        #expect(store.departures == [Snowflake(5)])
    }

    @Test func `READY reconciles its shard's guilds`() async throws {
        let ready: JSON = [
            "application": ["id": "9", "flags": 0], "shard": [1, 4],
            "guilds": [["id": "1", "unavailable": true], ["id": "2", "unavailable": true]],
        ]
        try await handlers.handle(ready, as: Samples.frame("READY"))
        #expect(store.reconciliations == [[Snowflake(1), Snowflake(2)]])
    }

    // MARK: Members

    @Test func `a new member is welcomed where that is wanted, once`() async throws {
        var configuration = GuildConfiguration(guild: Samples.guild)
        configuration.welcomeChannel = Snowflake(77)
        configuration.name = "*Harbour* @everyone"
        store.set(configuration)
        for _ in 0..<2 {
            try await handlers.handle(Samples.memberAdd(), as: Samples.frame("GUILD_MEMBER_ADD"))
            api.forgetNonces()
        }
        #expect(api.messages.count == 1)
        let sent = try #require(api.messages.first)
        #expect(sent.channel == Snowflake(77))
        #expect(sent.message.content == #"Welcome to \*Harbour\* \@everyone, <@\#(Samples.member)>!"#)
        #expect(sent.message.pings == [Samples.member])
        // Who left and joined again is welcomed again.
        try await handlers.handle(
            Samples.memberAdd(joinedAt: "2026-09-01T00:00:00.000000+00:00"), as: Samples.frame("GUILD_MEMBER_ADD"))
        #expect(api.messages.count == 2)
    }

    @Test func `nobody is welcomed where that is not wanted, and no bot is`() async throws {
        try await handlers.handle(Samples.memberAdd(), as: Samples.frame("GUILD_MEMBER_ADD"))
        var configuration = GuildConfiguration(guild: Samples.guild)
        configuration.welcomeChannel = Snowflake(77)
        store.set(configuration)
        try await handlers.handle(Samples.memberAdd(bot: true), as: Samples.frame("GUILD_MEMBER_ADD"))
        #expect(api.calls.isEmpty)
    }

    @Test func `a welcome channel that is gone is switched off`() async throws {
        var configuration = GuildConfiguration(guild: Samples.guild)
        configuration.welcomeChannel = Snowflake(77)
        store.set(configuration)
        api.fail(FakeDiscord.error(.rejected, status: 404, code: 10003))
        try await handlers.handle(Samples.memberAdd(), as: Samples.frame("GUILD_MEMBER_ADD"))
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }

    @Test func `a welcome channel that was chosen meanwhile stays`() async throws {
        var configuration = GuildConfiguration(guild: Samples.guild)
        configuration.welcomeChannel = Snowflake(77)
        store.set(configuration)
        let store = store
        configuration.welcomeChannel = Snowflake(78)
        let changed = configuration
        let slow = FakeDiscord { store.set(changed) }
        slow.fail(FakeDiscord.error(.rejected, status: 404, code: 10003))
        try await EventHandlers.standard(.fake(slow, store)).handle(
            Samples.memberAdd(), as: Samples.frame("GUILD_MEMBER_ADD"))
        #expect(store.welcomeChannel(of: Samples.guild) == Snowflake(78))
    }

    @Test func `the list is what the queue is asked for`() {
        #expect(
            handlers.wantedEvents == [
                "READY", "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE",
                "MESSAGE_CREATE",
                "INTERACTION_CREATE", "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE", "CHANNEL_UPDATE",
                "CHANNEL_DELETE", "THREAD_UPDATE", "THREAD_DELETE",
            ])
    }

    // MARK: Texts

    @Test(arguments: [
        ("plain", "plain"), ("**a**", #"\*\*a\*\*"#), ("<@1>", #"\<\@1\>"#), ("a\nb", "a b"), ("a\r\nb", "a b"),
        ("[x](y)", #"\[x\]\(y\)"#), (#"\"#, #"\\"#), ("😀", "😀"), ("https://x", #"https\://x"#),
    ])
    func `others' text is shown as it is`(text: String, escaped: String) {
        #expect(DiscordText.escaped(text) == escaped)
    }

    @Test func `a prefix cannot leave its quotes`() {
        #expect(DiscordText.inCode("`x\n`") == "'x '")
    }
}
