/// What a worker introduces itself with; its first frame.
public struct WorkerHello: Sendable, Equatable {
    /// Queue protocol versions the worker speaks.
    public var protocolVersions: ClosedRange<Int>
    /// Its name: 1 to 64 letters, digits, `.`, `_`, `:`, `-`. Several workers may bear one name.
    public var worker: String
    /// Its program's version.
    public var version: String
    /// Most events unacknowledged there at once.
    public var capacity: Int
    /// Most bytes of events unacknowledged there at once; nil for no bound of its own.
    public var capacityBytes: Int?
    /// Names of the dispatches it wants; nil for all.
    public var events: Set<String>?
    /// Commands (full path) whose deferred answer only the caller may see.
    public var ephemeral: Set<String>
    /// Commands and custom-id prefixes never to be deferred.
    public var immediate: Set<String>
    /// The journal that `welcome` named before the connection was lost.
    public var journal: String?
    /// Events of that journal finished since.
    public var done: [EventID]

    /// Makes a hello.
    public init(
        protocolVersions: ClosedRange<Int> = QueueProtocol.versions, worker: String, version: String, capacity: Int,
        capacityBytes: Int? = nil, events: Set<String>? = nil, ephemeral: Set<String> = [],
        immediate: Set<String> = [], journal: String? = nil, done: [EventID] = []
    ) {
        self.protocolVersions = protocolVersions
        self.worker = worker
        self.version = version
        self.capacity = capacity
        self.capacityBytes = capacityBytes
        self.events = events
        self.ephemeral = ephemeral
        self.immediate = immediate
        self.journal = journal
        self.done = done
    }
}

/// Which events a `release` gives back.
public enum ReleaseScope: Sendable, Equatable {
    /// These; the time holds for their keys.
    case ids([EventID])
    /// Everything but interactions; for the time the worker takes nothing but interactions.
    case all
}

/// A frame from a worker to the gateway (docs/queue-protocol.md).
public enum WorkerFrame: Sendable, Equatable {
    case hello(WorkerHello)
    case ack([EventID])
    case extend([EventID])
    case nack([EventID], reason: String)
    case release(ReleaseScope, retryAfterMilliseconds: Int, reason: String)
    /// `database`, `tasks` and `metrics` as the worker sent them.
    case report(JSON)
    case drain
    /// A gateway payload (`{"op":…,"d":…}`) for Discord.
    case command(ref: Int, shard: Int, payload: JSON)
    case status
    case pong
}
