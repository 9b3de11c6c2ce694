import Foundation
import Glibc
import Shared
import TestKit
import Testing

/// Bad input and failing peers: one clear line, the documented exit code or recovery, nothing lost.
@Suite struct BadInputTests {
    // MARK: - Discord

    @Test(arguments: ["malformed", "corrupt", "truncate", "reset", "stall"])
    func `a broken stream from Discord is resumed and nothing is lost`(_ fault: String) async throws {
        let stack = try await Stack(["--no-rate-limits", "--heartbeat-interval", "1000"])
        let gateway = try await stack.gateway()
        let reader = try reader(on: stack)
        try await say("before", stack)
        try await reader.waitForLine(containing: "before")

        try await stack.control.post("/simulator/faults", ["kind": .string(fault)])
        try await say("meanwhile", stack)
        try await stack.wait("resumes", atLeast: 1, or: gateway)
        try await say("after", stack)
        try await reader.waitForLine(containing: "after")

        let messages = reader.lines().filter { ["before", "meanwhile", "after"].contains($0) }
        #expect(messages == ["before", "meanwhile", "after"])
        let report = try await stack.report()
        #expect(report["identifies"]?.elements?.count == 1)
        // Discord forgets a session that its client closes with 1000 or 1001.
        let codes = report["closes"]?.elements?.filter { $0["by"]?.string == "client" }.compactMap { $0["code"]?.int }
        #expect(codes?.contains { $0 == 1000 || $0 == 1001 } == false)
    }

    @Test func `a wrong token ends with 77, and the same token is not tried again`() async throws {
        let stack = try await Stack()
        for attempt in 1...2 {
            let gateway = try ChildProcess(
                "olim-gateway", environment: stack.merged(["DISCORD_TOKEN": "a-wrong-token"]),
                in: stack.directory.path)
            #expect(try await gateway.waitForTermination() == .exited(77), "\(gateway.tail)")
            let lines = gateway.lines() + gateway.lines(.error)
            #expect(lines.contains { $0.localizedCaseInsensitiveContains("token") }, "attempt \(attempt): \(lines)")
            #expect(!lines.contains { $0.contains("a-wrong-token") }, "the token is shown: \(lines)")
        }
        let requests = try await stack.report()["rest"]?["statuses"]?["401"]?.int
        #expect(requests == 1, "the rejection is remembered")
    }

    @Test func `a worker whose token is wrong ends with 77 too`() async throws {
        let stack = try await Stack()
        _ = try await stack.gateway()
        let worker = try ChildProcess(
            "olim-worker", environment: stack.merged(["DISCORD_TOKEN": "a-wrong-token"]), in: stack.directory.path)
        #expect(try await worker.waitForTermination() == .exited(77), "\(worker.tail)")
    }

    @Test func `intents that the portal does not allow end with 77 and are named`() async throws {
        let stack = try await Stack(["--allowed-intents", "none"])
        let gateway = try ChildProcess("olim-gateway", environment: stack.environment, in: stack.directory.path)
        #expect(try await gateway.waitForTermination() == .exited(77), "\(gateway.tail)")
        let text = (gateway.lines() + gateway.lines(.error)).joined(separator: "\n")
        for word in ["GUILD_MEMBERS", "MESSAGE_CONTENT", "discord.com/developers/applications"] {
            #expect(text.contains(word), "\(text)")
        }
    }

    // MARK: - The machine

    @Test func `a second gateway on the same state directory ends with 69 and names the first`() async throws {
        let stack = try await Stack()
        let first = try await stack.gateway()
        let second = try ChildProcess(
            "olim-gateway", environment: stack.merged(["QUEUE_SOCKET": stack.directory.path("other.sock")]),
            in: stack.directory.path)
        #expect(try await second.waitForTermination() == .exited(69), "\(second.tail)")
        #expect((second.lines() + second.lines(.error)).contains { $0.contains("\(first.pid)") }, "\(second.tail)")
    }

    @Test func `a socket path that is taken ends with 69, and what is there is left alone`() async throws {
        let stack = try await Stack()
        _ = try stack.directory.write("precious", to: "queue.sock")
        let gateway = try ChildProcess("olim-gateway", environment: stack.environment, in: stack.directory.path)
        let end = try await gateway.waitForTermination()
        #expect([.exited(69), .exited(78)].contains(end), "\(gateway.tail)")
        #expect((gateway.lines() + gateway.lines(.error)).contains { $0.contains("queue.sock") }, "\(gateway.tail)")
        let left = try ChildProcess("/usr/bin/cat", ["queue.sock"], in: stack.directory.path)
        _ = try await left.waitForTermination()
        #expect(left.lines() == ["precious"])
    }

    @Test func `a malformed frame from a worker costs that worker its connection and nobody else anything`()
        async throws
    {
        let stack = try await Stack()
        _ = try await stack.gateway()
        let reader = try reader(on: stack)
        let code = """
            import os, socket
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.environ["QUEUE_SOCKET"])
            connection.sendall(b'{"op":"hello","protocol":1,"worker":"bad","version":"1","capacity":1}\\n{"op":"ack"}\\n')
            print(connection.makefile("rb").read().decode())
            """
        let bad = try ChildProcess(
            "/usr/bin/env", ["python3", "-c", code], environment: stack.environment, in: stack.directory.path)
        #expect(try await bad.waitForTermination() == .exited(0))
        #expect(bad.lines().contains { $0.contains(#""op":"error","code":"malformed""#) }, "\(bad.lines())")
        try await say("still here", stack)
        try await reader.waitForLine(containing: "still here")
    }

    @Test func `a database that dies and comes back loses nothing`() async throws {
        let server = try await PostgresServer.start()
        let stack = try await Stack()
        let database = try await server.createDatabase()
        _ = try await stack.gateway()
        let worker = try await stack.worker("w1", ["DATABASE_URL": server.url(database: database)])
        try await stack.control.post("/simulator/messages", ["content": "before", "count": 50])
        let counted = "SELECT COALESCE(SUM(messages), 0) FROM member_activity"
        try await eventually("50 are counted", within: .seconds(20)) {
            try await server.run(sql: counted, database: database) == ["50"]
        }
        try await server.stop(immediately: true)
        try await stack.control.post("/simulator/messages", ["content": "while it is down", "count": 50])
        try await worker.waitForLine("a warning about the database") {
            $0.localizedCaseInsensitiveContains("database") && ($0.contains("WARN") || $0.contains("ERROR"))
        }
        try await server.restart()
        try await stack.control.post("/simulator/messages", ["content": "after", "count": 50])
        try await eventually("150 are counted; \(worker.tail)", within: .seconds(40)) {
            try await server.run(sql: counted, database: database) == ["150"]
        }
        #expect(try await stack.status()["queue"]?["dead_letters"]?.int == 0)
        #expect(worker.termination == nil)
        try await server.stop()
    }

    // MARK: - Settings

    @Test(arguments: [
        ("olim-gateway", "DISCORD_API_URL", "http://discord.example/api"), ("olim-gateway", "DISCORD_INTENTS", "GILDS"),
        ("olim-gateway", "DISCORD_SHARDS", "4-2/3"), ("olim-gateway", "DISCORD_COMPRESS", "brotli"),
        ("olim-gateway", "DISCORD_CA_FILE", "/nonexistent.pem"), ("olim-gateway", "QUEUE_SOCKET_MODE", "rw"),
        ("olim-gateway", "QUEUE_ALLOWED_UIDS", "nobody-of-that-name"), ("olim-gateway", "QUEUE_DURABILITY", "disk"),
        ("olim-gateway", "QUEUE_MAX_BYTES", "lots"), ("olim-gateway", "QUEUE_ACK_TIMEOUT", "-1s"),
        ("olim-gateway", "QUEUE_MAX_ATTEMPTS", "0"), ("olim-gateway", "INTERACTION_DEFER_AFTER", "soon"),
        ("olim-gateway", "DEAD_LETTER_KEEP", "forever"), ("olim-gateway", "LOG_LEVEL", "loud"),
        ("olim-gateway", "LOG_FORMAT", "xml"), ("olim-gateway", "METRICS_LISTEN", "everywhere"),
        ("olim-gateway", "DRAIN_TIMEOUT", "1 minute"), ("olim-worker", "DATABASE_URL", "mysql://localhost/olim"),
        ("olim-worker", "DATABASE_POOL_SIZE", "none"), ("olim-worker", "WORKER_NAME", "two words"),
        ("olim-worker", "WORKER_CAPACITY", "70000"), ("olim-worker", "COMMAND_PREFIX", "a b"),
    ])
    func `a bad value is named in one line, with exit code 78`(
        _ program: String, _ name: String, _ value: String
    ) async throws {
        let directory = try TemporaryDirectory("settings")
        let check = try ChildProcess(
            program, ["--check"], environment: ["DISCORD_TOKEN": "a-token", name: value], in: directory.path)
        #expect(try await check.waitForTermination() == .exited(78), "\(check.tail)")
        let lines = (check.lines() + check.lines(.error)).filter { $0.contains(name) }
        #expect(lines.count == 1, "\(check.tail)")
    }

    @Test func `all problems are named at once, and no secret`() async throws {
        let directory = try TemporaryDirectory("settings")
        let environment = [
            "DISCORD_TOKEN": "", "LOG_LEVEL": "loud", "WORKER_CAPACITY": "0",
            "DATABASE_URL": "postgresql://olim:hunter2@db/olim?sslmode=sometimes",
        ]
        let check = try ChildProcess("olim-worker", ["--check"], environment: environment, in: directory.path)
        #expect(try await check.waitForTermination() == .exited(78))
        let lines = check.lines() + check.lines(.error)
        for name in ["DISCORD_TOKEN", "LOG_LEVEL", "WORKER_CAPACITY"] {
            #expect(lines.contains { $0.contains(name) }, "\(lines)")
        }
        #expect(!lines.joined().contains("hunter2"))
    }

    // MARK: - Helpers

    /// A worker that prints the text of every message.
    private func reader(on stack: Stack) throws -> ChildProcess {
        let code = """
            import json, os, socket
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.environ["QUEUE_SOCKET"])
            def send(**frame): connection.sendall(json.dumps(frame).encode() + b"\\n")
            send(op="hello", protocol=1, worker="reader", version="1", capacity=8)
            for line in connection.makefile("rb"):
                frame = json.loads(line)
                if frame["op"] == "event": send(op="ack", ids=[frame["id"]])
                if frame["op"] == "ping": send(op="pong")
                if frame.get("t") == "MESSAGE_CREATE": print(frame["d"]["content"], flush=True)
            """
        return try ChildProcess(
            "/usr/bin/env", ["python3", "-c", code], environment: stack.environment, in: stack.directory.path)
    }

    private func say(_ text: String, _ stack: Stack) async throws {
        try await stack.control.post("/simulator/messages", ["content": .string(text)])
    }
}
