internal import DequeModule
internal import NIOCore
internal import Shared

extension KeyedQueue {
    /// One key with unfinished events; idle keys are not kept.
    struct KeyState {
        let key: QueueKey
        /// Grows when the place is freed, so that what still refers to it is known to be stale.
        var generation: UInt32
        /// In Discord's order.
        var events = SlotList()
        /// What comes behind those: events that are in the journal only, in Discord's order.
        var skipped: Deque<JournalPosition> = []
        /// Some of them have been asked for.
        var isLoading = false
        /// The first event that is not in flight.
        var firstWaiting: Slot = .none
        var inFlight = 0
        /// The worker that has the ones in flight.
        var holder: Slot = .none
        /// It stands in a line.
        var isQueued = false
        /// Asked for with `release`.
        var heldUntil: NIODeadline?
        /// The entry of `holds` that counts.
        var holdTicket: UInt32 = 0
        var isHeld = false
        /// The worker that let the first event time out: another one takes it next, if there is one.
        var avoided: WorkerID?

        init(key: QueueKey, generation: UInt32) {
            self.key = key
            self.generation = generation
        }

        /// Events in memory that are not in flight.
        var waiting: Int { events.count - inFlight }
    }

    struct KeyReference {
        let slot: Slot
        let generation: UInt32
    }

    /// A key that waits for a time.
    struct Hold: Comparable {
        let until: NIODeadline
        let key: KeyReference
        let ticket: UInt32

        static func == (left: Self, right: Self) -> Bool { left.until == right.until }
        static func < (left: Self, right: Self) -> Bool { left.until < right.until }
    }

    /// One connected worker.
    struct WorkerState {
        let name: String
        /// Which of the workers of this name it is.
        let ordinal: Int
        let capacity: Int
        let capacityBytes: Int
        let wish: WorkerWishes.Wish
        var generation: UInt32
        var isPresent = true
        var isDraining = false
        /// After `release` of everything: only interactions until then.
        var pausedUntil: NIODeadline?

        var held = SlotList()
        var heldBytes = 0
        /// Held interactions that exceed the credit.
        var overdraft = 0
        /// Bytes that may still be written ahead.
        var room: Int
        /// Ids taken from it, whose acknowledgement still counts.
        var takenBack: Set<EventID> = []
        var acknowledged = 0

        /// Keys of which it already holds events.
        var ownLine: Deque<KeyReference> = []
        /// Keys with nothing in flight, which it is to take first.
        var freeLine: Deque<KeyReference> = []
        var takesFreeNext = false
        var isDirty = false
        private var wanted: [Bool] = []

        /// Enough for every late acknowledgement of a full worker; beyond it the event may be delivered once more.
        static let maximumTakenBack = 65_536

        init(
            name: String, ordinal: Int, capacity: Int, capacityBytes: Int?, wish: WorkerWishes.Wish, generation: UInt32,
            room: Int, types: [String]
        ) {
            self.name = name
            self.ordinal = ordinal
            self.capacity = capacity
            self.capacityBytes = capacityBytes ?? Int.max
            self.wish = wish
            self.generation = generation
            self.room = room
            for type in types { learn(type) }
        }

        mutating func learn(_ type: String) { wanted.append(wish.events?.contains(type) ?? true) }

        func wants(_ type: TypeIndex) -> Bool { wanted[type] }

        /// Whether it may be given something within its credit; how much is decided with the event at hand.
        var hasCredit: Bool { held.count < capacity && (heldBytes < capacityBytes || held.isEmpty) && room > 0 }

        func hasCredit(for bytes: Int) -> Bool {
            held.count < capacity && (held.isEmpty || bytes <= capacityBytes - heldBytes)
        }

        var hasOverdraft: Bool { overdraft < QueueProtocol.interactionOverdraft && room > 0 }

        /// One event is always allowed ahead, or a large one could never be written.
        func hasRoom(for bytes: Int, of maximum: Int) -> Bool { bytes <= room || room >= maximum }
    }

    /// A worker set aside for a suspect event.
    struct Solitude {
        let worker: Slot
        /// The event it is alone with; nil while it still finishes others.
        var event: Slot?
    }
}
