import Shared
import Testing

@testable import WorkerProcess

/// Buttons, forms, suggestions and deferrals.
@Suite struct ComponentTests {
    private let api = FakeDiscord()
    private let store = FakeStore()

    private func handle(
        _ interaction: (id: Snowflake, data: JSON), deferred: Bool = false
    ) async throws -> OutgoingMessage? {
        let handlers = EventHandlers.standard(.fake(api, store))
        let frame = Samples.frame("INTERACTION_CREATE", id: 7, key: "interaction:\(interaction.id)", deferred: deferred)
        try await handlers.handle(interaction.data, as: frame)
        return api.answer(to: interaction.id)
    }

    /// An interaction with other `data`.
    private func interaction(
        type: Int, _ data: JSON, permissions: Permissions? = .manageGuild, locale: String? = nil
    ) -> (id: Snowflake, data: JSON) {
        let sample = Samples.interaction("x", permissions: permissions, type: type)
        var members = (sample.data.members ?? []).filter { $0.key != "data" }
        members.append(.init("data", data))
        if let locale { members.append(.init("locale", .string(locale))) }
        return (sample.id, .object(members))
    }

    private func press(
        _ id: ComponentID, permissions: Permissions? = .manageGuild
    ) -> (id: Snowflake, data: JSON) {
        interaction(type: 3, ["custom_id": .string(id.text), "component_type": 2], permissions: permissions)
    }

    private var lastResponse: InteractionResponse? {
        for case .respond(_, let response) in api.calls.reversed() { return response }
        return nil
    }

    // MARK: Buttons

    @Test func `a button changes the message that it is on`() async throws {
        try await store.change(.prefix("?"), of: Samples.guild, event: EventID(1))
        let yes = ComponentID("config", owner: Samples.member, "reset", "yes")
        let answer = try await handle(press(yes))
        #expect(answer?.content == "All settings are back to what they were at first.")
        guard case .update = lastResponse else { return #expect(Bool(false), "it is an update") }
        #expect(try await store.configuration(of: Samples.guild).prefix == nil)
    }

    @Test func `another member's button does nothing but explain itself`() async throws {
        try await store.change(.prefix("?"), of: Samples.guild, event: EventID(1))
        let answer = try await handle(press(ComponentID("config", owner: Snowflake(4), "reset", "yes")))
        #expect(answer?.isEphemeral == true)
        #expect(answer?.content?.hasPrefix("These buttons are for whoever called the command") == true)
        #expect(try await store.configuration(of: Samples.guild).prefix == "?")
    }

    @Test func `whoever has lost the permission since cannot go on`() async throws {
        try await store.change(.prefix("?"), of: Samples.guild, event: EventID(1))
        let yes = ComponentID("config", owner: Samples.member, "reset", "yes")
        let answer = try await handle(press(yes, permissions: []))
        #expect(answer?.content == "You need the permission Manage Server for this.")
        #expect(try await store.configuration(of: Samples.guild).prefix == "?")
    }

    @Test func `one that the gateway has deferred is finished by an edit`() async throws {
        let no = press(ComponentID("config", owner: Samples.member, "reset", "no"))
        api.defer(no.id)
        #expect(try await handle(no, deferred: true)?.content == "Nothing was changed.")
        #expect(api.calls.count == 1)
    }

    @Test func `what is said to whoever may not press does not take the place of the message`() async throws {
        let data: JSON = ["custom_id": "config:4:reset:yes", "component_type": 2]
        var press = interaction(type: 3, data)
        press.data = .object((press.data.members ?? []) + [.init("message", ["id": "5"])])
        api.defer(press.id)
        _ = try await handle(press, deferred: true)
        guard case .followUp(_, let message)? = api.calls.last else { return #expect(Bool(false), "it is beside it") }
        #expect(message.isEphemeral)
    }

    @Test func `one that comes twice changes nothing the second time`() async throws {
        store.count(3, of: Samples.member, in: Samples.guild, day: 1)
        let yes = press(ComponentID("privacy", owner: Samples.member, "yes"))
        #expect(try await handle(yes)?.content?.contains("Days with counts: 1") == true)
        #expect(try await handle(yes)?.content?.contains("Days with counts: 0") == true)
    }

    @Test(arguments: ["", "x", "gone:1:2", "config:no-number:reset", "config:647709301943042060", "🐘:1", ":::"])
    func `a button of an older version says so`(id: String) async throws {
        let answer = try await handle(interaction(type: 3, ["custom_id": .string(id), "component_type": 2]))
        #expect(answer?.content?.contains("older version") == true)
        #expect(answer?.isEphemeral == true)
    }

    @Test func `an id keeps its state`() throws {
        let id = ComponentID("leaderboard", owner: Snowflake(.max), "month", "12")
        #expect(ComponentID(id.text) == id)
        #expect(id.text.utf16.count <= ComponentID.maximumLength)
        #expect((id[0], id[1], id[2]) == ("month", "12", ""))
    }

    @Test func `pages have buttons, which end where the pages do`() async throws {
        for member in 1...25 {
            store.count(member, of: Snowflake(UInt64(member)), in: Samples.guild, day: Days.today)
        }
        func buttons(_ message: OutgoingMessage?) -> [Bool?] {
            (message?.components.first?["components"]?.elements ?? []).map { $0["disabled"]?.bool }
        }
        let first = try await handle(interaction(type: 2, ["name": "leaderboard"]))
        #expect(first?.said.contains("**1.** <@25>") == true)
        #expect(first?.attachments.map(\.filename) == ["activity.png"])
        #expect(buttons(first) == [true, false])
        let last = try await handle(press(ComponentID("leaderboard", owner: Samples.member, "week", "2")))
        #expect(last?.said.contains("**21.** <@5>") == true)
        #expect(buttons(last) == [false, true])
        let beyond = try await handle(press(ComponentID("leaderboard", owner: Samples.member, "week", "99")))
        #expect(beyond?.said.contains("Nothing was counted") == true)
    }

    // MARK: Forms

    private func form(_ id: ComponentID, _ text: String, isLabelled: Bool) -> (id: Snowflake, data: JSON) {
        let field: JSON = ["type": 4, "custom_id": "text", "value": .string(text)]
        let row: JSON = isLabelled ? ["type": 18, "component": field] : ["type": 1, "components": [field]]
        return interaction(type: 5, ["custom_id": .string(id.text), "components": [row]])
    }

    @Test func `a command without its text opens a form`() async throws {
        _ = try await handle(interaction(type: 2, ["name": "daily", "options": [["type": 1, "name": "add"]]]))
        guard case .modal(let modal) = lastResponse else { return #expect(Bool(false), "it is a form") }
        #expect(modal["custom_id"]?.string == "daily:\(Samples.member):add")
    }

    @Test(arguments: [true, false]) func `what was written into it is taken`(isLabelled: Bool) async throws {
        let id = ComponentID("daily", owner: Samples.member, "add")
        let answer = try await handle(form(id, "Good morning @everyone", isLabelled: isLabelled))
        #expect(answer?.content == "Added as number 1.")
        #expect(try await store.dailyPosts(of: Samples.guild).map(\.text) == ["Good morning @everyone"])
    }

    @Test(arguments: ["", " \n\t", String(repeating: "x", count: 1501)])
    func `a text that is none is not taken`(text: String) async throws {
        let id = ComponentID("daily", owner: Samples.member, "add")
        let answer = try await handle(form(id, text, isLabelled: true))
        #expect(answer?.content?.hasPrefix("A text has one to 1500 characters") == true)
        #expect(try await store.dailyPosts(of: Samples.guild).isEmpty)
    }

    // MARK: Suggestions

    private func suggestions(_ data: JSON, permissions: Permissions? = .manageGuild) async throws -> [JSON]? {
        _ = try await handle(interaction(type: 4, data, permissions: permissions))
        guard case .autocomplete(let choices) = lastResponse else { return nil }
        return choices
    }

    private static func typing(_ text: String) -> JSON {
        let option: JSON = ["type": 3, "name": "zone", "value": .string(text), "focused": true]
        return ["name": "config", "options": [["type": 1, "name": "timezone", "options": [option]]]]
    }

    @Test func `what is typed is completed`() async throws {
        #expect(try await suggestions(Self.typing("madr"))?.first?["value"]?.string == "Europe/Madrid")
        #expect(try await suggestions(Self.typing(""))?.isEmpty == false)
        #expect(try await suggestions(Self.typing("\u{202E}zzz"))?.isEmpty == true)
    }

    @Test func `who may not use the command is suggested nothing, nor is what nobody knows`() async throws {
        #expect(try await suggestions(Self.typing("madr"), permissions: [])?.isEmpty == true)
        #expect(try await suggestions(["name": "gone"])?.isEmpty == true)
    }

    // MARK: Deferral and language

    @Test func `what takes longer is deferred at once`() async throws {
        store.count(3, of: Samples.member, in: Samples.guild, day: Days.today)
        let stats = interaction(type: 2, ["name": "stats"])
        let answer = try await handle(stats)
        #expect(answer?.said.contains("Messages\n3 (today 3)") == true)
        #expect(api.calls.first == .respond(stats.id, .deferredMessage(ephemeral: false)))
        #expect(api.calls.count == 2)
    }

    @Test func `a deferral that was there already is finished`() async throws {
        let export = interaction(type: 2, ["name": "privacy", "options": [["type": 1, "name": "export"]]])
        api.defer(export.id)
        let answer = try await handle(export)
        #expect(answer?.attachments.map(\.filename) == ["olim-export.json"])
    }

    @Test func `a caller is answered in the caller's own language`() async throws {
        let answer = try await handle(interaction(type: 2, ["name": "help"], locale: "es-ES"))
        #expect(answer?.said.hasPrefix("Lo que sé hacer") == true)
        let german = try await handle(interaction(type: 2, ["name": "help"], locale: "de"))
        #expect(german?.said.hasPrefix("What I can do") == true)
    }

    // MARK: Limits

    @Test func `an embed keeps Discord's limits`() throws {
        let long = String(repeating: "👋", count: 6000)
        let json = Embed(
            title: long, description: long, fields: (0..<30).map { _ in .init(name: long, value: long) }, footer: long
        ).json
        #expect((json["title"]?.string ?? "").utf16.count <= 256)
        let fields = json["fields"]?.elements ?? []
        let texts =
            [json["title"], json["description"], json["footer"]?["text"]]
            + fields.flatMap { [$0["name"], $0["value"]] }
        #expect(texts.compactMap { $0?.string?.utf16.count }.reduce(0, +) <= 6000)
    }

    @Test(arguments: [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a👨‍👩‍👧b", 5, "a…")] as [(String, Int, String)])
    func `a text is cut between characters`(text: String, limit: Int, cut: String) {
        #expect(text.cut(toUTF16: limit) == cut)
    }

    @Test(
        arguments: [("Hi {member}", nil), ("{x} {member}", "x"), ("{", nil), ("{ member }", " member ")]
            as [(String, String?)])
    func `a welcome text is checked`(text: String, unknown: String?) {
        #expect(WelcomeText.unknownPlaceholder(in: text) == unknown)
    }

    @Test func `a welcome text pings the member alone, and a name cannot break out`() {
        var guild = GuildConfiguration(guild: Samples.guild)
        guild.name = "**@everyone** <@5>"
        guild.memberCount = 12
        guild.welcomeText = "{member} @here {server} {count} {member}"
        let message = WelcomeText.message(for: Samples.member, in: guild)
        #expect(message.pings == [Samples.member])
        #expect(message.content?.contains(#"\*\*\@everyone\*\* \<\@5\> 12"#) == true)
    }

    @Test(arguments: [
        "!", "?!", "OLIM", "\u{200B}!", "! ", "a!", "/", "@x", "", "!!!!!!", "\u{202E}!",
    ])
    func `a prefix is what members do not write by accident`(prefix: String) {
        #expect(ConfigChanges.isPrefix(prefix) == ["!", "?!"].contains(prefix))
    }
}
