internal import NIOCore
internal import Shared

/// Where the bytes of an event are: in memory here, behind one small handle.
struct EventPayload: Sendable, Equatable {
    let data: ByteBuffer

    /// What an event costs beside its data: its line's other fields at their longest, which is also about what the queue's
    /// own tables need for it.
    static let overheadBytes = 272

    /// An upper bound of the event's line on the socket.
    func byteCount(type: String) -> Int { data.readableBytes + type.utf8.count + Self.overheadBytes }
}

/// One event that is not finished yet.
struct QueuedEvent {
    let id: EventID
    let shard: Int
    let sequence: Int
    let type: TypeIndex
    var key: Slot = .none
    let receivedAt: Int64
    let enqueuedAt: NIODeadline
    var payload: EventPayload
    let byteCount: Int
    let isInteraction: Bool
    /// The dead letter that this retries.
    let retryOf: EventID?
    let position: SequenceLedger.Position?

    /// Counted failures.
    var failures = 0
    var reasons: [String] = []
    /// How often its worker died while this was in flight there.
    var deaths = 0
    /// A copy of it has, or may have, reached a worker.
    var wasDelivered = false
    /// The gateway has answered this interaction with a deferral.
    var isDeferred = false
    /// Backoff after a counted failure.
    var notBefore: NIODeadline?

    /// The worker that has it, if it is in flight.
    var holder: Slot = .none
    /// It exceeds its holder's credit, as interactions may.
    var isOverdraft = false
    /// Done, by a late acknowledgement, while another worker has it: not to be delivered again.
    var isFinished = false
    /// When it became the oldest of its key at its holder, or was extended; nil unless it is the oldest.
    var oldestSince: NIODeadline?

    var isInFlight: Bool { holder != .none }
    /// It was in flight at two deaths: its worker is to hold nothing else.
    var isSuspect: Bool { deaths >= 2 }
}

/// A dispatch's name as a small number.
typealias TypeIndex = Int
