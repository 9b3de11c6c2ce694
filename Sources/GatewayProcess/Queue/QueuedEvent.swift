internal import NIOCore
internal import Shared

/// What an event costs.
enum EventPayload {
    /// What an event costs beside its data: its line's other fields at their longest, which is also about what the queue's
    /// own tables need for it, and more than its record in the journal has.
    static let overheadBytes = 320

    /// An upper bound of the event's line on the socket and of its record in the journal, by which it is counted.
    static func byteCount(data: Int, type: String) -> Int { data + type.utf8.count + overheadBytes }
}

/// One event that is not finished yet and has come into memory.
struct QueuedEvent {
    /// Where it is known beside this queue, so that a later process knows of it or Discord sends it again.
    enum Origin: Equatable {
        /// Nowhere: it ends with the process.
        case memory
        case ledger(SequenceLedger.Position)
        /// `stride`: what its record takes there.
        case journal(JournalPosition, stride: Int)
    }

    let id: EventID
    let shard: Int
    let sequence: Int
    let type: TypeIndex
    var key: Slot = .none
    /// First receipt, in microseconds since 1970.
    let receivedAt: Int64
    /// The bytes of `d`; nil where they are in the journal only.
    var data: ByteBuffer?
    let byteCount: Int
    let isInteraction: Bool
    /// The dead letter that this retries.
    let retryOf: EventID?
    let origin: Origin

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

    /// What has happened to it, for the journal.
    var note: JournalNote {
        JournalNote(failures: failures, deaths: deaths, isDeferred: isDeferred, reasons: reasons)
    }

    /// What an earlier process knew of it.
    mutating func restore(_ pending: QueueCheckpoint.Pending) {
        wasDelivered = pending.wasDelivered
        isDeferred = pending.isDeferred
        failures = pending.failures
        deaths = pending.deaths
    }

    var position: JournalPosition? {
        if case .journal(let position, _) = origin { position } else { nil }
    }
}

/// A dispatch's name as a small number.
typealias TypeIndex = Int
