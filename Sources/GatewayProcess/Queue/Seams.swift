internal import NIOCore
internal import Shared

// The gateway process runs on one event loop. Sessions and queue are actors whose executor is that loop
// (`unownedExecutor`), so that each reaches the other with `assumeIsolated`, without a hop, from a channel handler.

/// What the sessions need of the queue. Called on the gateway's event loop.
protocol DispatchReceiver: AnyObject, Sendable {
    /// Takes the dispatches of one read burst, in order. Those whose (session, sequence) the queue already has are dropped
    /// there. When this returns, they count as received, as far as `durableSequence` tells.
    ///
    /// - Returns: false if they could not be written down. None of them was received then, and nothing behind them may be handed in
    ///   before the session was resumed.
    nonisolated func receive(_ burst: [Dispatch]) -> Bool

    /// Whether `durableSequence` is known over restarts: what it does not know cannot be resumed.
    nonisolated var keepsSequences: Bool { get }

    /// The shard will resume a session of an earlier process, of which all up to this number is finished.
    nonisolated func sessionRestored(shard: Int, session: String, finishedUpTo sequence: Int)

    /// The shard began a new session (READY) or resumed one (RESUMED): sequence numbers start over with a new one.
    nonisolated func sessionBegan(shard: Int, session: String, resumed: Bool)

    /// The number to send in heartbeats and RESUME for that session: that of the last dispatch of which, and of all before
    /// it, nothing can be lost any more. Nil if there is none.
    nonisolated func durableSequence(shard: Int, session: String) -> Int?

    /// A session was lost, and its successor has begun: what Discord sent in between, if anything, nobody has.
    nonisolated func sessionGap(_ gap: SessionGap)

    /// The RATE_LIMITED dispatch that answers a member request sent for a worker (gateway-events.mdx, Rate Limited).
    nonisolated func memberRequestLimited(shard: Int, guild: Snowflake, nonce: String?, retryAfter: Double)
}

/// A time for which a shard may lack events.
struct SessionGap: Equatable, Sendable {
    let shard: Int
    /// When something came last, in microseconds since 1970; nil if that was before this process.
    let from: Int64?
    let to: Int64
    let reason: String
}

/// How a shard looks from outside, for status.
struct ShardStatus: Sendable, Equatable {
    let id: Int
    /// `connecting`, `identifying`, `resuming`, `ready`, `waiting`, `closed`.
    let state: String
    let sequence: Int?
    /// Between the last heartbeat and its acknowledgement, in milliseconds.
    let latencyMilliseconds: Int?
    /// Since the last frame from Discord, in milliseconds.
    let idleMilliseconds: Int?
    /// Why it waits or is closed, in words; nil when all is well.
    let note: String?
    /// Since the last dispatch, in milliseconds.
    var sequenceAgeMilliseconds: Int?

    /// All that `state` can be.
    static let states = ["connecting", "identifying", "resuming", "ready", "waiting", "closed"]
}

/// What a command for Discord came to.
enum CommandOutcome: Sendable, Equatable {
    case sent
    case refused(String)
}

/// What the queue has room for. It falls to `nothing` at QUEUE_MAX_BYTES, rises to `resumed` below 75 % of it and to
/// `everything` below 50 %, so that Discord's own replay is the last buffer.
enum Intake: Int, Sendable, Comparable {
    /// Every session is closed with 4000, which keeps it resumable, and stays closed.
    case nothing
    /// Closed sessions are resumed; none is begun anew, which would bring a flood of guilds.
    case resumed
    case everything

    static func < (left: Intake, right: Intake) -> Bool { left.rawValue < right.rawValue }
}

/// What the queue needs of the sessions. Called on the gateway's event loop.
protocol ShardDirectory: AnyObject, Sendable {
    nonisolated var applicationID: Snowflake? { get }
    nonisolated var userID: Snowflake? { get }
    nonisolated var shardIDs: [Int] { get }
    nonisolated var shardCount: Int { get }
    nonisolated func shardStatuses() -> [ShardStatus]
    /// Counters and gauges of the sessions for status and metrics, such as identifies left.
    nonisolated func sessionCounters() -> [(name: String, value: Int)]

    /// Sends a gateway payload within Discord's 120 per 60 s; `completion` runs on the loop once it is sent or refused.
    nonisolated func send(
        _ payload: ByteBuffer, to shard: Int, completion: @escaping @Sendable (CommandOutcome) -> Void)

    /// Told when it changes; `everything` until then. What was read before still goes to `receive`.
    nonisolated func setIntake(_ intake: Intake)

    /// Starts the shard anew with an IDENTIFY; an error text if there is no such shard.
    nonisolated func reidentify(shard: Int) -> String?
}

/// The queue's life as the entry point leads it: `start`, then the sessions run, then `goodbye`, then the sessions close,
/// then `stop`. An implementation is made with the settings and the `ShardDirectory`, and is the sessions' receiver.
protocol QueueService: DispatchReceiver {
    /// Listens on the queue's and the control socket. Throws what the process should end with.
    func start() async throws

    /// Tells every worker that the gateway is going, delivers nothing more, and returns once all of them have closed or
    /// `timeout` has passed. Until then acknowledgements count and what the sessions receive is taken.
    func goodbye(reason: String, timeout: Duration) async

    /// Closes what is still open and removes the sockets.
    func stop() async
}
