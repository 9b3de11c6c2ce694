import Logging
import Shared
import TestKit
import Testing

@testable import WorkerProcess

@Suite struct CommandRulesTests {
    @Test func `the bot's own commands keep Discord's rules`() {
        #expect(CommandRules.problems(with: CommandList.standard.declarations) == [])
    }

    private static let option = OptionDeclaration(name: "a", description: "d", kind: .boolean)
    private static let required = OptionDeclaration(name: "b", description: "d", kind: .boolean, isRequired: true)
    private static func command(_ name: String = "x", _ description: Wording = "d", _ options: [OptionDeclaration] = [])
        -> CommandDeclaration
    {
        CommandDeclaration(name: name, description: description, options: options)
    }
    private static func command(_ kind: OptionDeclaration.Kind) -> CommandDeclaration {
        command("x", "d", [OptionDeclaration(name: "a", description: "d", kind: kind)])
    }

    @Test(arguments: ["a", "grüße", "to-do_2", "คำสั่ง", "नमस्ते", String(repeating: "x", count: 32)])
    func `names that Discord takes`(name: String) {
        #expect(CommandRules.problems(with: [Self.command(name)]) == [])
    }

    @Test(
        arguments: [
            ([command("")], "a name has"), ([command("Ping")], "a name has"), ([command("a b")], "a name has"),
            ([command("a!")], "a name has"), ([command(String(repeating: "x", count: 33))], "a name has"),
            ([command("x", "")], "a description has"),
            ([command("x", Wording(verbatim: String(repeating: "d", count: 101)))], "a description has"),
            ([command(), command()], "/x is declared twice"),
            ([command("x", "d", [option, option])], "the option a is declared twice"),
            ([command("x", "d", [option, required])], "the required option b stands behind"),
            ([command(.string(choices: ["a", "a"]))], "the choice a is declared twice"),
            ([command(.string(choices: [""]))], "a choice must have"),
            ([command(.string(choices: (0...25).map { OptionChoice("\($0)") }))], "more than 25 choices"),
            ([command(.string(length: 0...0))], "a text's length"),
            ([command(.integer(range: 0...(1 << 53)))], "below 2^53"),
            (
                [
                    CommandDeclaration(
                        name: "x", description: "d", options: [option],
                        subcommands: [SubcommandDeclaration(name: "y", description: "d")])
                ], "both options and subcommands"
            ),
            ([CommandDeclaration(name: "x", description: "d", contexts: [])], "no context"),
            (
                [command("x", "d", (0..<26).map { OptionDeclaration(name: "o\($0)", description: "d", kind: .user) })],
                "more than 25 options"
            ),
            (
                [
                    command(
                        "x", "d",
                        (0..<4).map {
                            OptionDeclaration(
                                name: "o\($0)", description: "d",
                                kind: .string(
                                    choices: (10..<22).map { OptionChoice(String(repeating: "c", count: 98) + "\($0)") }
                                ))
                        })
                ], "characters in all"
            ),
            ((0...100).map { command("x\($0)") }, "there are 101 commands"),
        ] as [([CommandDeclaration], String)])
    func `what Discord would refuse is told`(commands: [CommandDeclaration], problem: String) {
        let problems = CommandRules.problems(with: commands)
        #expect(problems.count == 1)
        #expect(problems.first?.contains(problem) == true)
    }
}

@Suite struct CommandDeclarationTests {
    private static let days = CommandOption<Int>.integer("days", "d", range: 1...30, isRequired: true)
    private static let who = CommandOption<Snowflake>.user("who", "d")
    private static let text = CommandOption<String>.string("text", "d", length: 2...5)
    private static let plain = CommandDeclaration(
        name: "plain", description: "d", options: [days.declaration, who.declaration, text.declaration])
    private static let nested = CommandDeclaration(
        name: "nested", description: "d",
        subcommands: [
            SubcommandDeclaration(name: "show", description: "d"),
            SubcommandDeclaration(
                name: "set", description: "d",
                options: [
                    OptionDeclaration(name: "on", description: "d", kind: .boolean),
                    OptionDeclaration(name: "in", description: "d", kind: .channel()),
                ]),
        ])

    @Test(
        arguments: [
            (plain, "7", nil, ["days": .integer(7)]),
            (plain, "7 <@5>", nil, ["days": .integer(7), "who": .id(Snowflake(5))]),
            (plain, "7 <@!5> a b", nil, ["days": .integer(7), "who": .id(Snowflake(5)), "text": .string("a b")]),
            (nested, "show", "show", [:]), (nested, "SHOW", "show", [:]),
            (nested, "set on <#9>", "set", ["on": .boolean(true), "in": .id(Snowflake(9))]),
        ] as [(CommandDeclaration, String, String?, [String: OptionValue])])
    func `words become arguments`(
        command: CommandDeclaration, text: String, subcommand: String?, arguments: [String: OptionValue]
    ) throws {
        let parsed = try command.arguments(of: text.split(separator: " "))
        #expect(parsed.subcommand == subcommand)
        #expect(parsed.arguments == arguments)
    }

    @Test(
        arguments: [
            (plain, "", "`days` is missing: d."), (plain, "x", "`days` must be a whole number from 1 to 30."),
            (plain, "31", "`days` must be a whole number from 1 to 30."), (plain, "3 me", "`who` must be a member."),
            (plain, "3 5 x", "`text` must be a text of 2 to 5 characters."),
            (nested, "", "After `nested` comes one of `show`, `set`."),
            (nested, "gone", "After `nested` comes one of `show`, `set`."),
            (nested, "show it", "That is more than `nested` takes."),
            (nested, "set maybe", "`on` must be yes or no."),
            (nested, "set on 1 2", "That is more than `nested` takes."),
        ] as [(CommandDeclaration, String, String)])
    func `words that do not fit are explained`(command: CommandDeclaration, text: String, problem: String) {
        let thrown = #expect(throws: ArgumentProblem.self) {
            try command.arguments(of: text.split(separator: " "))
        }
        #expect(thrown?.description == problem)
    }

    @Test func `an interaction's options become arguments, and are read with their types`() throws {
        let options: JSON = [
            ["type": 4, "name": "days", "value": 5], ["type": 6, "name": "who", "value": "18446744073709551615"],
            ["type": 3, "name": "unknown", "value": "x"],
        ]
        let parser = JSONParser()
        let parsed = try withExtendedLifetime(parser) { try Self.plain.arguments(of: parser.parse(options.text)) }
        let invocation = Invocation(
            command: "plain", subcommand: nil, arguments: parsed.arguments, guild: nil, channel: Snowflake(1),
            user: Snowflake(2), event: EventID(1), receivedAt: 0, sentAt: 0, prefix: "!")
        #expect(invocation[Self.days] == 5)
        #expect(invocation[Self.who] == Snowflake(.max))
        #expect(invocation[Self.text] == nil)
        #expect(parsed.arguments.count == 2)
    }

    @Test func `paths are what is typed`() {
        #expect(Self.plain.paths == ["plain"])
        #expect(Self.nested.paths == ["nested show", "nested set"])
        #expect(CommandList.standard.ephemeralPaths.isSuperset(of: ["config show", "daily list", "privacy export"]))
        #expect(CommandList.standard.ephemeralPaths.isDisjoint(with: ["ping", "stats", "leaderboard"]))
        #expect(CommandList.standard.immediatePaths == ["daily add"])
    }

    @Test func `help names every command, and those for messages with the prefix in use`() async throws {
        let services = Services.fake(FakeDiscord(), FakeStore())
        let invocation = Invocation(
            command: "help", subcommand: nil, guild: nil, channel: Snowflake(1), user: Snowflake(2),
            event: EventID(1), receivedAt: 0, sentAt: 0, prefix: "?")
        let embed = try #require(try await HelpCommand().run(invocation, services).outgoingMessage?.embeds.first)
        let text = embed["description"]?.string ?? ""
        for path in CommandList.standard.declarations.flatMap(\.paths) { #expect(text.contains("`/\(path)")) }
        let messages = embed["fields"]?.elements?.first?["value"]?.string ?? ""
        #expect(messages.contains("`?help`") && messages.contains("`?ping`") && !messages.contains("privacy"))
    }

    @Test(
        arguments: [(-5, "0.0"), (0, "0.0"), (949, "0.9"), (950, "1.0"), (9_949, "9.9"), (12_345, "12")]
            as [(Int64, String)])
    func `short times are told more exactly`(microseconds: Int64, text: String) {
        #expect(PingCommand.milliseconds(microseconds) == text)
    }
}

@Suite struct CommandRegistrationTests {
    /// What Discord answers for our commands: with ids, defaults, and members in another order.
    private static func asDiscordHasIt(_ commands: JSON) -> JSON {
        .array(
            (commands.elements ?? []).reversed().map { command in
                .object(
                    [
                        .init("id", "1"), .init("application_id", "2"), .init("version", "3"), .init("nsfw", false),
                        .init("dm_permission", true), .init("name_localizations", nil),
                    ] + (command.members ?? []).reversed())
            })
    }

    @Test func `the JSON is what Discord documents`() {
        let declaration = CommandDeclaration(
            name: "config", description: "Settings",
            subcommands: [
                SubcommandDeclaration(
                    name: "welcome", description: .phrase(.configShowDescription),
                    options: [
                        CommandOption<Snowflake>.channel("channel", "Where", types: [0, 5]).declaration,
                        CommandOption<Double>.number("share", "How much", range: 0...1).completed.declaration,
                        CommandOption<String>.string(
                            "period", "When", choices: [OptionChoice("week", .phrase(.periodWeek))]
                        ).declaration,
                    ])
            ],
            permission: .manageGuild, contexts: [.guild])
        let spanish = Language.spanish.text(of: .configShowDescription)
        let options: JSON = [
            [
                "type": 7, "name": "channel", "description": "Where", "description_localizations": nil,
                "required": false, "channel_types": [0, 5],
            ],
            [
                "type": 10, "name": "share", "description": "How much", "description_localizations": nil,
                "required": false, "autocomplete": true, "min_value": 0.0, "max_value": 1.0,
            ],
            [
                "type": 3, "name": "period", "description": "When", "description_localizations": nil,
                "required": false,
                "choices": [
                    [
                        "name": "week", "name_localizations": ["es-ES": "semana", "es-419": "semana"],
                        "value": "week",
                    ]
                ],
            ],
        ]
        #expect(
            CommandRegistration.json([declaration]) == [
                [
                    "name": "config", "type": 1, "description": "Settings", "description_localizations": nil,
                    "default_member_permissions": "32", "contexts": [0], "integration_types": [0],
                    "options": [
                        [
                            "type": 1, "name": "welcome", "description": "Shows this server's settings",
                            "description_localizations": [
                                "es-ES": .string(spanish), "es-419": .string(spanish),
                            ],
                            "options": options,
                        ]
                    ],
                ]
            ])
    }

    @Test func `what Discord adds and reorders is no difference`() {
        let ours = CommandRegistration.json(CommandList.standard.declarations)
        let theirs = Self.asDiscordHasIt(ours)
        #expect(CommandRegistration.normalForm(theirs) == CommandRegistration.normalForm(ours))
    }

    @Test func `every change of a definition is a difference`() {
        let declarations = CommandList.standard.declarations
        let hash = CommandRegistration.hash(declarations)
        #expect(CommandRegistration.hash(declarations.reversed()) == hash)
        var changed = declarations
        changed[0].permission = .manageGuild
        #expect(CommandRegistration.hash(changed) != hash)
        changed = declarations
        changed[0].contexts = [.guild]
        #expect(CommandRegistration.hash(changed) != hash)
        #expect(CommandRegistration.hash(Array(declarations.dropLast())) != hash)
    }

    // MARK: Registering

    private let api = FakeDiscord()
    private let store = FakeStore()
    private let application = Snowflake(9)

    private func registrar() -> CommandRegistrar {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return CommandRegistrar(
            CommandList.standard.declarations, api: api, store: store, logger: logger,
            backoff: Backoff(first: .milliseconds(1), maximum: .milliseconds(2)))
    }

    private var puts: Int {
        api.calls.count { if case .putCommands = $0 { true } else { false } }
    }

    @Test func `many workers register new commands once, and later starts not at all`() async throws {
        await withTaskGroup { group in
            for _ in 0..<5 { group.addTask { try? await registrar().register(application) } }
        }
        #expect(puts == 1)
        let calls = api.calls.count
        try await registrar().register(application)
        #expect(api.calls.count == calls)
    }

    @Test func `commands that Discord has already are not overwritten`() async throws {
        api.setCommands(Self.asDiscordHasIt(CommandRegistration.json(CommandList.standard.declarations)))
        try await registrar().register(application)
        #expect(api.calls == [.getCommands])
    }

    @Test func `an outage is waited for`() async throws {
        store.fail(FakeStore.error(.unavailable))
        api.fail(FakeDiscord.error(.unavailable), FakeDiscord.error(.unavailable))
        let registrar = registrar()
        let running = Task { try await registrar.run() }
        registrar.found(application: application)
        try await eventually("the commands are registered") { puts == 1 }
        running.cancel()
        try await running.value
    }

    @Test func `a refusal is not repeated, and a wrong token ends the process`() async throws {
        api.fail(FakeDiscord.error(.rejected, status: 400, code: 50035), FakeDiscord.error(.unauthorized, status: 401))
        let registrar = registrar()
        let running = Task { try await registrar.run() }
        registrar.found(application: application)
        try await eventually("Discord has refused") { api.calls.count == 1 }
        registrar.found(application: Snowflake(10))
        await #expect(performing: { try await running.value }, throws: { ($0 as? ServiceFailure)?.exit == .rejected })
        #expect(puts == 0)
    }
}
