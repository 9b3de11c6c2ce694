import Foundation
import NIOCore
import Shared
import TestKit
import Testing

@testable import DiscordSimulator

/// The control API, and the program around it.
@Suite(.serialized) struct ControlLiveTests {
    @Test func `waiting ends when it comes true, or at its time`() async throws {
        try await LiveSimulator.run { live in
            let early = try await live.control("GET", "/wait?sessions=1&timeout=0.05")
            #expect(early.status == 408)
            #expect(early.body["met"] == false)
            async let waited = live.control("GET", "/wait?sessions=1&identifies=1&violations_max=0&timeout=10")
            let client = try await live.connect()
            try await client.start()
            #expect(try await waited.status == 200)
            #expect(try await live.control("GET", "/wait?nonsense=1").status == 400)
        }
    }

    @Test func `the report counts what was put into sessions, by name`() async throws {
        try await LiveSimulator.run { live in
            try await live.control("POST", "/messages", ["content": "nobody is there to hear it"])
            let client = try await live.connect()
            try await client.start()
            try await live.control("POST", "/messages", ["content": "message {n}", "count": 3])
            try await live.control("POST", "/dispatch?t=CHANNEL_UPDATE", bytes: ByteBuffer(string: "{}"))
            try await client.drop()
            try await live.control("POST", "/messages", ["content": "waits for a resume"])
            let report = try await live.control("GET", "/report").body
            #expect(
                report["dispatched"] == [
                    "CHANNEL_UPDATE": 1, "GUILD_CREATE": 2, "MESSAGE_CREATE": 4, "READY": 1,
                ])
            #expect(report["dispatches"] == 8)
        }
    }

    @Test func `nobody can use a command that the bot has not registered`() async throws {
        try await LiveSimulator.run { live in
            let answer = try await live.control("POST", "/interactions", ["command": "ping"])
            #expect(answer.status == 409)
        }
    }

    private static let commands: JSON = [
        ["type": 1, "name": "secret", "id": "6", "default_member_permissions": "32"],
        [
            "type": 1, "name": "config", "id": "5",
            "options": [
                ["type": 1, "name": "show"],
                [
                    "type": 1, "name": "welcome",
                    "options": [
                        ["type": 7, "name": "channel", "required": true], ["type": 4, "name": "days"],
                    ],
                ],
            ],
        ],
    ]

    @Test func `a command is sent as the app sends it, with what its ids stand for`() async throws {
        try await LiveSimulator.run { live in
            try await live.running.loop.submit {
                live.running.simulator.value.rest.handlers.commandBook[nil] = Self.commands.elements
            }.get()
            let client = try await live.connect()
            try await client.start()
            let guild = try #require(try await live.control("GET", "/world").body["guilds"]?.elements?.first)
            let channel = try #require(guild["channels"]?.elements?.last?["id"])
            let asked = try await live.control(
                "POST", "/interactions", ["command": "config welcome", "options": ["channel": channel, "days": 5]])
            #expect(asked.status == 200)
            let d = try await client.event("INTERACTION_CREATE")["d"]
            let options: JSON = [
                ["value": channel, "type": 7, "name": "channel"], ["value": 5, "type": 4, "name": "days"],
            ]
            #expect(d?["data"]?["options"] == [["type": 1, "options": options, "name": "welcome"]])
            #expect(d?["data"]?["resolved"]?["channels"]?[channel.string ?? ""]?["guild_id"] == guild["id"])
            #expect(d?["guild_id"] == guild["id"])
            #expect(d?["member"]?["permissions"]?.string != nil)
            for (path, options) in [
                ("config", .object([])), ("config nothing", .object([])), ("config welcome", .object([])),
                ("config welcome", ["channel": "1"]), ("config show", ["days": 5]),
            ] as [(String, JSON)] {
                let refused = try await live.control(
                    "POST", "/interactions", ["command": .string(path), "options": options])
                #expect(refused.status == 409, "\(path) \(options.text)")
            }
        }
    }

    @Test func `a command is offered only to those who have its permissions`() async throws {
        try await LiveSimulator.run { live in
            try await live.running.loop.submit {
                live.running.simulator.value.rest.handlers.commandBook[nil] = Self.commands.elements
            }.get()
            let guild = try #require(try await live.control("GET", "/world").body["guilds"]?.elements?.first)
            let people = guild["members"]?.elements ?? []
            #expect(people.first?["id"] == guild["owner"])
            for (person, status) in zip(people, [200, 409]) {
                let answer = try await live.control(
                    "POST", "/interactions", ["command": "secret", "user": try #require(person["id"])])
                #expect(answer.status == status)
            }
        }
    }

    @Test func `the user's app speaks German, or what the order says`() async throws {
        try await LiveSimulator.run { live in
            try await live.running.loop.submit {
                live.running.simulator.value.rest.handlers.commandBook[nil] = Self.commands.elements
            }.get()
            let client = try await live.connect()
            try await client.start()
            for (order, locale) in [
                (["command": "config show"], "de"), (["command": "config show", "locale": "es-ES"], "es-ES"),
                (["modal": "form", "fields": ["text": "x"], "locale": "es-419"], "es-419"),
            ] as [(JSON, JSON)] {
                #expect(try await live.control("POST", "/interactions", order).status == 200)
                #expect(try await client.event("INTERACTION_CREATE")["d"]?["locale"] == locale)
            }
            for locale in ["es", "", 5] as [JSON] {
                let refused = try await live.control(
                    "POST", "/interactions", ["command": "config show", "locale": locale])
                #expect(refused.status == 400, "\(locale.text)")
            }
        }
    }

    @Test func `an unknown path and a body that is no JSON are refused`() async throws {
        try await LiveSimulator.run { live in
            let statuses = [
                try await live.control("GET", "/nothing").status,
                try await live.control("POST", "/messages", bytes: ByteBuffer(string: "{")).status,
                try await live.control("POST", "/messages", ["content": "x", "channel": "1"]).status,
            ]
            #expect(statuses == [404, 400, 404])
        }
    }

    // MARK: - The program

    @Test(arguments: [SIGTERM, SIGINT])
    func `the program says where it listens, and ends with 0 on a signal`(signal: Int32) async throws {
        let directory = try TemporaryDirectory("simulator")
        let process = try ChildProcess("olim-simulator", ["--port-file", directory.path("port")], in: directory.path)
        let line = try await process.waitForLine(containing: "\"ready\":true")
        let port = try #require(try JSON(ofText: line)["port"]?.int)
        try await eventually("the port file is there") {
            (try? String(contentsOfFile: directory.path("port"), encoding: .utf8)) == "\(port)\n"
        }
        process.signal(signal)
        #expect(try await process.waitForTermination() == .exited(0))
    }

    /// Root may set options on its sockets that others may not.
    @Test func `it serves also if it has no privileges`() async throws {
        let directory = try TemporaryDirectory("simulator")
        let simulator = BuildDirectory.executable("olim-simulator")
        let process =
            geteuid() == 0
            ? try ChildProcess(
                "/usr/bin/setpriv", ["--inh-caps=-all", "--bounding-set=-all", simulator], in: directory.path)
            : try ChildProcess(simulator, in: directory.path)
        let line = try await process.waitForLine(containing: "\"ready\":true")
        let port = try #require(try JSON(ofText: line)["port"]?.int)
        try await LiveSimulator.withClients { clients in
            let client = try await TestClient.connect(port: port, on: clients)
            try await client.start()
        }
        #expect(try await process.stop() == .exited(0))
    }

    @Test func `a port that is taken is said in one line, with 69`() async throws {
        let directory = try TemporaryDirectory("simulator")
        let first = try ChildProcess("olim-simulator", [], in: directory.path)
        let line = try await first.waitForLine(containing: "\"ready\":true")
        let port = try #require(try JSON(ofText: line)["port"]?.int)
        let second = try ChildProcess("olim-simulator", ["--port", "\(port)"], in: directory.path)
        #expect(try await second.waitForTermination() == .exited(69))
        #expect(second.lines(.error).count == 1)
        #expect(second.lines(.error).first?.contains("cannot listen on 127.0.0.1:\(port)") == true)
        #expect(try await first.stop() == .exited(0))
    }

    @Test(arguments: [
        ["--guilds", "x"], ["--members", "1"], ["--tls-key", "a"], ["--allowed-intents", "EVERYTHING"],
        ["--fault", "{"], ["--heartbeat-close", "never"], ["--nonsense"],
    ])
    func `a wrong option ends with 64`(arguments: [String]) async throws {
        let directory = try TemporaryDirectory("simulator")
        let process = try ChildProcess("olim-simulator", arguments, in: directory.path)
        #expect(try await process.waitForTermination() == .exited(64))
        #expect(!process.lines(.error).isEmpty)
    }

    @Test func `a community lives as soon as a bot is there, and shows it`() async throws {
        let directory = try TemporaryDirectory("simulator")
        let process = try ChildProcess(
            "olim-simulator",
            ["--scenario", "community", "--rate", "6000", "--port-file", directory.path("port")], in: directory.path)
        let port = try await eventually("the port file is there") {
            (try? String(contentsOfFile: directory.path("port"), encoding: .utf8)).flatMap {
                Int($0.split(separator: "\n").first ?? "")
            }
        }
        try await LiveSimulator.withClients { clients in
            let client = try await TestClient.connect(port: port, on: clients)
            try await client.start()
            _ = try await client.event("GUILD_MEMBER_ADD")
        }
        _ = try await process.waitForLine(containing: " joins")
        _ = try await process.waitForLine(containing: ": !ping")
        #expect(try await process.stop() == .exited(0))
    }
}
