import Shared
import Testing

@testable import DiscordSimulator

@Suite struct CommandRoutesTests {
    let bench: RESTBench
    private let global = "/applications/\(RESTBench.bot)/commands"
    private let local = "/applications/\(RESTBench.bot)/guilds/\(RESTBench.guild)/commands"

    init() throws {
        bench = try RESTBench()
    }

    private func command(_ name: String, _ extra: JSON = .object([])) -> JSON {
        JSON.object([.init("name", .string(name)), .init("description", "what it does")]).merging(extra)
    }

    @Test func `a new command is 201, the same name again 200`() {
        let first = bench.call("POST", global, command("ping"))
        #expect(first.status == 201)
        #expect(first.body["type"] == 1)
        #expect(first.body["default_member_permissions"] == .null)
        let second = bench.call("POST", global, command("ping", ["description": "other"]))
        #expect(second.status == 200)
        #expect(second.body["id"] == first.body["id"])
        #expect(second.body["version"] != first.body["version"])
        #expect(bench.call("GET", global).body.elements?.count == 1)
    }

    @Test func `an overwrite replaces the list and keeps what did not change`() {
        let before = bench.call("PUT", global, [command("ping"), command("help")])
        #expect(before.status == 200)
        let after = bench.call("PUT", global, [command("ping"), command("config")])
        #expect(after.body.elements?.map { $0["name"] } == ["ping", "config"])
        #expect(after.body.elements?.first == before.body.elements?.first)
        #expect(bench.call("GET", local).body == [])
        #expect(bench.call("PUT", local, [command("ping")]).body.elements?.first?["guild_id"] == .id(RESTBench.guild))
    }

    @Test func `localizations are shown only when asked for`() {
        bench.call("PUT", global, [command("ping", ["name_localizations": ["de": "pong"]])])
        #expect(bench.call("GET", global).body.elements?.first?["name_localizations"] == nil)
        let full = bench.call("GET", "\(global)?with_localizations=true")
        #expect(full.body.elements?.first?["name_localizations"] == ["de": "pong"])
    }

    @Test func `single commands are read, changed and deleted`() {
        let id = bench.call("POST", local, command("ping")).body["id"]?.string ?? ""
        #expect(bench.call("GET", "\(local)/\(id)").body["name"] == "ping")
        #expect(bench.call("PATCH", "\(local)/\(id)", ["description": "new"]).body["description"] == "new")
        #expect(bench.call("GET", "\(global)/\(id)").body["code"] == 10063)
        #expect(bench.call("DELETE", "\(local)/\(id)").status == 204)
        #expect(bench.call("DELETE", "\(local)/\(id)").status == 404)
    }

    private static let string: JSON = ["type": 3, "name": "a", "description": "b"]
    private static let required: JSON = ["type": 3, "name": "r", "description": "b", "required": true]
    private static let group: JSON = [
        "type": 2, "name": "g", "description": "b",
        "options": [["type": 1, "name": "s", "description": "b", "options": [string]]],
    ]

    @Test(
        arguments: [
            (["name": "Ping"], ["name.APPLICATION_COMMAND_INVALID_NAME"]),
            (["name": "a b"], ["name.APPLICATION_COMMAND_INVALID_NAME"]), (["name": "größe"], []),
            (["name": "नमस्ते"], []),
            (["name": "ทดสอบ"], []), (["name": "a!"], ["name.APPLICATION_COMMAND_INVALID_NAME"]),
            (["description": ""], ["description.BASE_TYPE_REQUIRED"]),
            (["type": 2, "name": "Show Member", "description": ""], []),
            (["type": 3, "description": "x"], ["description.APPLICATION_COMMAND_DESCRIPTION_INVALID"]),
            (["name_localizations": ["xx": "a"]], ["name_localizations.xx.ENUM_TYPE_COERCE"]),
            (["options": [string, required]], ["options.1.APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"]),
            (["options": [required, string]], []),
            (["options": [string, string]], ["options.1.name.APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"]),
            (["options": [group]], []),
            (["options": [group, string]], ["options.1.type.APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"]),
            (
                ["options": [["type": 2, "name": "g", "description": "b", "options": [string]]]],
                ["options.0.options.0.type.BASE_TYPE_CHOICES"]
            ),
            (
                ["options": [string.merging(["autocomplete": true, "choices": [["name": "x", "value": "y"]]])]],
                ["options.0.autocomplete.APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID"]
            ),
            (
                ["options": [string.merging(["choices": [["name": "x", "value": 5]]])]],
                ["options.0.choices.0.value.STRING_TYPE_CONVERT"]
            ),
            (
                ["options": [["type": 4, "name": "n", "description": "b", "min_value": 5, "max_value": 1]]],
                ["options.0.max_value.NUMBER_TYPE_MIN"]
            ),
            (["contexts": [0], "integration_types": [0]], []),
        ] as [(JSON, [String])])
    func `a command's rules are checked`(change: JSON, expected: [String]) {
        let answer = bench.call("POST", global, command("ping").merging(change))
        #expect(answer.body.formErrors == expected)
        #expect(answer.status == (expected.isEmpty ? 201 : 400))
    }

    @Test func `a guild's command has no contexts`() {
        let answer = bench.call("POST", local, command("ping", ["contexts": [0]]))
        #expect(answer.body.formErrors == ["contexts.APPLICATION_COMMAND_GUILD_SCOPE_INVALID"])
    }

    @Test func `a command holds 8000 characters`() {
        func choices(_ length: Int) -> JSON {
            let value = JSON.string(String(repeating: "v", count: length))
            let list = (0..<25).map { JSON.object([.init("name", .string("n\($0)")), .init("value", value)]) }
            return .array(list)
        }
        func body(_ length: Int) -> JSON {
            let options = (0..<4).map { index in
                Self.string.merging(["name": .string("o\(index)"), "choices": choices(length)])
            }
            return command("ping", ["options": .array(options)])
        }
        #expect(bench.call("POST", global, body(70)).status == 201)
        #expect(bench.call("POST", global, body(90)).body.formErrors == ["APPLICATION_COMMAND_TOO_LARGE"])
    }

    @Test func `names are unique in a list, and 100 is the limit`() {
        let twice = bench.call("PUT", global, [command("ping"), command("ping")])
        #expect(twice.body.formErrors == ["1.APPLICATION_COMMANDS_DUPLICATE_NAME"])
        let many = (0..<101).map { command("c\($0)") }
        #expect(bench.call("PUT", global, .array(many)).body["code"] == 30032)
        #expect(bench.call("PUT", global, .array(Array(many.prefix(100)))).status == 200)
    }

    @Test func `200 new names a day is the limit, known ones do not count`() {
        for round in 0..<2 {
            let list = (0..<100).map { command("c\(round)-\($0)") }
            #expect(bench.call("PUT", global, .array(list)).status == 200)
            #expect(bench.call("PUT", global, .array(list)).status == 200)
        }
        let refused = bench.call("POST", local, command("one-more"))
        #expect(refused.status == 201)
        let tooMany = bench.call("PUT", global, [command("one-more")])
        #expect(tooMany.status == 400)
        #expect(tooMany.body["code"] == 30034)
        bench.wait(milliseconds: 86_400_001)
        #expect(bench.call("PUT", global, [command("one-more")]).status == 200)
    }

    @Test func `another application's commands are not one's own`() {
        #expect(bench.call("GET", "/applications/5/commands").body["code"] == 10002)
        #expect(bench.call("GET", "/applications/\(RESTBench.bot)/guilds/5/commands").body["code"] == 50001)
    }
}
