import Shared
import Testing

import struct NIOCore.ByteBuffer

@testable import DiscordSimulator

/// The simulator's own answers, held against Discord's document.
@Suite struct AnswerFormTests {
    let bench: RESTBench
    private let guild = "/guilds/\(RESTBench.guild)"
    private let channel = "/channels/\(RESTBench.general)"
    private let commands = "/applications/\(RESTBench.bot)/commands"

    init() throws {
        bench = try RESTBench()
    }

    private func complaints(_ value: JSON, _ component: String) throws -> [String] {
        let library = bench.service.document.library
        var errors = FormErrors()
        try SchemaValidator(library: library)
            .validate(value, against: library.schema(named: component), at: [], into: &errors)
        // topics/permissions.mdx: a role's icon may be null; the document says string.
        let isPage = { (path: [String]) in path.last == "icon" || path.last == "unicode_emoji" }
        return errors.leaves.filter { !isPage($0.path) }.map {
            ($0.path + [$0.code, $0.message]).joined(separator: ".")
        }
    }

    @Test(arguments: [
        ("/users/@me", "UserPIIResponse"),
        ("/applications/@me", "PrivateApplicationResponse"), ("/oauth2/applications/@me", "PrivateApplicationResponse"),
        ("/guilds/888832427022221319", "GuildResponse"), ("/guilds/888832427022221319?with_counts=1", "GuildResponse"),
        ("/channels/888832427026415625", "GuildChannelResponse"), ("/users/647709301943042060", "UserResponse"),
        ("/guilds/888832427022221319/roles/888832427022221319", "GuildRoleResponse"),
        ("/guilds/888832427022221319/members/647709301943042060", "GuildMemberResponse"),
    ])
    func `single objects have their form`(path: String, component: String) throws {
        let answer = bench.call("GET", path)
        #expect(answer.status == 200)
        let found = try complaints(answer.body, component)
        #expect(found == [])
    }

    @Test(arguments: [
        ("/users/@me/guilds", "MyGuildResponse"), ("/guilds/888832427022221319/channels", "GuildChannelResponse"),
        ("/guilds/888832427022221319/roles", "GuildRoleResponse"),
        ("/guilds/888832427022221319/members?limit=5", "GuildMemberResponse"),
    ])
    func `lists have their form`(path: String, component: String) throws {
        let elements = try #require(bench.call("GET", path).body.elements)
        #expect(!elements.isEmpty)
        for element in elements {
            let found = try complaints(element, component)
            #expect(found == [])
        }
    }

    @Test(
        arguments: [
            ["content": "a"], ["content": "a", "nonce": "n", "enforce_nonce": true],
            [
                "embeds": [
                    [
                        "title": "t", "description": "d", "color": 5, "timestamp": "2026-08-06T18:31:01.482Z",
                        "fields": [["name": "n", "value": "v", "inline": true]], "footer": ["text": "f"],
                        "author": ["name": "a"],
                    ]
                ]
            ],
            ["components": [["type": 1, "components": [["type": 2, "style": 1, "custom_id": "c", "label": "C"]]]]],
            ["content": "<@647709301943042060>"],
        ] as [JSON])
    func `messages have their form`(body: JSON) throws {
        let answer = bench.call("POST", "\(channel)/messages", body)
        #expect(answer.status == 200)
        let found = try complaints(answer.body, "MessageResponse")
        #expect(found == [])
    }

    @Test func `replies have their form`() throws {
        let message = try bench.say("moin")
        let answer = bench.call(
            "POST", "\(channel)/messages", ["content": "hi", "message_reference": ["message_id": .id(message)]])
        let found = try complaints(answer.body, "MessageResponse")
        #expect(found == [])
        let list = bench.call("GET", "\(channel)/messages").body.elements ?? []
        #expect(list.count == 2)
        for element in list {
            let found = try complaints(element, "MessageResponse")
            #expect(found == [])
        }
    }

    @Test func `commands have their form`() throws {
        let options: JSON = [
            [
                "type": 3, "name": "a", "description": "b", "required": true, "choices": [["name": "x", "value": "y"]],
            ]
        ]
        let body: JSON = ["name": "ping", "description": "what", "options": options, "default_member_permissions": "8"]
        let answer = bench.call("POST", commands, body)
        #expect(answer.status == 201)
        let found = try complaints(answer.body, "ApplicationCommandResponse")
        #expect(found == [])
    }

    @Test func `callbacks have their form`() throws {
        let interaction = bench.ask()
        let path = "/interactions/\(interaction.id)/\(interaction.token)/callback?with_response=true"
        let answer = bench.call("POST", path, ["type": 4, "data": ["content": "pong"]])
        let found = try complaints(answer.body, "InteractionCallbackResponse")
        #expect(found == [])
    }

    @Test func `every operation of the document is answered, and none breaks the checks`() {
        for operation in bench.service.document.routes.operations {
            bench.wait()
            var path = operation.template
            for parameter in operation.pathParameters {
                path = path.split(separator: "/").map { $0 == "{\(parameter.name)}" ? "1" : String($0) }
                    .joined(separator: "/")
            }
            let answer = bench.send(operation.method, "/\(path)", .object([]))
            #expect(answer.status != 500, "\(operation.id): \(String(buffer: answer.body))")
            #expect(answer.status != 404 || RESTBench.json(answer)["code"] != 0, "\(operation.id)")
        }
        #expect(bench.service.statistics.requests.count == 242)
    }
}
