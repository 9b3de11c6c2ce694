import TestKit
import Testing

@testable import Shared

/// The real program against a scripted gateway.
@Suite(.timeLimit(.minutes(2))) struct ControlToolTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private struct Outcome: Equatable {
        var exit: ChildProcess.Termination
        var output: [String]
        var errors: [String] = []
    }

    private func run(
        _ arguments: [String], environment: [String: String] = [:], script: [String: ScriptedGateway.Answer]? = nil
    ) async throws -> (outcome: Outcome, requests: [JSON]) {
        let gateway = try script.map { try ScriptedGateway(at: directory.path("control.sock"), $0) }
        let process = try ChildProcess(
            "olimctl", arguments,
            environment: ["QUEUE_SOCKET": directory.path("queue.sock"), "TZ": "UTC"].merging(environment) { $1 },
            in: directory.path)
        let exit = try await process.waitForTermination()
        return (
            Outcome(exit: exit, output: process.lines(), errors: process.lines(.error)), gateway?.requests ?? []
        )
    }

    private static let healthy = #"""
        {"version":"0.1.0","uptime_s":3725,"shards":[{"id":0,"state":"ready","seq":42,"latency_ms":31,"idle_ms":1200}],\#
        "queue":{"depth":2,"classes":{"guild":{"depth":2,"oldest_ms":15},"channel":{"depth":0},"unread":{"depth":0}},"bytes":3072,"limit_bytes":1073741824,"oldest_ms":15,"in_flight":2,"dead_letters":0,"shed":0,\#
        "lost":0},"workers":[{"name":"w1","pid":7,"uid":1000,"version":"0.1.0","capacity":256,"in_flight":2,"acked":99,"rate":1.5,\#
        "report":{"database":{"id":"x","engine":"sqlite","ok":true},"tasks":{"counts":[\#
        {"task":"quote","state":"planned","count":4},{"task":"quote","state":"done","count":3}]}}}],"rates":{"received":2.0,"delivered":2.0,"acked":1.5},\#
        "counters":{"received":101,"acked":99,"identifies_remaining":997,"identifies_24h":3}}
        """#

    @Test func `status shows everything at a glance`() async throws {
        let (outcome, requests) = try await run(["status"], script: ["status": .result("\"status\":" + Self.healthy)])
        #expect(
            outcome
                == Outcome(
                    exit: .exited(0),
                    output: [
                        "olim-gateway 0.1.0, up 1 h 2 min: all is well",
                        "",
                        "Shards",
                        "  id  state  sequence  heartbeat  last heard",
                        "  0   ready  42        31 ms      1 s ago",
                        "  identifies left today: 997, 3 in the last 24 hours",
                        "",
                        "Queue",
                        "  2 events waiting or in flight (2 in flight, 3.0 KiB, the oldest for 15 ms)",
                        "  by key: guild 2 (the oldest for 15 ms)",
                        "  per second: received 2.0, delivered 2.0, done 1.5",
                        "  since the start: received 101, acked 99",
                        "",
                        "Workers",
                        "  name  pid  uid   version  in flight  per second  acknowledged  database",
                        "  w1    7    1000  0.1.0    2 of 256   1.5         99            sqlite",
                        "",
                        "Daily tasks",
                        "  task   planned  due  running  posted  done  failed  skipped",
                        "  quote  4        0    0        0       3     0       0",
                    ]))
        #expect(requests == [["do": "status", "args": [:]]])
    }

    private static let tasks = #"""
        {"workers":[{"name":"w0"},{"name":"w1","report":{"database":{"id":"x","engine":"sqlite"},"tasks":{\#
        "counts":[{"task":"post","state":"done","count":7},{"task":"post","state":"planned","count":2},\#
        {"task":"digest","state":"failed","count":1}],"troubles":[{"guild":"5","task":"digest","date":"2026-11-26",\#
        "state":"failed","reason":"403"}]}}},{"name":"w2","report":{"database":{"id":"x","engine":"sqlite"},\#
        "tasks":{"counts":[]}}}]}
        """#

    @Test func `tasks are shown once for each database, with what went wrong`() async throws {
        let (outcome, _) = try await run(["tasks"], script: ["status": .result("\"status\":" + Self.tasks)])
        #expect(
            outcome
                == Outcome(
                    exit: .exited(0),
                    output: [
                        "task    planned  due  running  posted  done  failed  skipped",
                        "post    2        0    0        0       7     0       0",
                        "digest  0        0    0        0       0     1       0",
                        "",
                        "lately failed or skipped",
                        "server  task    date        state   reason",
                        "5       digest  2026-11-26  failed  403",
                    ]))
    }

    @Test func `without a report there are no tasks to show`() async throws {
        let (none, _) = try await run(["tasks"], script: ["status": .result("\"status\":{\"workers\":[]}")])
        #expect(none.output == ["no worker has reported any tasks yet"])
    }

    @Test func `tasks as JSON are what was reported`() async throws {
        let (json, _) = try await run(["tasks", "--json"], script: ["status": .result("\"status\":" + Self.tasks)])
        #expect(json.output.count == 1 && json.output[0].contains(#""reason":"403""#))
    }

    @Test func `status as JSON is the gateway's own bytes`() async throws {
        let status = #"{"version":"0.1.0","big":18446744073709551615,"x":1.0,"shards":[]}"#
        let (outcome, _) = try await run(["status", "--json"], script: ["status": .result("\"status\":" + status)])
        #expect(outcome == Outcome(exit: .exited(0), output: [status]))
    }

    private static let ill = #"{"version":"0.1.0","shards":[],"queue":{"depth":3},"workers":[]}"#

    @Test func `health is an exit code with its reasons`() async throws {
        var (outcome, _) = try await run(["health"], script: ["status": .result("\"status\":" + Self.healthy)])
        #expect(outcome == Outcome(exit: .exited(0), output: ["healthy"]))
        unlink()
        (outcome, _) = try await run(["health"], script: ["status": .result("\"status\":" + Self.ill)])
        let reasons = ["no shard is running", "no worker is connected; 3 events wait"]
        #expect(outcome == Outcome(exit: .exited(69), output: reasons, errors: ["olimctl: the gateway is not healthy"]))
        unlink()
        (outcome, _) = try await run(["health", "--json"], script: ["status": .result("\"status\":" + Self.ill)])
        #expect(outcome.exit == .exited(69))
        #expect(
            outcome.output == [
                #"{"healthy":false,"failures":["no shard is running","no worker is connected; 3 events wait"],"warnings":[]}"#
            ])
    }

    @Test(arguments: [
        (["--worker", "w1"], [:], 0, "healthy"),
        (["--worker", "w2"], [:], 69, "worker w2 cannot reach its sqlite database: disk I/O error"),
        (["--worker", "w"], [:], 69, "no worker named w is connected to the gateway"),
        (["--this-worker"], ["WORKER_NAME": "w1"], 0, "healthy"),
        (["--this-worker"], ["HOSTNAME": "box"], 0, "healthy"),
    ])
    func `health of a worker is asked for on the queue socket`(
        arguments: [String], environment: [String: String], exit: Int32, text: String
    ) async throws {
        let host = WorkerSettings.standardName(.process()).split(separator: ":").dropLast().joined(separator: ":")
        let queue = try ScriptedGateway(
            at: directory.path("queue.sock"),
            [
                "status": .raw(
                    #"{"op":"ping"}"# + "\n" + #"{"op":"status","workers":[{"name":"w1"},{"name":"\#(host):7"},"#
                        + #"{"name":"w2","report":{"database":{"engine":"sqlite","ok":false,"reason":"disk I/O error"}}}]}"#
                        + "\n")
            ])
        let (outcome, _) = try await run(["health"] + arguments, environment: environment)
        #expect(outcome.exit == .exited(exit) && outcome.output == [text], "\(outcome)")
        #expect(queue.requests.isEmpty)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions name every command`(shell: String) async throws {
        let (outcome, _) = try await run(["--generate-completion-script", shell])
        #expect(outcome.exit == .exited(0))
        let script = outcome.output.joined(separator: "\n")
        for command in ["status", "top", "health", "dead-letters", "workers", "shards", "tail", "tasks"] {
            #expect(script.contains(command), "\(command)")
        }
        guard shell == "bash" else { return }
        try directory.write(script, to: "completions")
        let check = try ChildProcess("/bin/bash", ["-n", directory.path("completions")], in: directory.path)
        #expect(try await check.waitForTermination() == .exited(0))
    }

    private func unlink() {
        SocketFile.remove(directory.path("control.sock"))
    }

    private static let letters =
        #""dead_letters":[{"id":9,"t":"MESSAGE_CREATE","key":"guild:1","failures":5,"failed_at":1764000000000000,"reasons":["a","b\n\u001b[2J"]}]"#

    @Test func `dead letters are listed`() async throws {
        var (outcome, _) = try await run(
            ["dead-letters", "list"], script: ["dead-letters.list": .result(Self.letters)])
        #expect(
            outcome
                == Outcome(
                    exit: .exited(0),
                    output: [
                        "id  failed at            event           key      failures  last reason",
                        #"9   2025-11-24 16:00:00  MESSAGE_CREATE  guild:1  5         b\n\u{1B}[2J"#,
                    ]))
        unlink()
        (outcome, _) = try await run(
            ["dead-letters", "list", "--json"], script: ["dead-letters.list": .result(Self.letters)])
        #expect(outcome.output == [String(Self.letters.dropFirst(#""dead_letters":"#.count))])
        unlink()
        (outcome, _) = try await run(
            ["dead-letters", "list"], script: ["dead-letters.list": .result(#""dead_letters":[]"#)])
        #expect(outcome.output == ["no dead letters"])
    }

    @Test func `a dead letter is shown with its event`() async throws {
        let letter =
            #"{"id":9,"t":"X","key":"guild:1","failures":1,"failed_at":0,"reasons":["why"],"frame":{"op":"event","d":{"a":[1,{}],"b":18446744073709551615}}}"#
        var (outcome, requests) = try await run(
            ["dead-letters", "show", "9"], script: ["dead-letters.show": .result("\"dead_letter\":" + letter)])
        #expect(outcome.exit == .exited(0))
        #expect(
            outcome.output.prefix(9) == [
                "X 9 of guild:1", "failed 1 time, last at 1970-01-01 00:00:00", "  - why", "{", #"  "op": "event","#,
                #"  "d": {"#, #"    "a": ["#, "      1,", "      {}",
            ])
        #expect(requests == [["do": "dead-letters.show", "args": ["id": 9]]])
        unlink()
        (outcome, requests) = try await run(
            ["dead-letters", "show", "9", "--json"], script: ["dead-letters.show": .result("\"dead_letter\":" + letter)]
        )
        #expect(outcome.output == [letter])
    }

    @Test(arguments: [
        (
            ["dead-letters", "retry", "9", "10"], "dead-letters.retry", #"{"ids":[9,10]}"#,
            "2 dead letters back in the queue"
        ),
        (
            ["dead-letters", "retry", "--all"], "dead-letters.retry", #"{"ids":"all"}"#,
            "2 dead letters back in the queue"
        ),
        (["dead-letters", "discard", "9"], "dead-letters.discard", #"{"ids":[9]}"#, "2 dead letters discarded"),
        (["dead-letters", "discard", "--all", "--json"], "dead-letters.discard", #"{"ids":"all"}"#, #"{"count":2}"#),
        (["workers", "drain", "w1"], "workers.drain", #"{"name":"w1"}"#, "2 workers are asked to drain"),
        (["workers", "drain", "w1", "--json"], "workers.drain", #"{"name":"w1"}"#, #"{"count":2}"#),
        (["shards", "reidentify", "3"], "shards.reidentify", #"{"id":3}"#, "shard 3 identifies anew"),
        (["shards", "reidentify", "3", "--json"], "shards.reidentify", #"{"id":3}"#, #"{"id":3}"#),
    ])
    func `an action is asked for and its outcome told`(
        arguments: [String], action: String, sent: String, told: String
    ) async throws {
        let (outcome, requests) = try await run(arguments, script: [action: .result(#""count":2"#)])
        #expect(outcome == Outcome(exit: .exited(0), output: [told]))
        #expect(requests == [["do": .string(action), "args": try JSON(ofText: sent)]])
    }

    @Test func `tail shows events until the gateway closes`() async throws {
        let event =
            #"{"id":7,"shard":0,"seq":2,"t":"MESSAGE_CREATE","key":"guild:1","received_at":0,"bytes":2048,"d":{"x":1.0}}"#
        let results = ["\"note\":1", "\"event\":\(event)", "\"skipped\":3,\"event\":\(event)"]
        var (outcome, requests) = try await run(
            ["tail", "--events", "MESSAGE_CREATE,GUILD_CREATE", "--guild", "1", "--content"],
            script: ["tail": .stream(results)])
        let line = #"1970-01-01 00:00:00 shard 0 MESSAGE_CREATE guild:1 id 7 2.0 KiB {"x":1.0}"#
        #expect(outcome.output == [line, line])
        #expect(
            outcome.errors == [
                "olimctl: 3 events were left out: too fast for this reader",
                "olimctl: the gateway at \(directory.path("control.sock")) closed the connection",
            ])
        #expect(outcome.exit == .exited(69))
        #expect(
            requests == [
                ["do": "tail", "args": ["events": ["MESSAGE_CREATE", "GUILD_CREATE"], "guild": "1", "content": true]]
            ])
        unlink()
        (outcome, requests) = try await run(["tail", "--json"], script: ["tail": .stream(results)])
        #expect(outcome.output == [event, event])
        #expect(requests == [["do": "tail", "args": ["content": false]]])
    }

    @Test(
        arguments: [
            (
                ["workers", "drain", "w9"], "workers.drain", ScriptedGateway.Answer.refusal("there is no worker w9"),
                64, "there is no worker w9"
            ),
            (["status"], "status", .raw("nonsense\n"), 69, "sent a line that is not JSON"),
            (["status"], "status", .raw(""), 69, "closed the connection"),
            (
                ["status"], "status", .raw("{\"op\":\"error\",\"code\":\"forbidden\",\"message\":\"uid 5\"}\n"), 69,
                "refused the connection: uid 5"
            ),
            (["status", "--json"], "status", .result("\"x\":1"), 69, "lacks \"status\"; is it of another version?"),
            (
                ["status"], "status", .raw(String(repeating: "x", count: QueueProtocol.maximumLineBytes + 1)), 69,
                "longer than"
            ),
        ] as [([String], String, ScriptedGateway.Answer, Int32, String)])
    func `what goes wrong is one line and its exit code`(
        arguments: [String], action: String, answer: ScriptedGateway.Answer, exit: Int32, reason: String
    ) async throws {
        let (outcome, _) = try await run(arguments, script: [action: answer])
        #expect(outcome.exit == .exited(exit))
        #expect(outcome.output == [] && outcome.errors.count == 1, "\(outcome)")
        #expect(
            outcome.errors.first?.hasPrefix("olimctl: ") == true && outcome.errors.first?.contains(reason) == true,
            "\(outcome)")
    }

    @Test func `a gateway that is not there is 69 with what to do`() async throws {
        let (outcome, _) = try await run(["status"])
        let path = directory.path("control.sock")
        #expect(
            outcome
                == Outcome(
                    exit: .exited(69), output: [],
                    errors: [
                        "olimctl: cannot reach the gateway at \(path): there is no such socket; is olim-gateway running, and with this CONTROL_SOCKET? (--socket PATH)"
                    ]))
    }

    @Test(
        arguments: [
            ([], ["CONTROL_SOCKET": "a.sock"], "a.sock"),
            (["--socket", "b.sock"], ["CONTROL_SOCKET": "a.sock"], "b.sock"),
            ([], ["QUEUE_SOCKET": "x/q"], "x/control.sock"), ([], ["QUEUE_SOCKET": ""], "./run/control.sock"),
            ([], ["QUEUE_SOCKET": "", "RUNTIME_DIRECTORY": "/nowhere"], "/nowhere/control.sock"),
        ] as [([String], [String: String], String)])
    func `the socket is where the gateway puts it`(
        arguments: [String], environment: [String: String], path: String
    ) async throws {
        let (outcome, _) = try await run(["status"] + arguments, environment: environment)
        #expect(outcome.errors.first?.hasPrefix("olimctl: cannot reach the gateway at \(path): ") == true, "\(outcome)")
    }

    @Test(arguments: [
        ["nonsense"], ["status", "extra"], ["dead-letters", "show"], ["dead-letters", "show", "x"],
        ["dead-letters", "retry"], ["dead-letters", "retry", "1", "--all"], ["workers", "drain"],
        ["shards", "reidentify", "x"], ["tail", "--events"], ["--socket"],
    ])
    func `a wrong command line is 64`(arguments: [String]) async throws {
        let (outcome, _) = try await run(arguments)
        #expect(outcome.exit == .exited(64))
        #expect(outcome.output == [] && !outcome.errors.isEmpty)
    }

    @Test func `help and version are 0`() async throws {
        #expect(try await run(["--version"]).outcome == Outcome(exit: .exited(0), output: [Version.current]))
        for arguments in [["--help"], ["dead-letters", "--help"], ["help", "tail"], []] {
            #expect(try await run(arguments).outcome.exit == .exited(0))
        }
    }

    @Test func `check names the problems of both programs at once`() async throws {
        var (outcome, _) = try await run(["check"], environment: ["DISCORD_TOKEN": "t"])
        #expect(
            outcome
                == Outcome(
                    exit: .exited(0),
                    output: ["olim-gateway: the configuration is good", "olim-worker: the configuration is good"]))
        try directory.write("DISCORD_TOKNE=hunter2\nLOG_LEVEL=loud\nDATABASE_URL=hunter2\n", to: ".env")
        (outcome, _) = try await run(["check"])
        #expect(outcome.exit == .exited(78) && outcome.errors == [])
        #expect(!outcome.output.joined().contains("hunter2"))
        let level =
            "LOG_LEVEL in .env is \"loud\"; it must be one of trace, debug, info, notice, warning, error, critical"
        #expect(outcome.output.contains("olim-gateway: \(level)") && outcome.output.contains("olim-worker: \(level)"))
        #expect(outcome.output.filter { $0.contains("did you mean DISCORD_TOKEN?") }.count == 2)
        #expect(outcome.output.filter { $0.contains("DATABASE_URL in .env is not accepted") }.count == 1)
        (outcome, _) = try await run(["check", "--json"])
        let report = try JSON(ofText: outcome.output.joined())
        #expect(outcome.exit == .exited(78) && report["ok"] == false)
        #expect(report["olim-worker"]?["problems"]?.elements?.count == 3)
        #expect(report["olim-gateway"]?["warnings"]?.elements?.count == 1)
    }
}
