import Glibc
import Shared
import TestKit
import Testing

/// Two bots of other people's making, unmodified but for the URL: the simulator was not written to please one client.
@Suite(.serialized) struct PeerClientsTests {
    /// A token in Discord's form, which hikari insists on: its first part is the bot's id in Base64.
    private static let token = "MTEwMjg4OTcyMDY5NTc1MTIzNQ.simulated.token-for-tests"

    @Test(
        arguments: ["discordpy_peer.py", "hikari_peer.py"], ["zlib-stream", "zstd-stream"])
    func `a bot receives, answers, keeps to the limits and resumes`(script: String, compression: String) async throws {
        let python = try await PeerEnvironment.python()
        let stack = try await Stack(["--token", Self.token])
        let peer = try ChildProcess(
            python, [PeerEnvironment.path(script), stack.environment["DISCORD_API_URL"] ?? "", compression],
            environment: ["DISCORD_TOKEN": Self.token], in: stack.directory.path)
        let ready = try await event("ready", of: peer)
        #expect(ready["compression"]?.string == compression)

        try await answersMessage(stack, peer)
        try await answersCommands(stack, peer)
        try await resumes(stack, peer)
        try await writesAndWaits(stack, peer)

        peer.closeInput()
        #expect(try await peer.waitForTermination() == .exited(0))
        try await leavesNothingToObject(stack, peer, compression: compression)
        try await stack.simulator.stop()
    }

    private func answersMessage(_ stack: Stack, _ peer: ChildProcess) async throws {
        let asked = try #require(
            try await stack.control.post("/simulator/messages", ["content": "!ping"])["ids"]?.elements?.first)
        let sent = try await event("sent", of: peer)
        #expect(sent["to"] == asked)
        let answers = try await stack.control.get("/simulator/messages?author=bot").elements ?? []
        let answer = try #require(answers.first)
        #expect(answer["content"] == "pong")
        #expect(answer["type"] == 19)
        #expect(answer["message_reference"]?["message_id"] == asked)
        #expect(answer["nonce"]?.string == asked.string.map { "n\($0)" })
        // The bot's own message comes back to it.
        try await peer.waitForLine("its own message") { line in
            guard let told = try? parse(line) else { return false }
            return told["event"] == "message" && told["id"] == sent["id"]
        }
    }

    private func answersCommands(_ stack: Stack, _ peer: ChildProcess) async throws {
        try await stack.control.post(
            "/simulator/interactions", ["command": "ping", "options": ["text": "from far away"]])
        let answered = try await event("answered", of: peer)
        #expect(answered["content"] == "from far away")
        try await stack.control.post("/simulator/interactions", ["command": "slow"])
        let deferred = try await event("deferred", of: peer)
        let interactions = try await stack.control.get("/simulator/interactions").elements ?? []
        #expect(interactions.map { $0["callback_type"] } == [4, 5])
        #expect(interactions.allSatisfy { $0["answered"] == true })
        let messages = try await stack.control.get("/simulator/messages?author=bot").elements ?? []
        let followUp = try #require(messages.first { $0["id"] == deferred["follow_up"] })
        #expect(followUp["content"] == "and more")
        #expect(messages.contains { $0["content"] == "done" && $0["type"] == 20 })
    }

    /// The connection is lost while a message is on its way, which comes with the resume.
    private func resumes(_ stack: Stack, _ peer: ChildProcess) async throws {
        try await stack.control.post("/simulator/faults", ["kind": "stall"])
        let missed = try #require(
            try await stack.control.post("/simulator/messages", ["content": "while away"])["ids"]?.elements?.first)
        try await stack.control.post("/simulator/faults", ["kind": "disconnect"])
        _ = try await event("resumed", of: peer)
        try await peer.waitForLine("the missed message") { line in
            guard let told = try? parse(line) else { return false }
            return told["event"] == "message" && told["id"] == missed
        }
    }

    /// Embed, file, edit, reaction, deletion; and more messages than one window holds.
    private func writesAndWaits(_ stack: Stack, _ peer: ChildProcess) async throws {
        try await stack.control.post("/simulator/messages", ["content": "!embed"])
        _ = try await event("embedded", of: peer, within: .seconds(30))
        try await stack.control.post("/simulator/messages", ["content": "!many"])
        _ = try await event("many", of: peer, within: .seconds(60))
    }

    private func leavesNothingToObject(_ stack: Stack, _ peer: ChildProcess, compression: String) async throws {
        let report = try await stack.report()
        #expect(try await stack.violations() == [])
        #expect(report["rest"]?["rate_limited"] == [:])
        let identifies = report["identifies"]?.elements ?? []
        #expect(identifies.map { $0["compress"] } == [.string(compression)])
        let resumes = report["resumes"]?.elements ?? []
        #expect(resumes.map { $0["outcome"] } == ["accepted"])
        #expect((resumes.first?["replayed"]?.int ?? 0) >= 1)
        #expect(resumes.first?["resume_url"] == true)
        #expect(resumes.first?["compress"]?.string == compression)
        // Nothing came twice.
        let told = peer.lines().compactMap { try? parse($0) }.filter { $0["event"] == "message" }
        let ids = told.compactMap { $0["id"]?.string }
        #expect(Set(ids).count == ids.count)
    }

    // MARK: - What the bot tells

    /// Waits for the first line that tells of this.
    private func event(
        _ name: String, of peer: ChildProcess, within limit: Duration = .seconds(20)
    ) async throws -> JSON {
        let line = try await peer.waitForLine("\"\(name)\"", within: limit) { line in
            (try? parse(line))?["event"]?.string == name
        }
        return try parse(line)
    }

    private func parse(_ line: String) throws -> JSON {
        return try JSON(ofText: line)
    }
}

/// The Python environment of the bots, made once and kept beside the build.
enum PeerEnvironment {
    private static let directory = "\(BuildDirectory.path)/../../peers"
    private static let source = String(describing: #filePath)
        .replacing("/EndToEndTests/PeerClientsTests.swift", with: "/Peers")

    /// A file of `Tests/Peers`.
    static func path(_ name: String) -> String { "\(source)/\(name)" }

    /// The interpreter of an environment that has exactly what `requirements.txt` asks for.
    static func python() async throws -> String {
        let python = "\(directory)/bin/python"
        let stamp = "\(directory)/requirements.txt"
        let wanted = try read(path("requirements.txt"))
        if (try? read(stamp)) == wanted { return python }
        try await run("/usr/bin/env", ["python3", "-m", "venv", "--clear", directory])
        try await run(
            python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", path("requirements.txt")])
        try await run("/bin/cp", [path("requirements.txt"), stamp])
        return python
    }

    private static func run(_ program: String, _ arguments: [String]) async throws {
        let tool = try ChildProcess(program, arguments, in: source)
        guard case .exited(0) = try await tool.waitForTermination(within: .seconds(300)) else {
            throw SetupFailure(
                description:
                    "the bots' Python environment cannot be made (python3-venv and PyPI are needed): \(tool.tail)")
        }
    }

    private static func read(_ path: String) throws -> String {
        guard let file = fopen(path, "rb") else { throw SetupFailure(description: "cannot read \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while true {
            let byte = fgetc(file)
            if byte == EOF { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
    }
}
