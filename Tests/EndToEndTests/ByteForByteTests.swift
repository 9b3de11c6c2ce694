import Shared
import TestKit
import Testing

/// What Discord sent as `d` reaches a worker unchanged.
@Suite struct ByteForByteTests {
    /// Prints every line of the queue and acknowledges its event.
    private static let reader = """
        import json, os, socket
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.environ["QUEUE_SOCKET"])
        def send(**frame): connection.sendall(json.dumps(frame).encode() + b"\\n")
        send(op="hello", protocol=1, worker="reader", version="1", capacity=8)
        for line in connection.makefile("rb"):
            frame = json.loads(line)
            if frame["op"] == "event": send(op="ack", ids=[frame["id"]])
            if frame["op"] == "ping": send(op="pong")
            print(line.decode().rstrip("\\n"), flush=True)
        """

    private static let payloads: [(name: String, bytes: String)] = [
        ("ESCAPES", #"{"a":"\"\\\/\b\f\n\r\t\u0000\ud83d\ude00 }{][,:","\u0067uild_id":"1","b":""}"#),
        ("ASTRAL", #"{"text":"👋🏽 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ‮ ﷽  ","guild_id":"2"}"#),
        (
            "NUMBERS",
            #"{"big":123456789012345678901234567890,"neg":-0.0,"exp":1.5E+300,"zero":0,"beyond":9007199254740993}"#
        ),
        (
            "NESTED",
            #"{"guild":{"guild_id":"9"},"list":[{"guild_id":"8"},[],{}],"guild_id":"7","last":[null,true,false]}"#
        ),
    ]

    @Test func `escapes, astral characters, large numbers and a guild of 4 MiB arrive byte for byte`() async throws {
        let stack = try await Stack()
        _ = try await stack.gateway()
        let reader = try start(on: stack)
        try await reader.waitForLine(containing: "\"welcome\"")
        for (name, bytes) in Self.payloads { try await stack.control.dispatch(name, bytes) }
        let large = #"{"guild_id":"3","members":""# + String(repeating: "größer ", count: 4 << 17) + #""}"#
        #expect(large.utf8.count > 4 << 20)
        try await stack.control.dispatch("LARGE", large)

        for (name, bytes) in Self.payloads + [("LARGE", large)] {
            let line = try await reader.waitForLine(containing: "\"t\":\"\(name)\"")
            #expect(line.hasSuffix(",\"d\":\(bytes)}"), "\(name): \(line.prefix(600))")
        }
        // The key comes from the guild at depth one, however it is spelt.
        let keys = ["ESCAPES": "guild:1", "ASTRAL": "guild:2", "NUMBERS": "shard:0", "NESTED": "guild:7"]
        for (name, key) in keys {
            #expect(try await reader.waitForLine(containing: "\"t\":\"\(name)\"").contains("\"key\":\"\(key)\""))
        }
    }

    @Test func `line breaks between tokens are left out, those within strings are not touched`() async throws {
        let stack = try await Stack(["--no-rate-limits", "--pretty"])
        _ = try await stack.gateway()
        let reader = try start(on: stack)
        try await reader.waitForLine(containing: "\"welcome\"")
        try await stack.control.dispatch("BROKEN", "{\n  \"text\": \"a\\nb\",\r\n\t\"guild_id\"\n:\n\"5\"\n}")
        let line = try await reader.waitForLine(containing: "\"t\":\"BROKEN\"")
        let event = try JSON(ofText: line)
        #expect(event["d"]?["text"]?.string == "a\nb")
        #expect(event["key"]?.string == "guild:5")
        #expect(line.hasSuffix("\"d\":{  \"text\": \"a\\nb\",\t\"guild_id\":\"5\"}}"), "\(line)")
    }

    private func start(on stack: Stack) throws -> ChildProcess {
        try ChildProcess(
            "/usr/bin/env", ["python3", "-c", Self.reader], environment: stack.environment, in: stack.directory.path)
    }
}
