import Glibc
import Shared
import TestKit
import Testing

/// A simulator, and whichever of the other programs a test starts, in a directory of their own.
final class Stack: Sendable {
    let directory: TemporaryDirectory
    let simulator: ChildProcess
    let control: SimulatorControl
    /// What gateway and workers are told besides what a test adds.
    let environment: [String: String]

    /// Starts a simulator.
    /// - Parameters:
    ///   - tls: whether it speaks https and wss, with a certificate that the other programs trust.
    ///   - options: of `olim-simulator`.
    init(tls: Bool = false, _ options: [String] = ["--no-rate-limits"]) async throws {
        directory = try TemporaryDirectory("e2e")
        var arguments = options
        var environment = [
            "DISCORD_TOKEN": "simulated-token", "LOG_FORMAT": "text",
            "QUEUE_SOCKET": directory.path("queue.sock"), "STATE_DIRECTORY": directory.path("state"),
        ]
        if tls {
            let authority = try await CertificateAuthority(in: directory)
            arguments += [
                "--tls-certificate", authority.certificate, "--tls-key", authority.key, "--public-host", "localhost",
            ]
            environment["DISCORD_CA_FILE"] = authority.root
        }
        simulator = try ChildProcess("olim-simulator", arguments, in: directory.path)
        let line = try await simulator.waitForLine(containing: "\"ready\":true")
        let readiness = try JSON(ofText: line)
        let apiURL = try #require(readiness["api_url"]?.string)
        environment["DISCORD_API_URL"] = apiURL
        self.environment = environment
        control = try SimulatorControl(
            baseURL: apiURL.replacing("/api/v10", with: ""), certificateFile: environment["DISCORD_CA_FILE"])
    }

    /// Starts a gateway and waits for its session.
    func gateway(_ additions: [String: String] = [:], sessions: Int = 1) async throws -> ChildProcess {
        let process = try ChildProcess("olim-gateway", environment: merged(additions), in: directory.path)
        try await wait("sessions", atLeast: sessions, or: process)
        return process
    }

    /// Starts a worker and waits until the gateway has welcomed it.
    func worker(_ name: String, _ additions: [String: String] = [:]) async throws -> ChildProcess {
        let process = try ChildProcess(
            "olim-worker", environment: merged(additions).merging(["WORKER_NAME": name]) { $1 }, in: directory.path)
        try await eventually("worker \(name) is connected; \(process.tail)", within: .seconds(30)) {
            try await self.status()["workers"]?.elements?.contains { $0["name"]?.string == name } ?? false
        }
        return process
    }

    /// The gateway's status, as `olimctl status --json` prints it.
    func status() async throws -> JSON {
        let tool = try ChildProcess(
            "olimctl", ["status", "--json"], environment: environment, in: directory.path)
        guard case .exited(0) = try await tool.waitForTermination() else { return .null }
        return try JSON(ofText: tool.lines().joined())
    }

    /// Waits until one of the simulator's counters has come so far.
    func wait(
        _ counter: String, atLeast count: Int, within limit: Duration = .seconds(60), or process: ChildProcess? = nil
    ) async throws {
        do {
            let seconds = limit.components.seconds
            _ = try await control.get(
                "/simulator/wait?\(counter)=\(count)&timeout=\(seconds)", timeout: limit + .seconds(10))
        } catch {
            throw DeadlineExceeded("\(counter) \(count): \(error); \(process?.tail ?? "")", after: limit)
        }
    }

    /// Waits until no event waits or is in flight.
    func waitUntilDone(within limit: Duration = .seconds(90), or process: ChildProcess? = nil) async throws {
        try await eventually("the queue is empty; \(process?.tail ?? "")", within: limit) {
            try await self.status()["queue"]?["depth"]?.int == 0
        }
    }

    /// One of the gateway's counters.
    func counter(_ name: String) async throws -> Int? { try await status()["counters"]?[name]?.int }

    /// Has something go wrong with REST.
    func fault(_ order: JSON) async throws {
        try await control.post("/simulator/faults", order.members.map { .object([.init("on", "rest")] + $0) } ?? [:])
    }

    /// How often an operation was asked for.
    func requests(_ operation: String) async throws -> Int {
        try await report()["rest"]?["requests"]?[operation]?.int ?? 0
    }

    /// What the bot has written, in all channels.
    func botMessages(containing text: String? = nil) async throws -> [JSON] {
        let filter = text.map { "&contains=\($0)" } ?? ""
        return try await control.get("/simulator/messages?author=bot\(filter)").elements ?? []
    }

    /// The first guild.
    func firstGuild() async throws -> JSON {
        try #require(try await control.get("/simulator/world")["guilds"]?.elements?.first)
    }

    func report() async throws -> JSON { try await control.get("/simulator/report") }

    /// What Discord would have objected to: nothing, in a good run.
    func violations() async throws -> [JSON] {
        let report = try await report()
        return (report["violations"]?.elements ?? []) + (report["rest"]?["refusals"]?.elements ?? [])
    }

    func merged(_ additions: [String: String]) -> [String: String] { environment.merging(additions) { $1 } }
}

/// A certificate for `localhost` and 127.0.0.1, and the authority that signed it, made by the openssl command.
struct CertificateAuthority {
    let root: String
    let certificate: String
    let key: String

    init(in directory: TemporaryDirectory) async throws {
        root = directory.path("root.pem")
        certificate = directory.path("certificate.pem")
        key = directory.path("key.pem")
        let extensions = try directory.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n", to: "extensions.cnf")
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        try await run(
            ["req", "-x509", "-days", "2", "-subj", "/CN=Olim test root", "-keyout", directory.path("root.key")] + curve
                + ["-out", root], in: directory)
        try await run(
            ["req", "-subj", "/CN=localhost", "-keyout", key, "-out", directory.path("request.pem")] + curve,
            in: directory)
        try await run(
            [
                "x509", "-req", "-days", "2", "-in", directory.path("request.pem"), "-CA", root, "-CAkey",
                directory.path("root.key"), "-CAcreateserial", "-extfile", extensions, "-out", certificate,
            ], in: directory)
    }

    private func run(_ arguments: [String], in directory: TemporaryDirectory) async throws {
        let tool = try ChildProcess("/usr/bin/openssl", arguments, in: directory.path)
        guard case .exited(0) = try await tool.waitForTermination() else {
            throw SetupFailure(description: "openssl \(arguments[0]): \(tool.tail)")
        }
    }
}

/// Something that a test needs could not be made.
struct SetupFailure: Error, CustomStringConvertible {
    let description: String
}
