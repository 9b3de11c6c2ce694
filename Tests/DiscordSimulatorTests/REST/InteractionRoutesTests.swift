import Shared
import Testing

@testable import DiscordSimulator

@Suite struct InteractionRoutesTests {
    let bench: RESTBench

    init() throws {
        bench = try RESTBench()
    }

    /// The routes on tokens need no other authorization.
    private func call(_ method: String, _ path: String, _ body: JSON? = nil) -> (status: Int, body: JSON) {
        bench.call(
            method, path, body, headers: [("User-Agent", RESTBench.agent), ("Content-Type", "application/json")])
    }

    private func callback(_ interaction: Interaction, _ body: JSON, query: String = "") -> (status: Int, body: JSON) {
        call("POST", "/interactions/\(interaction.id)/\(interaction.token)/callback\(query)", body)
    }

    private func original(_ interaction: Interaction) -> String { "\(webhook(interaction))/messages/@original" }

    private func webhook(_ interaction: Interaction) -> String { "/webhooks/\(RESTBench.bot)/\(interaction.token)" }

    @Test func `an answer becomes a message of type 20 that names its interaction`() throws {
        let interaction = bench.ask()
        let answer = callback(interaction, ["type": 4, "data": ["content": "pong"]])
        #expect(answer.status == 204)
        let event = try #require(bench.events("MESSAGE_CREATE").first)
        #expect(event["type"] == 20)
        #expect(event["content"] == "pong")
        #expect(event["application_id"] == .id(RESTBench.bot))
        #expect(event["webhook_id"] == .id(RESTBench.bot))
        #expect(event["interaction_metadata"]?["id"] == .id(interaction.id))
        #expect(bench.world.interactions[interaction.id]?.callbackType == 4)
        #expect(call("GET", original(interaction)).body["content"] == "pong")
    }

    @Test func `with_response tells of the message`() {
        let interaction = bench.ask()
        let answer = callback(
            interaction, ["type": 4, "data": ["content": "pong", "flags": 64]], query: "?with_response=true")
        #expect(answer.status == 200)
        #expect(answer.body["interaction"]?["response_message_ephemeral"] == true)
        #expect(answer.body["interaction"]?["response_message_loading"] == false)
        #expect(answer.body["resource"]?["message"]?["content"] == "pong")
    }

    @Test func `an ephemeral message's event has neither guild nor member, and only the token can touch it`() throws {
        let interaction = bench.ask()
        _ = callback(interaction, ["type": 4, "data": ["content": "psst", "flags": 64]])
        let event = try #require(bench.events("MESSAGE_CREATE").first)
        #expect(event["guild_id"] == nil)
        #expect(event["member"] == nil)
        let id = event["id"]?.string ?? ""
        #expect(bench.call("GET", "/channels/\(RESTBench.general)/messages/\(id)").body["code"] == 10008)
        #expect(call("PATCH", original(interaction), ["content": "pst"]).status == 200)
        #expect(call("DELETE", original(interaction)).status == 204)
        #expect(call("GET", original(interaction)).body["code"] == 10008)
    }

    @Test func `a second answer is 40060, a late or unknown one 10062`() {
        let interaction = bench.ask()
        #expect(callback(interaction, ["type": 5]).status == 204)
        let second = callback(interaction, ["type": 4, "data": ["content": "pong"]])
        #expect(second.status == 400)
        #expect(second.body["code"] == 40060)
        let late = bench.ask()
        bench.wait(milliseconds: 3001)
        #expect(callback(late, ["type": 5]).status == 404)
        #expect(callback(late, ["type": 5]).body["code"] == 10062)
        var forged = bench.ask()
        forged.token = "wrong"
        #expect(callback(forged, ["type": 5]).status == 404)
        #expect(bench.world.interactions[interaction.id]?.answers.map(\.code) == [nil, 40060])
    }

    @Test(arguments: [
        (2, false, [4, 5, 9]), (3, true, [4, 5, 6, 7, 9]), (4, false, [8]), (5, false, [4, 5]),
        (5, true, [4, 5, 6, 7]),
    ])
    func `each kind has its answers`(type: Int, hasMessage: Bool, allowed: [Int]) throws {
        let bodies: [Int: JSON] = [
            4: ["content": "a"], 5: .object([]), 6: .object([]), 7: ["content": "b"],
            8: ["choices": [["name": "a", "value": "b"]]],
            9: [
                "custom_id": "m", "title": "M",
                "components": [
                    [
                        "type": 18, "label": "L",
                        "component": ["type": 4, "custom_id": "t", "style": 1],
                    ]
                ],
            ],
        ]
        for (answer, data) in bodies {
            bench.wait()
            let message = hasMessage ? try bench.say("button") : nil
            let interaction = bench.ask(type: type, message: message)
            let result = callback(interaction, ["type": .integer(answer), "data": data])
            if allowed.contains(answer) {
                #expect(result.status == 204, "\(answer) to \(type): \(result.body.text)")
            } else {
                #expect(result.body.formErrors == ["type.BASE_TYPE_CHOICES"], "\(answer) to \(type)")
            }
        }
    }

    @Test func `a deferral waits as a loading message that the edit completes`() throws {
        let interaction = bench.ask()
        _ = callback(interaction, ["type": 5, "data": ["flags": 64]])
        let event = try #require(bench.events("MESSAGE_CREATE").first)
        #expect(event["flags"] == 192)
        let edited = call("PATCH", original(interaction), ["content": "done"])
        #expect(edited.status == 200)
        #expect(edited.body["flags"] == 64)
        #expect(bench.world.interactions[interaction.id]?.answers.map(\.about) == ["callback", "@original"])
    }

    @Test(arguments: [4, 4096, 68])
    func `a deferral takes no flag but 64`(flags: Int) {
        let result = callback(bench.ask(), ["type": 5, "data": ["flags": .integer(flags)]])
        #expect(result.body.formErrors == ["data.flags.MESSAGE_FLAGS_INVALID"])
    }

    @Test func `a follow-up after a deferral fills the waiting message, later ones are new`() {
        let interaction = bench.ask()
        _ = callback(interaction, ["type": 5])
        let first = call("POST", webhook(interaction), ["content": "one"])
        #expect(first.body["id"] == call("GET", original(interaction)).body["id"])
        let second = call("POST", webhook(interaction), ["content": "two"])
        #expect(second.status == 200)
        #expect(second.body["id"] != first.body["id"])
        bench.wait()
        let path = "\(webhook(interaction))/messages/\(second.body["id"]?.string ?? "")"
        #expect(call("PATCH", path, ["content": "three"]).body["content"] == "three")
        #expect(call("DELETE", path).status == 204)
        #expect(call("GET", path).body["code"] == 10008)
    }

    @Test func `the token is worth nothing before the first answer and after a quarter of an hour`() {
        let interaction = bench.ask()
        let early = call("PATCH", original(interaction), ["content": "x"])
        #expect(early.status == 404)
        #expect(early.body["code"] == 10015)
        #expect(call("POST", webhook(interaction), ["content": "x"]).body["code"] == 10015)
        _ = callback(interaction, ["type": 5])
        bench.wait(milliseconds: 900_001)
        let late = call("PATCH", original(interaction), ["content": "x"])
        #expect(late.status == 401)
        #expect(late.body["code"] == 50027)
        #expect(call("PATCH", "/webhooks/\(RESTBench.bot)/wrong/messages/@original", ["content": "x"]).status == 404)
    }

    @Test func `choices end at 25 and may be none`() {
        func choices(_ count: Int) -> JSON {
            let list = (0..<count).map { JSON.object([.init("name", .string("\($0)")), .init("value", .string("v"))]) }
            return ["type": 8, "data": ["choices": .array(list)]]
        }
        #expect(callback(bench.ask(type: 4), choices(0)).status == 204)
        #expect(callback(bench.ask(type: 4), choices(25)).status == 204)
        #expect(callback(bench.ask(type: 4), choices(26)).body.formErrors == ["data.choices.BASE_TYPE_MAX_LENGTH"])
    }

    @Test func `answers do not count against the global limit`() {
        bench.service.limits.configuration.global = .init(1, perMilliseconds: 1000)
        #expect(bench.call("GET", "/users/@me").status == 200)
        #expect(callback(bench.ask(), ["type": 5]).status == 204)
        #expect(bench.call("GET", "/users/@me").status == 429)
    }

    @Test func `an update answers with the component's message`() throws {
        let message = try bench.say("button")
        let interaction = bench.ask(type: 3, message: message)
        #expect(callback(interaction, ["type": 7, "data": ["content": "pressed"]]).status == 204)
        #expect(bench.world.messages[message]?.json["content"] == "pressed")
        #expect(call("GET", original(interaction)).body["content"] == "pressed")
    }

    @Test func `empty answers are refused and leave the interaction unanswered`() {
        let interaction = bench.ask()
        #expect(callback(interaction, ["type": 4, "data": ["content": ""]]).body["code"] == 50006)
        #expect(callback(interaction, ["type": 4]).body["code"] == 50006)
        #expect(callback(interaction, ["type": 4, "data": ["content": "pong"]]).status == 204)
    }
}
