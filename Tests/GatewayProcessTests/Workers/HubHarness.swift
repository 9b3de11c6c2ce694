internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared
internal import Synchronization
internal import TestKit

@testable internal import GatewayProcess

/// What the hub asks of the sessions, noted.
final class FakeDirectory: ShardDirectory {
    struct State {
        var sent: [(payload: String, shard: Int)] = []
        var intakes: [Intake] = []
        var reidentified: [Int] = []
    }

    let state = Mutex(State())

    var applicationID: Snowflake? { Snowflake(7) }
    var userID: Snowflake? { nil }
    var shardIDs: [Int] { [0, 1] }
    var shardCount: Int { 2 }

    func shardStatuses() -> [ShardStatus] {
        [
            ShardStatus(
                id: 0, state: "ready", sequence: 5, latencyMilliseconds: 40, idleMilliseconds: 100, note: nil,
                sequenceAgeMilliseconds: 700)
        ]
    }

    func sessionCounters() -> [(name: String, value: Int)] { [("identifies", 3)] }

    func setIntake(_ intake: Intake) { state.withLock { $0.intakes.append(intake) } }

    func send(_ payload: ByteBuffer, to shard: Int, completion: @escaping @Sendable (CommandOutcome) -> Void) {
        guard shard < 2 else { return completion(.refused("this gateway does not hold shard \(shard)")) }
        state.withLock { $0.sent.append((String(buffer: payload), shard)) }
        completion(.sent)
    }

    func reidentify(shard: Int) -> String? {
        guard shard < 2 else { return "this gateway does not hold shard \(shard)" }
        state.withLock { $0.reidentified.append(shard) }
        return nil
    }
}

/// Stands in for Discord's REST API.
final class FakeCallback: InteractionDeferring {
    let calls = Mutex<[DeferralPolicy.Call]>([])
    let outcome = Mutex(DeferralPolicy.Outcome.deferred)

    func callAsFunction(_ call: DeferralPolicy.Call) async -> DeferralPolicy.Outcome {
        calls.withLock { $0.append(call) }
        return outcome.withLock { $0 }
    }
}

/// A hub on real sockets in a directory of its own.
final class HubHarness {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    let directory: TestKit.TemporaryDirectory
    let shards = FakeDirectory()
    let callback = FakeCallback()
    let hub: QueueHub
    private var sequence = 0

    init(
        in directory: TestKit.TemporaryDirectory? = nil, _ adjust: (inout QueueSettings) -> Void = { _ in }
    ) async throws {
        if let directory { self.directory = directory } else { self.directory = try TestKit.TemporaryDirectory() }
        var settings = QueueSettings(
            socketPath: self.directory.path("run/queue.sock"), allowedUIDs: [getuid()],
            controlPath: self.directory.path("run/control.sock"), ownUID: getuid(),
            stateDirectory: self.directory.path("state"))
        settings.deferAfter = nil
        settings.farewell = .milliseconds(200)
        adjust(&settings)
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        hub = QueueHub(
            settings: settings, eventLoop: Self.group.any(), directory: shards, callback: callback, logger: logger)
        try await hub.start()
    }

    /// Runs a test with a hub and stops it whatever happens.
    static func run(
        in directory: TestKit.TemporaryDirectory? = nil, _ adjust: (inout QueueSettings) -> Void = { _ in },
        _ body: (HubHarness) async throws -> Void
    ) async throws {
        let harness = try await HubHarness(in: directory, adjust)
        do { try await body(harness) } catch {
            await harness.hub.stop()
            throw error
        }
        await harness.hub.stop()
    }

    func peer() throws -> RawPeer { try RawPeer(path: self.directory.path("run/queue.sock")) }
    func `operator`() throws -> RawPeer { try RawPeer(path: self.directory.path("run/control.sock")) }

    /// Connects a worker that has said hello; welcome is read.
    func worker(
        _ name: String = "w1", capacity: Int = 16, _ more: String = ""
    ) async throws -> (peer: RawPeer, welcome: JSON) {
        let peer = try peer()
        try peer.send(Self.hello(name, capacity: capacity, more))
        let welcome = try await peer.frame("welcome")
        return (peer, welcome)
    }

    static func hello(_ name: String = "w1", capacity: Int = 16, _ more: String = "") -> String {
        #"{"op":"hello","protocol":1,"worker":"\#(name)","version":"9","capacity":\#(capacity)\#(more.isEmpty ? "" : ",")\#(more)}"#
    }

    /// Hands in one dispatch as a session does.
    func dispatch(
        _ type: String = "MESSAGE_CREATE", key: QueueKey = QueueKey(keyClass: .guild, number: 1), d: String = "{}",
        interaction: InteractionHead? = nil, session: String = "s", sequence: Int? = nil
    ) async throws {
        let isTaken = try await offer(
            type, key: key, d: d, interaction: interaction, session: session, sequence: sequence)
        guard isTaken else { throw Refused() }
    }

    struct Refused: Error {}

    /// The same, for a queue that may not be able to take it.
    func offer(
        _ type: String = "MESSAGE_CREATE", key: QueueKey = QueueKey(keyClass: .guild, number: 1), d: String = "{}",
        interaction: InteractionHead? = nil, session: String = "s", sequence: Int? = nil
    ) async throws -> Bool {
        self.sequence = sequence ?? self.sequence + 1
        let dispatch = Dispatch(
            shard: 0, session: session, sequence: self.sequence, type: type, key: key,
            guildID: key.keyClass == .guild ? Snowflake(key.number) : nil, interaction: interaction,
            receivedAt: WallClock.now(), data: ByteBuffer(string: d))
        let hub = hub
        return try await hub.eventLoop.submit { hub.receive([dispatch]) }.get()
    }

    /// The number that the session of `dispatch` would resume from.
    func durable(_ session: String = "s") async throws -> Int? {
        let hub = hub
        return try await hub.eventLoop.submit { hub.durableSequence(shard: 0, session: session) }.get()
    }

    /// A status frame, asked for as a tool does.
    func status() async throws -> JSON {
        let peer = try peer()
        try peer.send(#"{"op":"status"}"#)
        return try await peer.frame("status")
    }

    /// Waits until status shows this.
    func eventually(_ what: String, _ condition: (JSON) -> Bool) async throws {
        try await TestKit.eventually(what, within: .seconds(10)) { condition(try await status()) }
    }
}

extension QueueHub {
    /// Operators that watch.
    nonisolated var tailers: Int { assumeIsolated { $0.tailCount } }

    nonisolated var interactionLists: (ephemeral: Set<String>, immediate: Set<String>)? {
        assumeIsolated { $0.queue.wishes.interactionLists }
    }
}

extension RawPeer {
    /// The next events.
    func events(_ count: Int) async throws -> [JSON] {
        var events: [JSON] = []
        for _ in 0..<count { events.append(try await frame("event")) }
        return events
    }

    func acknowledge(_ ids: [Int]) throws {
        try send(#"{"op":"ack","ids":[\#(ids.map(String.init).joined(separator: ","))]}"#)
    }
}
