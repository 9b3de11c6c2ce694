import NIOCore
import Shared
import TestKit

@testable import GatewayProcess

/// What one simulated world is like. Times are shorter than in life where nothing hangs on it, so that more happens.
struct Rules {
    static let shards = 2
    static let workers = 3
    /// Guilds of each shard.
    static let guilds = 6
    /// Channels of direct messages, all of them with the first shard.
    static let directChannels = 2

    let durability: QueueDurability
    var isInMemory: Bool { durability == .memory }
    var journal = (segmentBytes: 0, markCapacity: 0)
    var queue = KeyedQueue.Settings()
    var identifies = IdentifyLimiter.Limits()
    /// Identifies that Discord allows in `identifies.day`.
    var identifyTotal: Int
    var maxConcurrency: Int
    var heartbeatInterval: TimeAmount
    /// How long Discord keeps a session without a connection, in milliseconds.
    var sessionLife: ClosedRange<Int64>
    /// Dispatches that Discord keeps for a session.
    var replayBuffer: Int
    /// Discord forgets what a heartbeat says has been received.
    var forgetsAtHeartbeat: Bool
    /// Replays contain the RESUMED of earlier ones. A queue in memory then takes the replay for ended too early.
    var replaysResumed: Bool
    /// Most events that a worker may hold.
    var capacity: ClosedRange<Int>
    /// Bytes that a worker's socket takes without the worker reading them.
    var socketBytes: Int
    /// Between two dispatches of a shard, in milliseconds, in ordinary times.
    var emissionPause: ClosedRange<Int64>
    /// Between two faults, in milliseconds.
    var faultPause: ClosedRange<Int64>

    init(durability: QueueDurability, using random: inout SeededGenerator) {
        func pick<Value>(_ values: Value...) -> Value { values[Int.random(in: 0..<values.count, using: &random)] }
        self.durability = durability
        queue.ackTimeout = pick(.seconds(3), .seconds(8), .seconds(30))
        queue.maximumBytes = pick(20_000, 60_000, 400_000)
        queue.maximumWriteAhead = pick(2000, 10_000, 1 << 20)
        journal.segmentBytes = pick(4000, 20_000, 60_000)
        journal.markCapacity = pick(24, 80, 500)
        queue.window.eventsOfKey = pick(1, 4, 32)
        queue.window.comfortableWaiting = pick(4, 40, 8192)
        queue.window.minimumWaiting = pick(1, 16, 256)
        queue.window.recentBytes = pick(0, 2000, 2 << 20)
        queue.window.maximumInMemory = pick(100, 131_072)
        queue.window.chunkBytes = pick(600, 4000, 256 << 10)
        queue.window.chunksPerTurn = pick(1, 4, 64)
        queue.window.dispatchesPerWrite = min(journal.markCapacity, pick(8, 4096))
        identifies.day = .minutes(20)
        identifies.firstExtraWait = .seconds(2)
        identifies.longestExtraWait = .seconds(20)
        identifyTotal = pick(60, 200)
        maxConcurrency = pick(1, 2, 16)
        heartbeatInterval = pick(.seconds(5), .seconds(12), .seconds(41))
        sessionLife = pick(5_000...20_000, 30_000...120_000)
        replayBuffer = pick(500, 5000)
        forgetsAtHeartbeat = pick(true, true, false)
        replaysResumed = durability != .memory && pick(true, false)
        capacity = pick(1...3, 2...12, 20...64)
        socketBytes = pick(1000, 20_000)
        emissionPause = pick(0...10, 5...40, 20...200)
        faultPause = pick(200...2000, 1000...8000, 4000...30_000)
    }

    /// In `memory` mode, what is older than this is on disk: 100 ms, and what a slow disk takes in this simulation.
    static let checkpointAge: TimeAmount = .milliseconds(120)
}
