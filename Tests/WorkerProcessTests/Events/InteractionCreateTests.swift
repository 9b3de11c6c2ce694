import Shared
import Testing

@testable import WorkerProcess

@Suite struct InteractionCreateTests {
    private let api = FakeDiscord()
    private let store = FakeStore()
    private let services: Services
    private let handlers: EventHandlers

    init() {
        services = .fake(api, store)
        handlers = .standard(services)
    }

    private func handle(
        _ interaction: (id: Snowflake, data: JSON), deferred: Bool = false, id: Int64 = 7, attempt: Int = 1
    ) async throws {
        var frame = Samples.frame(
            "INTERACTION_CREATE", id: id, key: "interaction:\(interaction.id)", deferred: deferred)
        frame.attempt = attempt
        try await handlers.handle(interaction.data, as: frame)
    }

    @Test func `a command is answered`() async throws {
        api.setRoundTrip(42)
        let interaction = Samples.interaction("ping")
        try await handle(interaction)
        let answer = try #require(api.answer(to: interaction.id))
        #expect(answer.said.hasPrefix("Pong!"))
        #expect(answer.said.hasSuffix("REST\n42 ms"))
        #expect(!answer.isEphemeral)
        #expect(services.counters.current.commands == ["ping": 1])
    }

    @Test func `one that the gateway deferred is finished by an edit`() async throws {
        let interaction = Samples.interaction("ping", millisecondsAgo: 60_000)
        api.defer(interaction.id)
        try await handle(interaction, deferred: true)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
        #expect(api.calls.count == 1)
    }

    @Test func `one that was deferred meanwhile is finished by an edit`() async throws {
        let interaction = Samples.interaction("ping")
        api.defer(interaction.id)
        try await handle(interaction)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
        #expect(api.calls.count == 2)
    }

    @Test func `one that was deferred while the command took its time is finished by an edit`() async throws {
        let interaction = Samples.interaction("ping")
        api.defer(interaction.id)
        api.fail(FakeDiscord.error(.tooLate))
        try await handle(interaction)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
    }

    @Test func `one that nobody answered in time is too late`() async throws {
        let interaction = Samples.interaction("ping")
        api.fail(FakeDiscord.error(.tooLate, status: 404, code: 10062))
        await #expect(
            performing: { try await handle(interaction) }, throws: { ($0 as? DiscordAPIError)?.kind == .tooLate })
        #expect(api.calls.count == 2)
    }

    @Test func `a deferral that never reached Discord is made good by an answer`() async throws {
        let interaction = Samples.interaction("ping")
        try await handle(interaction, deferred: true)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
        #expect(api.calls.count == 2)
    }

    @Test func `a deferral that came between two tries is still finished`() async throws {
        let interaction = Samples.interaction("ping")
        api.defer(interaction.id)
        // The edit comes before the deferral, the answer after it.
        api.fail(FakeDiscord.error(.notYetAnswered, code: 10015))
        try await handle(interaction, deferred: true)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
        #expect(api.calls.count == 3)
    }

    @Test func `a repetition after an answer whose acknowledgement was lost changes nothing but edits it`() async throws
    {
        let interaction = Samples.interaction("ping")
        try await handle(interaction)
        try await handle(interaction)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
    }

    @Test func `one that comes too late does nothing`() async throws {
        let options: JSON = [["type": 1, "name": "welcome", "options": []]]
        let interaction = Samples.interaction("config", options: options, millisecondsAgo: 60_000)
        store.set(
            {
                var configuration = GuildConfiguration(guild: Samples.guild)
                configuration.welcomeChannel = Snowflake(1)
                return configuration
            }())
        await #expect(
            performing: { try await handle(interaction) },
            throws: { error in
                (error as? DiscordAPIError)?.kind == .tooLate
            })
        // Discord was asked, because nobody else knows of a deferral by a gateway that died.
        #expect(api.calls == [.getOriginal(interaction.id)])
        #expect(store.welcomeChannel(of: Samples.guild) == Snowflake(1))
    }

    @Test(arguments: [20_000, 600_000] as [Int64])
    func `one that was deferred by a gateway that died before it could say so is answered`(age: Int64) async throws {
        let interaction = Samples.interaction("ping", millisecondsAgo: age)
        api.defer(interaction.id)
        try await handle(interaction)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
        #expect(api.calls.count == 2)
    }

    @Test func `one that was answered by a worker that died is left as it is`() async throws {
        let interaction = Samples.interaction("ping", millisecondsAgo: 20_000)
        api.defer(interaction.id)
        try await handle(interaction)
        let calls = api.calls.count
        try await handle(interaction)
        #expect(api.calls.dropFirst(calls) == [.getOriginal(interaction.id)])
    }

    @Test func `one whose deferral is older than its token changes nothing`() async throws {
        let interaction = Samples.interaction(
            "config", options: Self.welcome("77"), millisecondsAgo: 3_600_000)
        api.fail(FakeDiscord.error(.tooLate, status: 401, code: 50027))
        await #expect(
            performing: { try await handle(interaction, deferred: true) },
            throws: { ($0 as? DiscordAPIError)?.kind == .tooLate })
        #expect(api.calls == [.getOriginal(interaction.id)])
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }

    @Test func `where Discord says that the token is good, the machine's clock is wrong`() async throws {
        let interaction = Samples.interaction("ping", millisecondsAgo: 3_600_000)
        try await handle(interaction)
        #expect(api.answer(to: interaction.id)?.said.hasPrefix("Pong!") == true)
    }

    // MARK: What cannot be carried out

    private static let show: JSON = [["type": 1, "name": "show", "options": []]]

    @Test(arguments: [StoreError.Kind.unavailable, .misconfigured])
    func `a database that is down is an apology, and the event is done`(kind: StoreError.Kind) async throws {
        let interaction = Samples.interaction("config", options: Self.show)
        store.fail(FakeStore.error(kind))
        try await handle(interaction)
        let answer = try #require(api.answer(to: interaction.id))
        #expect(answer.content?.contains("database") == true)
        #expect(answer.isEphemeral)
        #expect(services.counters.current.apologies == 1)
    }

    @Test func `a deferred one gets its apology too`() async throws {
        let interaction = Samples.interaction("config", options: Self.show)
        api.defer(interaction.id)
        store.fail(FakeStore.error(.unavailable))
        try await handle(interaction, deferred: true)
        #expect(api.answer(to: interaction.id)?.content?.contains("database") == true)
    }

    @Test(arguments: [StoreError.Kind.conflict, .closed])
    func `what will be over in a moment comes again without a word`(kind: StoreError.Kind) async throws {
        let interaction = Samples.interaction("config", options: Self.show)
        store.fail(FakeStore.error(kind))
        await #expect(throws: FakeStore.error(kind)) { try await handle(interaction) }
        #expect(api.calls.isEmpty)
    }

    @Test func `a bug is an apology and a failure, and the next attempt puts it right`() async throws {
        let interaction = Samples.interaction("config", options: Self.show)
        store.fail(FakeStore.error(.rejected))
        await #expect(throws: FakeStore.error(.rejected)) { try await handle(interaction) }
        #expect(api.answer(to: interaction.id)?.content?.contains("went wrong") == true)
        try await handle(interaction, attempt: 2)
        #expect(api.answer(to: interaction.id)?.said.contains("Welcome\noff") == true)
    }

    @Test func `an apology that an earlier attempt left is no answer, however late`() async throws {
        let interaction = Samples.interaction("ping", millisecondsAgo: 20_000)
        api.defer(interaction.id)
        try await handle(interaction)
        try await handle(interaction, attempt: 2)
        #expect(api.calls.count { if case .edit = $0 { true } else { false } } == 2)
    }

    @Test func `while Discord is down there is no apology, and the event comes again`() async throws {
        let interaction = Samples.interaction("config", options: Self.show)
        store.fail(FakeStore.error(.unavailable))
        api.fail(FakeDiscord.error(.unavailable))
        await #expect(
            performing: { try await handle(interaction) },
            throws: { ($0 as? DiscordAPIError)?.kind == .unavailable })
        #expect(services.counters.current.apologies == 0)
    }

    @Test func `a command of an earlier release is answered with a hint`() async throws {
        let interaction = Samples.interaction("gone")
        try await handle(interaction)
        let answer = try #require(api.answer(to: interaction.id))
        #expect(answer.isEphemeral)
        #expect(answer.content?.contains("not known any more") == true)
    }

    @Test func `autocomplete gets an empty list, and a failure is no matter`() async throws {
        let interaction = Samples.interaction("ping", type: 4)
        api.fail(FakeDiscord.error(.tooLate, code: 10062))
        try await handle(interaction)
        #expect(api.calls == [.respond(interaction.id, .autocomplete([]))])
    }

    @Test func `an interaction of a kind that nobody knows is left alone`() throws {
        let plan = try handlers.plan(
            Samples.interaction("x", type: 99).data, as: Samples.frame("INTERACTION_CREATE"))
        #expect(plan.work == nil)
    }

    // MARK: /config

    private static func welcome(_ channel: String?) -> JSON {
        let options: JSON = channel.map { [["type": 7, "name": "channel", "value": .string($0)]] } ?? []
        return [["type": 1, "name": "welcome", "options": options]]
    }

    @Test func `the welcome channel is set, shown and switched off, for the caller's eyes`() async throws {
        let set = Samples.interaction("config", options: Self.welcome("77"))
        try await handle(set)
        #expect(api.answer(to: set.id)?.content == "New members are now welcomed in <#77>. This is how:")
        #expect(api.answer(to: set.id)?.isEphemeral == true)
        #expect(store.welcomeChannel(of: Samples.guild) == Snowflake(77))
        let show = Samples.interaction("config", options: [["type": 1, "name": "show", "options": []]])
        try await handle(show)
        #expect(api.answer(to: show.id)?.said.contains("Welcome\n<#77>") == true)
        try await handle(Samples.interaction("config", options: Self.welcome(nil)))
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }

    @Test func `a change that comes again does not undo a later one`() async throws {
        let (first, second) = (
            Samples.interaction("config", options: Self.welcome("77")),
            Samples.interaction("config", options: Self.welcome("78"))
        )
        try await handle(first, id: 7)
        try await handle(second, id: 8)
        // The worker was killed before it could acknowledge the first.
        try await handle(first, id: 7)
        #expect(store.welcomeChannel(of: Samples.guild) == Snowflake(78))
    }

    @Test func `a channel where the bot may not write is not saved`() async throws {
        let set = Samples.interaction(
            "config", options: Self.welcome("77"),
            resolved: ["channels": ["77": ["id": "77", "type": 0, "app_permissions": "1024"]]])
        try await handle(set)
        #expect(api.answer(to: set.id)?.content?.hasPrefix("I may not write in <#77>.") == true)
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }

    @Test(arguments: [Permissions.sendMessages, Permissions([]), nil])
    func `who may not manage the server is refused`(permissions: Permissions?) async throws {
        let set = Samples.interaction("config", options: Self.welcome("77"), permissions: permissions)
        try await handle(set)
        #expect(api.answer(to: set.id)?.content == "You need the permission Manage Server for this.")
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }

    @Test func `administrators may everything`() async throws {
        try await handle(Samples.interaction("config", options: Self.welcome("77"), permissions: .administrator))
        #expect(store.welcomeChannel(of: Samples.guild) == Snowflake(77))
    }

    @Test func `settings are a server's`() async throws {
        let set = Samples.interaction("config", options: Self.welcome("77"), guild: nil)
        try await handle(set)
        #expect(api.answer(to: set.id)?.content == "This works in a server only.")
    }

    @Test(arguments: [
        [] as JSON, [["type": 1, "name": "gone", "options": []]],
        [["type": 1, "name": "welcome", "options": [["type": 7, "name": "channel", "value": "no id"]]]],
    ])
    func `arguments that do not fit are explained`(options: JSON) async throws {
        let interaction = Samples.interaction("config", options: options)
        try await handle(interaction)
        #expect(api.answer(to: interaction.id)?.isEphemeral == true)
        #expect(store.welcomeChannel(of: Samples.guild) == nil)
    }
}
