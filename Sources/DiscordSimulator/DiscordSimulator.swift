internal import ArgumentParser
internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import Shared
internal import UnixSignals

@main
struct DiscordSimulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "olim-simulator",
        abstract: "A strict stand-in for Discord: gateway and REST on one port, and an endpoint to control both.",
        discussion: """
            When it is ready it prints one line of JSON with its ports and URLs. REST is under /api/v10, the control API \
            under /simulator; docs/simulator.md describes them. SIGTERM or SIGINT ends it.
            """,
        version: Version.current)

    @Option(help: "Address to listen on.") var host = "127.0.0.1"
    @Option(help: "Port; 0 for any free one.") var port = 0
    @Option(help: "Second port, named in READY as the URL for resuming; 0 for any free one.") var resumePort = 0
    @Option(help: "File that the port is written to when the simulator is ready.") var portFile: String?
    @Option(help: "PEM file of the certificate chain; with it everything is https and wss.") var tlsCertificate: String?
    @Option(help: "PEM file of the certificate's key.") var tlsKey: String?
    @Option(help: "Gateway URL to tell clients instead of the real one.") var gatewayURL: String?
    @Option(help: "URL for resuming to tell clients instead of the real one.") var resumeURL: String?
    @Option(help: "Host name to tell clients instead of --host.") var publicHost: String?
    @Option(help: "The bot's token.") var token = "simulated-token"
    @Option(help: "Privileged intents that the portal allows, by name, or none.")
    var allowedIntents = "GUILD_MEMBERS,GUILD_PRESENCES,MESSAGE_CONTENT"
    @Option(help: "Communities.") var guilds = 2
    @Option(help: "Members of each.") var members = 12
    @Option(help: "Text channels of each.") var channels = 3
    @Option(help: "Shards that GET /gateway/bot recommends.") var shardsRecommended = 1
    @Option(help: "Identifies per 5 s, one for each bucket.") var maxConcurrency = 1
    @Option(help: "Identifies per day.") var sessionLimit = 1000
    @Option(help: "Identifies left at the start.") var sessionRemaining: Int?
    @Option(help: "Milliseconds between heartbeats.") var heartbeatInterval = 41_250
    @Option(help: "Milliseconds that a heartbeat may be late.") var heartbeatTolerance = 10_000
    @Option(help: "What ends a connection without heartbeats: a close code, or none.") var heartbeatClose = "4009"
    @Option(help: "Milliseconds that a session without connection can be resumed.") var sessionExpiry = 90_000
    @Option(help: "Milliseconds between Identifies of one bucket.") var identifyInterval = 5000
    @Option(help: "Milliseconds to an interaction's first answer.") var interactionDeadline = 3000
    @Option(help: "Milliseconds that an interaction's token lives.") var interactionLifetime = 900_000
    @Option(help: "Milliseconds that an enforced nonce is remembered.") var nonceLifetime = 300_000
    @Option(help: "Events kept per session for a resume.") var replayEvents = 200_000
    @Option(help: "REST requests per second.") var globalLimit = 50
    @Flag(help: "Enforce no REST rate limits.") var noRateLimits = false
    @Flag(help: "Put line breaks between the tokens of every payload.") var pretty = false
    @Option(help: "An order to fail, as JSON of POST /simulator/faults; may be repeated.") var fault: [String] = []
    @Option(help: "What goes on by itself: none, or community.") var scenario = Scenario.none
    @Option(help: "Messages per minute that the community writes.") var rate = 20.0
    @Option(help: "Seed of everything made up.") var seed: UInt64 = 1

    /// What goes on by itself.
    enum Scenario: String, ExpressibleByArgument, CaseIterable {
        case none, community
    }

    mutating func validate() throws {
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key belong together.")
        }
        guard guilds >= 0, members >= 2, channels >= 1 else {
            throw ValidationError("--guilds must be at least 0, --members 2, --channels 1.")
        }
        _ = try options()
    }

    func run() async throws {
        let options = try options()
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let running: RunningSimulator
        do {
            running = try await RunningSimulator.start(options, on: group.next())
        } catch {
            Output.error("olim-simulator: \(error)")
            throw ExitCode(69)
        }
        if scenario == .community {
            Output.line("Simulated Discord is at \(running.apiURL), its control API at \(running.controlURL)")
            try await running.startCommunity(messagesPerMinute: rate, seed: seed)
        } else {
            Output.line(running.readiness(options).text)
        }
        if let portFile { try write(running.port, to: portFile) }
        for await _ in signals { break }
        try await running.stop()
        try await group.shutdownGracefully()
    }

    /// Writes the file in one step, so that nobody reads half a number.
    private func write(_ port: Int, to path: String) throws {
        do {
            try Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            Output.error("olim-simulator: cannot write \(path)")
            throw ExitCode(69)
        }
    }

    private func options() throws -> SimulatorOptions {
        var options = SimulatorOptions()
        (options.host, options.port, options.resumePort) = (host, port, resumePort)
        (options.certificate, options.key) = (tlsCertificate, tlsKey)
        (options.gatewayURL, options.resumeURL, options.publicHost) = (gatewayURL, resumeURL, publicHost)
        options.token = token
        do {
            options.allowedIntents =
                allowedIntents == "none" ? 0 : try Intents(parsing: allowedIntents).rawValue
        } catch {
            throw ValidationError("--allowed-intents: \(error)")
        }
        options.plan = Founding.Plan(guilds: guilds, members: members, channels: channels)
        options.recommendedShards = shardsRecommended
        options.maxConcurrency = maxConcurrency
        (options.sessionLimit, options.sessionRemaining) = (sessionLimit, sessionRemaining)
        options.limits.heartbeatInterval = heartbeatInterval * 1000
        options.limits.heartbeatTolerance = heartbeatTolerance * 1000
        options.limits.sessionExpiry = sessionExpiry * 1000
        options.limits.identifyInterval = identifyInterval * 1000
        options.limits.interactionAnswer = interactionDeadline * 1000
        options.limits.interactionToken = interactionLifetime * 1000
        options.limits.nonce = nonceLifetime * 1000
        options.gateway.bufferedEvents = replayEvents
        options.gateway.style = pretty ? .pretty : .compact
        guard heartbeatClose == "none" || Int(heartbeatClose) != nil else {
            throw ValidationError("--heartbeat-close must be a close code or none.")
        }
        options.gateway.heartbeatCloseCode = Int(heartbeatClose)
        (options.globalLimit, options.hasRateLimits) = (globalLimit, !noRateLimits)
        options.seed = seed
        options.faults = try fault.map { text in
            guard let value = try? JSON(ofText: text) else { throw ValidationError("--fault \(text) is not JSON.") }
            return value
        }
        return options
    }
}

/// Lines for people and programs that watch.
enum Output {
    /// Writes a line to standard output at once.
    static func line(_ text: String) { write(text, to: 1) }

    /// Writes a line to standard error.
    static func error(_ text: String) { write(text, to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            // Nobody listens any more: nothing to be done about it.
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
