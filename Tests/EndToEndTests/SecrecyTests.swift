import Foundation
import Glibc
import Shared
import TestKit
import Testing

/// No token, no password and nothing that members write gets out: in logs, errors, status, metrics, files that are not for it.
@Suite struct SecrecyTests {
    private static let token = "an-unmistakable-token-81f3"
    private static let password = "an-unmistakable-password-4c2e"
    private static let content = "unmistakable words of a member 93b0"

    @Test func `what all four programs say and show on a good day has no secret and no content`() async throws {
        let stack = try await Stack(["--no-rate-limits", "--token", Self.token])
        let additions = ["DISCORD_TOKEN": Self.token, "LOG_LEVEL": "trace"]
        let pages = stack.pages("gateway")
        let gateway = try await stack.gateway(additions.merging(stack.metrics(at: "gateway")) { $1 })
        let worker = try await stack.worker("w1", additions)
        try await stack.control.post("/simulator/messages", ["content": .string(Self.content), "count": 5])
        try await stack.control.post("/simulator/messages", ["content": .string("!ping \(Self.content)")])
        try await stack.wait("messages", atLeast: 1)
        try await stack.waitUntilDone(or: gateway)

        var said: [String] = []
        for path in ["/", "/status.json", "/metrics"] { said.append(try await pages.get(path).text) }
        for arguments in [["status"], ["status", "--json"], ["check"], ["dead-letters"], ["tasks"], ["health"]] {
            let tool = try ChildProcess(
                "olimctl", arguments, environment: stack.merged(additions), in: stack.directory.path)
            _ = try await tool.waitForTermination(within: .seconds(30))
            said += tool.lines() + tool.lines(.error)
        }
        let tail = try ChildProcess("olimctl", ["tail"], environment: stack.merged(additions), in: stack.directory.path)
        try await eventually("an event passes by", within: .seconds(30)) {
            try await stack.control.post("/simulator/messages", ["content": .string(Self.content)])
            return !tail.lines().isEmpty
        }
        tail.signal(SIGTERM)
        _ = try await tail.waitForTermination()
        said += tail.lines() + tail.lines(.error)
        for process in [gateway, worker] {
            process.signal(SIGTERM)
            #expect(try await process.waitForTermination(within: .seconds(40)) == .exited(0))
            said += process.lines() + process.lines(.error)
        }
        said += stack.simulator.lines() + stack.simulator.lines(.error)
        #expect(said.joined().count > 1000, "there was something to look at")
        for secret in [Self.token, Self.content] { #expect(!said.contains { $0.contains(secret) }) }
        // Content is in the journal, which is what it is for; the token is nowhere.
        #expect(try files(in: stack).allSatisfy { !$0.contains(Self.token) })
    }

    @Test(
        arguments: [
            // Refused by Discord, unreachable, not trusted, refused by the settings.
            ("olim-gateway", ["DISCORD_TOKEN": token]), ("olim-worker", ["DISCORD_TOKEN": token]),
            ("olim-gateway", ["DISCORD_TOKEN": token, "DISCORD_API_URL": "https://localhost:1/\(token)"]),
            (
                "olim-worker",
                ["DISCORD_TOKEN": token, "DATABASE_URL": "postgresql://olim:\(password)@127.0.0.1:1/olim"]
            ),
            ("olim-worker", ["DATABASE_URL": "postgresql://olim:\(password)@@host/\(password)"]),
            ("olim-worker", ["DATABASE_URL": "mysql://olim:\(password)@host/"]),
            ("olim-worker", ["DATABASE_URL": "postgresql://olim:\(password)@db.example/olim?sslmode=\(password)"]),
            ("olim-gateway", ["DISCORD_TOKEN": "\(token) \(token)"]),
            ("olim-gateway", ["DISCORD_TOKEN": "Bearer \(token)\n"]),
            ("olimctl", ["DISCORD_TOKEN": token, "CONTROL_SOCKET": "/nowhere/\u{1}"]),
            ("olim-simulator", ["DISCORD_TOKEN": token]),
        ] as [(String, [String: String])])
    func `what a program says when something is wrong has no secret`(
        program: String, additions: [String: String]
    ) async throws {
        let stack = try await Stack()
        let arguments = ["olimctl": ["status"], "olim-simulator": ["--port", "none"]][program] ?? []
        let process = try ChildProcess(
            program, arguments, environment: stack.merged(additions).merging(["LOG_LEVEL": "trace"]) { $1 },
            in: stack.directory.path)
        // It ends by itself, or says that it tries again.
        try await eventually("it has said something", within: .seconds(30)) {
            !(process.lines() + process.lines(.error)).isEmpty
        }
        process.signal(SIGTERM)
        _ = try await process.waitForTermination(within: .seconds(40))
        let said = (process.lines() + process.lines(.error)).joined(separator: "\n")
        for secret in [Self.token, Self.password] { #expect(!said.contains(secret), "\(said)") }
    }

    /// What is in every file below the stack's directory, as text.
    private func files(in stack: Stack) throws -> [String] {
        let found = FileManager.default.enumerator(atPath: stack.directory.path)
        var contents: [String] = []
        while let path = found?.nextObject() as? String {
            guard let data = FileManager.default.contents(atPath: stack.directory.path(path)) else { continue }
            contents.append(String(decoding: data, as: UTF8.self))
        }
        return contents
    }
}
