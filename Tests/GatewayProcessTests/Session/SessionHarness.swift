import AsyncHTTPClient
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Shared
import Synchronization
import TestKit

@testable import GatewayProcess

/// Stands in for the queue: remembers what it received; a test says what is durable.
final class RecordingReceiver: DispatchReceiver {
    private struct State {
        var dispatches: [Dispatch] = []
        var bursts: [Int] = []
        var sessions: [(session: String, resumed: Bool)] = []
        var durable: [String: Int] = [:]
        var followsReceived = true
        var limited: [(guild: Snowflake, nonce: String?)] = []
        var gaps: [SessionGap] = []
    }

    private let state = Mutex(State())

    var dispatches: [Dispatch] { state.withLock { $0.dispatches } }
    /// How many dispatches came in each call.
    var bursts: [Int] { state.withLock { $0.bursts } }
    var sessions: [(session: String, resumed: Bool)] { state.withLock { $0.sessions } }
    var limited: [(guild: Snowflake, nonce: String?)] { state.withLock { $0.limited } }

    var gaps: [SessionGap] { state.withLock { $0.gaps } }

    func texts() -> [String] { dispatches.map { String(buffer: $0.data) } }

    /// From now on only what is set here is durable.
    func setDurable(_ sequence: Int?, of session: String) {
        state.withLock {
            $0.followsReceived = false
            $0.durable[session] = sequence
        }
    }

    let keepsSequences: Bool

    init(keepsSequences: Bool = false) {
        self.keepsSequences = keepsSequences
    }

    func receive(_ burst: [Dispatch]) -> Bool {
        state.withLock { state in
            state.bursts.append(burst.count)
            for dispatch in burst {
                state.dispatches.append(dispatch)
                if state.followsReceived { state.durable[dispatch.session] = dispatch.sequence }
            }
        }
        return true
    }

    func sessionRestored(shard: Int, session: String, finishedUpTo sequence: Int) {}

    func sessionBegan(shard: Int, session: String, resumed: Bool) {
        state.withLock { $0.sessions.append((session, resumed)) }
    }

    func sessionGap(_ gap: SessionGap) { state.withLock { $0.gaps.append(gap) } }

    func durableSequence(shard: Int, session: String) -> Int? { state.withLock { $0.durable[session] } }

    func memberRequestLimited(shard: Int, guild: Snowflake, nonce: String?, retryAfter: Double) {
        state.withLock { $0.limited.append((guild, nonce)) }
    }
}

/// A directory that is removed with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = "/tmp/olim-session-tests-\(UInt64.random(in: 0 ... .max))"
        try? StateFile.makeDirectory(path)
    }

    deinit {
        for name in [
            SessionFile.name, SessionFile.name + ".unreadable", SessionFile.name + ".new", Rejection.name,
            "gateway.lock",
        ] {
            try? StateFile.remove("\(path)/\(name)")
        }
        rmdir(path)
    }
}

/// Shards on one event loop of their own against a `ScriptedDiscord`.
final class SessionHarness: Sendable {
    let receiver = RecordingReceiver()
    let supervisor: ShardSupervisor
    let directory: TemporaryDirectory
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let http: HTTPClient

    init(
        _ discord: ScriptedDiscord, directory: TemporaryDirectory = TemporaryDirectory(),
        compression: GatewayCompression = .none, selection: ShardSelection = .automatic, presence: String? = nil,
        limits: SessionStateMachine.Limits = .quick, identifyLimits: IdentifyLimiter.Limits = .quick,
        token: String = "token-of-the-test"
    ) throws {
        self.directory = directory
        var apiURL = APIBaseURL.discord
        let source = SettingsSource(
            environment: ["DISCORD_TOKEN": token, "DISCORD_API_URL": "http://127.0.0.1:\(discord.port)/api/v10"])
        apiURL = try GatewaySettings.load(from: source).common.apiURL
        let tls = try NIOSSLContext(configuration: .makeClientConfiguration())
        http = HTTPClient(eventLoopGroupProvider: .shared(group))
        let credentials = Credentials(
            token: Secret(token), intents: GatewaySettings.standardIntents, apiURL: apiURL)
        supervisor = ShardSupervisor(
            configuration: ShardConfiguration(
                credentials: credentials, selection: selection, presence: presence, stateDirectory: directory.path,
                limits: limits, identifyLimits: identifyLimits, firstRetry: .milliseconds(50)),
            connector: DiscordConnector(
                eventLoop: group.next(), tls: tls, compression: compression, userAgent: "DiscordBot (test, 0)"),
            client: GatewayBotClient(
                http: http, apiURL: apiURL, token: Secret(token), userAgent: "DiscordBot (test, 0)"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func start() async throws {
        try await supervisor.prepare()
        await supervisor.start(receiver: receiver) {}
    }

    func stop() async throws {
        await supervisor.shutdown()
        try await http.shutdown()
        try await group.shutdownGracefully()
    }

    func status() async -> [ShardStatus] { await supervisor.run { $0.shardStatuses() } }

    func isReady(_ shard: Int = 0) async -> Bool { await status().first { $0.id == shard }?.state == "ready" }

    /// Sends a payload as a worker's command.
    func send(_ payload: String, to shard: Int = 0) async -> CommandOutcome {
        await withCheckedContinuation { continuation in
            supervisor.eventLoop.execute {
                self.supervisor.send(ByteBuffer(string: payload), to: shard) { continuation.resume(returning: $0) }
            }
        }
    }

    /// Runs a test against running shards, and always stops them.
    func running(_ body: (SessionHarness) async throws -> Void) async throws {
        try await start()
        do {
            try await body(self)
        } catch {
            try await stop()
            throw error
        }
        try await stop()
    }
}

extension ShardSupervisor {
    /// Runs on the event loop.
    func run<Value: Sendable>(_ body: @Sendable (ShardSupervisor) -> Value) -> Value { body(self) }
}

extension SessionStateMachine.Limits {
    /// For tests on real sockets: the same order of things in less time.
    static let quick = SessionStateMachine.Limits(
        resumeConnect: .seconds(5), connect: .seconds(5), hello: .seconds(5), longestWait: .milliseconds(200),
        firstWait: .milliseconds(10), rateLimited: .milliseconds(50), invalidSession: 5...10)
}

extension IdentifyLimiter.Limits {
    static let quick = IdentifyLimiter.Limits(
        bucketInterval: .milliseconds(50), margin: .milliseconds(10), unhurriedPerHour: 100)
}
