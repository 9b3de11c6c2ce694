internal import NIOCore
internal import Shared

/// One connection of a worker. Never used twice.
struct WorkerID: Hashable, Sendable {
    let slot: Slot
    let generation: UInt32
}

/// One event to write to a worker.
struct Delivery {
    let worker: WorkerID
    let id: EventID
    let attempt: Int
    let shard: Int
    let sequence: Int
    let type: String
    let key: QueueKey
    let receivedAt: Int64
    let redelivered: Bool
    let deferred: Bool
    let retryOf: EventID?
    /// The bytes of `d`; nil until they are read from the journal.
    var data: ByteBuffer?
    let position: JournalPosition?
    let byteCount: Int
}

/// An event that failed too often.
struct DeadLetter: Sendable, Equatable {
    let id: EventID
    let shard: Int
    let sequence: Int
    let type: String
    let key: QueueKey
    let receivedAt: Int64
    let failures: Int
    /// In microseconds since 1970.
    let failedAt: Int64
    /// One for each counted failure.
    let reasons: [String]
    let retryOf: EventID?
    /// Empty until it is read from the journal, if it is there.
    var data: ByteBuffer
    /// Its record, to be finished once the letter is kept.
    var record: Record?

    struct Record: Equatable, Sendable {
        let position: JournalPosition
        let stride: Int
    }
}

/// What is to be done after a change of the queue, in this order.
enum QueueEffect {
    case deliver(Delivery)
    /// These are no longer this worker's.
    case returned(WorkerID, [EventID])
    /// Keep it before anything later is made durable: for the queue it is done.
    case deadLetter(DeadLetter)
    /// An interaction, or the retry of a dead letter, is done.
    case finished(EventID, retryOf: EventID?)
}

/// What happened to an event that the journal has.
enum RecordChange: Equatable {
    /// A worker is about to see it.
    case delivered(JournalPosition)
    case finished(JournalPosition, stride: Int)
    case noted(JournalPosition, JournalNote)
}

/// Why a worker is no longer there.
enum WorkerEnd {
    /// Its connection broke, or it was silent.
    case death
    /// It had drained, or the gateway is going: what it still has says nothing about the events.
    case leave
}

/// What became of a dispatch.
enum Reception: Equatable {
    case queued(EventID)
    /// Its session and sequence number were here before.
    case duplicate
    case unwanted
    case shed
    /// It could not be written down: Discord is to send it again.
    case refused
}

/// What the queue counts since the start.
struct QueueCounters: Equatable {
    var received = 0
    var duplicates = 0
    var delivered = 0
    var redelivered = 0
    var acknowledged = 0
    var lateAcknowledgements = 0
    /// Acknowledgements of what that worker never had.
    var unknownAcknowledgements = 0
    /// Events nacked.
    var nacks = 0
    var releases = 0
    var ackTimeouts = 0
    var deaths = 0
    /// Deaths counted against an event that was alone at its worker.
    var blamedDeaths = 0
    var deadLetters = 0
    /// By name of the dispatch.
    var unwanted: [String: Int] = [:]
    var shed: [String: Int] = [:]
}
