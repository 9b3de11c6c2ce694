import Shared
import TestKit
import Testing

/// What an operator has: olimctl, systemd's notices, Prometheus' endpoint. With the real programs.
@Suite(.timeLimit(.minutes(2))) struct OperatorTests {
    private func olimctl(_ arguments: [String], _ stack: Stack) throws -> ChildProcess {
        try ChildProcess("olimctl", arguments, environment: stack.environment, in: stack.directory.path)
    }

    private func lines(_ arguments: [String], _ stack: Stack, exit: Int32 = 0) async throws -> [String] {
        let tool = try olimctl(arguments, stack)
        #expect(try await tool.waitForTermination() == .exited(exit), "\(arguments): \(tool.tail)")
        return tool.lines()
    }

    @Test func `olimctl tells what is wrong, and shows the events that come in`() async throws {
        let stack = try await Stack()
        #expect(try await lines(["health"], stack, exit: 69) == [])
        _ = try await stack.gateway()
        #expect(try await lines(["health"], stack, exit: 69).first?.hasPrefix("no worker is connected; ") == true)

        _ = try await stack.worker("w1")
        #expect(try await lines(["health"], stack) == ["healthy"])
        let status = try await lines(["status"], stack)
        #expect(status.first?.hasSuffix(": all is well") == true, "\(status)")
        #expect(
            status.contains { $0.hasPrefix("  0   ready  ") } && status.contains { $0.hasPrefix("  w1    ") },
            "\(status)")

        let named = try olimctl(["tail", "--events", "MESSAGE_CREATE", "--json"], stack)
        let whole = try olimctl(["tail", "--content", "--guild", "1"], stack)
        let content = try olimctl(["tail", "--content"], stack)
        try await eventually("all three watch") {
            try await stack.control.post("/simulator/messages", ["content": "look at this"])
            return !named.lines().isEmpty && !content.lines().isEmpty
        }
        let event = try JSON(ofText: try #require(named.lines().first))
        #expect(event["t"] == "MESSAGE_CREATE" && event["d"] == nil && (event["bytes"]?.int ?? 0) > 100)
        #expect(content.lines().contains { $0.contains(" MESSAGE_CREATE guild:") && $0.contains("look at this") })
        #expect(whole.lines().isEmpty)
    }

    @Test func `olimctl drains a worker and starts a session anew`() async throws {
        let stack = try await Stack()
        let gateway = try await stack.gateway()
        let worker = try await stack.worker("w1")
        #expect(try await lines(["workers", "drain", "w1"], stack) == ["1 worker is asked to drain"])
        #expect(try await worker.waitForTermination() == .exited(0), "\(worker.tail)")
        #expect(try await lines(["workers", "drain", "w1"], stack, exit: 64) == [])

        #expect(try await lines(["shards", "reidentify", "7"], stack, exit: 64) == [])
        #expect(try await lines(["shards", "reidentify", "0"], stack) == ["shard 0 identifies anew"])
        try await stack.wait("identifies", atLeast: 2, or: gateway)
    }

    @Test func `a dead letter can be listed, shown, retried and discarded`() async throws {
        let stack = try await Stack()
        _ = try await stack.gateway(["QUEUE_MAX_ATTEMPTS": "1"])
        let code = """
            import json, os, socket
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.environ["QUEUE_SOCKET"])
            def send(**frame): connection.sendall(json.dumps(frame).encode() + b"\\n")
            send(op="hello", protocol=1, worker="refuser", version="1", capacity=8, events=["MESSAGE_CREATE"])
            for line in connection.makefile("rb"):
                frame = json.loads(line)
                if frame["op"] == "event":
                    print("retry" if "retry_of" in frame else "first", flush=True)
                    send(op="nack", ids=[frame["id"]], reason="I do not like it")
                if frame["op"] == "ping": send(op="pong")
            """
        let refuser = try ChildProcess(
            "/usr/bin/env", ["python3", "-c", code], environment: stack.environment, in: stack.directory.path)
        try await eventually("the refuser is there") {
            try await stack.status()["workers"]?.elements?.isEmpty == false
        }
        try await stack.control.post("/simulator/messages", ["content": "an awkward one"])

        let letter = try await letter(in: stack, besides: 0)
        let shown = try await lines(["dead-letters", "show", "\(letter)"], stack)
        #expect(shown.contains("  - I do not like it"), "\(shown)")
        #expect(shown.contains { $0.contains("an awkward one") })
        #expect(try await lines(["dead-letters", "show", "1"], stack, exit: 64) == [])

        #expect(
            try await lines(["dead-letters", "retry", "\(letter)"], stack) == ["1 dead letter back in the queue"])
        try await refuser.waitForLine(containing: "retry")
        // It is refused again, and is then another event.
        let second = try await self.letter(in: stack, besides: letter)
        #expect(second > letter)
        #expect(try await lines(["status"], stack).contains("  ! 1 dead letter: olimctl dead-letters list"))
        #expect(try await lines(["dead-letters", "discard", "--all"], stack) == ["1 dead letter discarded"])
        #expect(try await lines(["dead-letters", "list"], stack) == ["no dead letters"])
    }

    /// The id of the one dead letter, once it is another than that.
    private func letter(in stack: Stack, besides known: Int) async throws -> Int {
        try await eventually("a dead letter") {
            let letters = try JSON(ofText: try await lines(["dead-letters", "list", "--json"], stack).joined())
            guard letters.elements?.count == 1, let id = letters.elements?.first?["id"]?.int, id != known else {
                return nil
            }
            return id
        }
    }

    @Test func `systemd is told when the gateway is ready, alive and ending`() async throws {
        let stack = try await Stack()
        let code = """
            import socket
            notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            notices.bind("notify.sock")
            print("listening", flush=True)
            while True: print(notices.recv(65536).decode().replace("\\n", " "), flush=True)
            """
        let systemd = try ChildProcess("/usr/bin/env", ["python3", "-c", code], in: stack.directory.path)
        try await systemd.waitForLine(containing: "listening")
        let gateway = try await stack.gateway([
            "NOTIFY_SOCKET": stack.directory.path("notify.sock"), "WATCHDOG_USEC": "200000",
        ])
        try await systemd.waitForLine(containing: "READY=1")
        try await systemd.waitForLine(containing: "STATUS=1 of 1 shards ready")
        try await eventually("the watchdog is fed") { systemd.lines().filter { $0 == "WATCHDOG=1" }.count >= 3 }
        gateway.signal(15)
        #expect(try await gateway.waitForTermination() == .exited(0))
        try await systemd.waitForLine(containing: "STOPPING=1")
    }

    @Test(arguments: ["olim-gateway", "olim-worker"])
    func `a daemon ends with the documented code before it has connected anywhere`(program: String) async throws {
        let directory = try TemporaryDirectory()
        let good = ["DISCORD_TOKEN": "hunter2", "DISCORD_API_URL": "http://127.0.0.1:1/api"]
        for (arguments, additions, exit, told) in [
            (["--check"], [:], 0, "\(program): the configuration is good"),
            (["--check"], ["LOG_LEVEL": "loud"], 78, "\(program): LOG_LEVEL is \"loud\"; it must be one of"),
            ([], ["LOG_LEVEL": "loud"], 78, "\(program): LOG_LEVEL is \"loud\"; it must be one of"),
            (["--version"], [:], 0, Version.current), (["--help"], [:], 0, "USAGE: \(program) [--check]"),
            (["--chekc"], [:], 64, "Unknown option '--chekc'"), (["extra"], [:], 64, "Unexpected argument 'extra'"),
        ] as [([String], [String: String], Int32, String)] {
            let process = try ChildProcess(
                program, arguments, environment: good.merging(additions) { $1 }, in: directory.path)
            #expect(try await process.waitForTermination() == .exited(exit), "\(arguments): \(process.tail)")
            let lines = process.lines() + process.lines(.error)
            #expect(lines.contains { $0.contains(told) }, "\(arguments): \(lines)")
            #expect(!lines.joined().contains("hunter2"))
        }
    }
}
