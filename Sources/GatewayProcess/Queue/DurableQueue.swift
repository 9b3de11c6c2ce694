internal import DequeModule
internal import NIOCore
internal import Shared

/// The queue on its journal: what `QueueHub` leads.
///
/// Between the decisions of `KeyedQueue` and the files of `Journal` this carries what the one wants to the other: dispatches are written before
/// they are queued, events are read when a worker can take them, and what workers said is written before anything relies on it.
/// In `memory` mode there is no journal, but for what an earlier process left in one.
struct DurableQueue<Disk: JournalDisk> {
    /// An event that is written, or about to be. A tuple, because what comes out of one is not copied.
    ///
    /// `isTaken`: not left for the journal's cursor.
    typealias Written = (event: QueuedEvent, key: QueueKey, position: JournalPosition, isTaken: Bool)

    /// What an operator should know of the disk.
    enum Trouble: Equatable {
        /// Events cannot be written: the sessions must pause. Acknowledgements are still taken.
        case refusing(DiskFailure)
        /// Marks or notes could not be written; it is tried again.
        case marks(DiskFailure)
        /// Events could not be read; it is tried again.
        case reading(DiskFailure)
        /// An event's record is damaged: the event is lost. Nil if not even its id is known.
        case damaged(EventID?)
    }

    var queue: KeyedQueue
    let durability: QueueDurability
    var journal: Journal<Disk>?
    /// Asked for each turn: to look at the optional itself would copy the journal.
    let hasJournal: Bool
    /// Why no dispatch is taken at the moment.
    var refusal: DiskFailure?
    var troubles: [Trouble] = []

    /// Unfinished events that were delivered before the last start and are not in memory yet.
    var delivered: [EventID: JournalContents.Waiting] = [:]
    /// Waiting events that may be shed, oldest first; some are finished.
    var sheddable: Deque<JournalPosition> = []
    /// Events that came into memory last, the oldest first, some delivered since: they have their bytes until they are no longer here.
    private var recent: Deque<(id: EventID, bytes: Int)> = []
    private var recentBytes = 0
    var written: Deque<Written> = []
    var syncing: (begun: (segments: [UInt32], point: JournalSyncPoint?), count: Int)?

    var window: KeyedQueue.Window { queue.settings.window }

    /// A queue without a journal.
    init(queue: KeyedQueue) {
        self.queue = queue
        durability = .memory
        journal = nil
        hasJournal = false
    }

    /// A queue on a journal that has been opened.
    init(
        queue: KeyedQueue, durability: QueueDurability, journal: Journal<Disk>, contents: JournalContents,
        now: NIODeadline, wall: Int64
    ) {
        self.queue = queue
        self.durability = durability
        self.journal = journal
        hasJournal = true
        delivered = contents.delivered
        sheddable = Deque(contents.sheddable)
        self.queue.lastID = max(queue.lastID, journal.numbers.lastID)
        self.queue.depth += contents.depth
        self.queue.bytes += contents.bytes
        if journal.segments.last?.isSealed ?? true { refuse(.full) }
        take(contents.interactions, now: now, wall: wall)
        // New events are behind all that is left here, and nothing else tells which keys those have.
        while durability == .memory, self.journal?.hasMore == true, readOn(now: now, wall: wall) {}
        forgetRecent(above: 0)
    }

    /// An event has come into memory with its bytes.
    mutating func remember(_ id: EventID, bytes: Int) {
        recent.append((id, bytes))
        recentBytes += bytes
    }

    /// Lets go of the bytes of waiting events, but for those that came last: the disk has them.
    mutating func forgetRecent(above limit: Int) {
        if queue.waitingInMemory == 0 {
            recent.removeAll(keepingCapacity: true)
            recentBytes = 0
        }
        while recentBytes > limit, let oldest = recent.popFirst() {
            recentBytes -= oldest.bytes
            queue.dropData(of: oldest.id)
        }
    }
}
