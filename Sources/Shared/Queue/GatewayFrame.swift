public import NIOCore

/// One dispatch on its way to a worker.
public struct EventFrame: Sendable, Equatable {
    /// The gateway's number for it.
    public var id: EventID
    /// 1, plus one for each counted failure.
    public var attempt: Int
    /// The shard it came from.
    public var shard: Int
    /// Discord's sequence number.
    public var sequence: Int
    /// Discord's name of the dispatch, such as `MESSAGE_CREATE`.
    public var type: String
    /// What it is ordered by, such as `guild:1`.
    public var key: String
    /// First receipt, in microseconds since 1970.
    public var receivedAt: Int64
    /// When this copy was handed out, in microseconds since 1970.
    public var sentAt: Int64
    /// Whether it was handed out before.
    public var redelivered: Bool
    /// Whether the gateway has deferred this interaction.
    public var deferred: Bool
    /// The dead letter that this retries.
    public var retryOf: EventID?
    /// The bytes of `d` as Discord sent them, less line breaks between tokens.
    public var data: ByteBuffer

    /// Makes a frame.
    public init(
        id: EventID, attempt: Int = 1, shard: Int, sequence: Int, type: String, key: String, receivedAt: Int64,
        sentAt: Int64 = 0, redelivered: Bool = false, deferred: Bool = false, retryOf: EventID? = nil,
        data: ByteBuffer
    ) {
        self.id = id
        self.attempt = attempt
        self.shard = shard
        self.sequence = sequence
        self.type = type
        self.key = key
        self.receivedAt = receivedAt
        self.sentAt = sentAt
        self.redelivered = redelivered
        self.deferred = deferred
        self.retryOf = retryOf
        self.data = data
    }
}

/// The answer to a worker's hello.
public struct Welcome: Sendable, Equatable {
    /// The queue protocol version that holds from now on: the highest that both ends speak.
    public var protocolVersion: Int
    /// The gateway program's version.
    public var version: String
    /// Names the gateway's journal, for the hello after a lost connection.
    public var journal: String
    /// Null until the first READY.
    public var applicationID: Snowflake?
    /// Null until the first READY.
    public var userID: Snowflake?
    /// The shards this gateway holds.
    public var shardIDs: [Int]
    /// The bot's shards in all.
    public var shardCount: Int
    /// How many workers share the load, this one included.
    public var workers: Int

    /// Makes a welcome.
    public init(
        protocolVersion: Int = QueueProtocol.versions.upperBound, version: String, journal: String,
        applicationID: Snowflake?,
        userID: Snowflake?, shardIDs: [Int], shardCount: Int, workers: Int
    ) {
        self.protocolVersion = protocolVersion
        self.version = version
        self.journal = journal
        self.applicationID = applicationID
        self.userID = userID
        self.shardIDs = shardIDs
        self.shardCount = shardCount
        self.workers = workers
    }
}

/// A frame from the gateway to a worker (docs/queue-protocol.md).
public enum GatewayFrame: Sendable, Equatable {
    case welcome(Welcome)
    case event(EventFrame)
    /// The fence: copies of these events that came before it are void.
    case returned([EventID])
    case members(Int)
    /// `failure` is nil if the payload was sent.
    case commandResult(ref: Int, failure: String?)
    case status(JSON)
    case draining
    case ping
    case pleaseDrain
    case goodbye(reason: String)
    case error(code: String, message: String)
}
