import Shared
import TestKit
import Testing

/// One event can be followed through all that is logged, and nothing else of it is.
@Suite(.timeLimit(.minutes(3))) struct CorrelationTests {
    private struct Line {
        let message: String
        let metadata: JSON

        init?(_ text: String) {
            guard let json = try? JSON(ofText: text), let message = json["message"]?.string else { return nil }
            self.message = message
            metadata = json["metadata"] ?? [:]
        }

        func says(_ name: String) -> String? { metadata[name]?.string }
    }

    private func lines(_ process: ChildProcess) -> [Line] { process.lines().compactMap(Line.init) }

    @Test func `an event's id leads from Discord to the request and the statement`() async throws {
        let stack = try await Stack()
        let settings = ["LOG_LEVEL": "debug", "LOG_FORMAT": "json"]
        let gateway = try await stack.gateway(settings)
        let worker = try await stack.worker("w1", settings)
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await eventually("it is answered", within: .seconds(30)) { try await !stack.botMessages().isEmpty }
        try await stack.waitUntilDone()

        let event: String = try await eventually("the gateway tells of it") {
            // The first: the bot's own answer comes back as a message, too.
            lines(gateway).first { $0.message == "event received" && $0.says("t") == "MESSAGE_CREATE" }?.says("event")
        }
        for message in ["event delivered", "event acknowledged"] {
            try await eventually("\(message) \(event)") {
                lines(gateway).contains {
                    $0.message == message && $0.says("event") == event && $0.says("worker") == "w1"
                }
            }
        }
        func tells(_ message: String, _ name: String, _ value: String) async throws {
            try await eventually("\(message) \(event) \(value)") {
                lines(worker).contains {
                    $0.message == message && $0.says("event") == event && $0.says(name)?.hasPrefix(value) == true
                }
            }
        }
        try await tells("An event was taken", "t", "MESSAGE_CREATE")
        try await tells("Discord answered", "route", "POST /channels/{channel_id}/messages")
        try await tells("A statement was run", "statement", "")
        try await tells("Command answered", "command", "!ping")
        try await tells("An event is done", "event", event)

        let traces = try await stack.report()["rest"]?["traces"]?.elements ?? []
        #expect(traces.contains { $0["operation"] == "create_message" && $0["event"]?.string == event }, "\(traces)")
    }

    /// Whatever members write, and whatever opens doors, is in no line of any program at any level.
    @Test func `neither tokens nor what members write is ever logged`() async throws {
        let stack = try await Stack()
        let settings = ["LOG_LEVEL": "trace", "DISCORD_TOKEN": stack.environment["DISCORD_TOKEN"] ?? ""]
        let gateway = try await stack.gateway(settings)
        let workers = [
            try await stack.worker("w1", settings.merging(["LOG_FORMAT": "json"]) { $1 }),
            try await stack.worker("w2", settings),
        ]
        let mark = "Zaubernuss"
        let guild = try #require(try await stack.firstGuild()["id"]?.string)
        let contents = [
            mark, "!\(mark)", "!ping \(mark)", "!config prefix \(mark)", "!help \(mark)", "!stats \(mark) \(mark)",
            "!daily post \(mark)", "x\u{0}\n\r\u{1B}[2J\(mark)\u{2028}", "\"}\(mark){\"", "!\(mark)\nping",
            "@everyone \(mark)", "https://discord.com/api/webhooks/1/\(mark)",
        ]
        for content in contents { try await stack.control.post("/simulator/messages", ["content": .string(content)]) }
        try await stack.control.post("/simulator/members", ["guild": .string(guild), "name": .string(mark)])
        try await stack.control.post("/simulator/interactions", ["command": "ping"])
        try await stack.control.post(
            "/simulator/interactions", ["command": "config timezone", "options": ["zone": .string(mark)]])
        // Events that lack what they must have, with content where it does not belong, and what is no JSON at all.
        for type in ["MESSAGE_CREATE", "INTERACTION_CREATE", "GUILD_MEMBER_ADD", "GUILD_CREATE", mark] {
            for d in [
                #"{"guild_id":"\#(guild)","content":"\#(mark)","token":"\#(mark)","id":"\#(mark)","data":{"name":"\#(mark)"}}"#,
                #"{"guild_id":"\#(mark)","id":"1","\#(mark)":[{"\#(mark)":"\#(mark)"}],"member":"\#(mark)"}"#,
            ] { try await stack.control.dispatch(type, d, guild: guild) }
        }
        // Requests that fail, and ones that Discord's answers quote content in.
        try await stack.fault(["kind": "status", "status": 500, "count": 2, "operation": "create_message"])
        try await stack.fault(["kind": "status", "status": 403, "count": 1, "operation": "create_message"])
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await eventually("all is handled or given up", within: .seconds(60)) {
            let status = try await stack.status()
            let depth = status["queue"]?["depth"]?.int ?? 1
            let counters = status["counters"]
            return depth == 0 && counters?["acked"]?.int ?? 0 > 12 || counters?["dead_lettered"]?.int ?? 0 > 4
        }

        let tokens = try await stack.control.get("/simulator/interactions").elements?.compactMap { $0["token"]?.string }
        let secrets = try #require(tokens) + [mark, try #require(stack.environment["DISCORD_TOKEN"])]
        #expect(secrets.count > 2)
        for process in [gateway] + workers {
            #expect(process.lines().count > 20, "it logs at all")
            for line in process.lines() + process.lines(.error) {
                let found = secrets.filter { line.contains($0) }
                #expect(found.isEmpty, "\(line)")
            }
        }
    }
}
