internal import DequeModule
internal import HeapModule
internal import NIOCore
internal import Shared

/// Decides which event goes to which worker next (docs/design.md; the promises are in docs/queue-protocol.md).
///
/// A pure value: events, answers, the time and randomness are passed in, what is to be done comes out of `takeEffects`.
/// Every operation on an event costs the same whatever the number of keys, events and workers.
///
/// Per key there is one list of unfinished events in Discord's order. Those in flight are always its beginning, all at one
/// worker, the key's holder. A key that has a next event to give stands in exactly one line: in that of its holder, or, with
/// nothing in flight, of the first worker in its ranking that has credit.
struct KeyedQueue {
    struct Settings {
        /// An event unacknowledged this long, as the oldest of its key, is taken from its worker.
        var ackTimeout: TimeAmount = .seconds(30)
        /// Counted failures that make a dead letter.
        var maximumAttempts = 5
        /// Past this many bytes of backlog, what is least missed is shed.
        var maximumBytes = 1 << 30
        /// After the first counted failure; doubles with each.
        var firstBackoff: TimeAmount = .milliseconds(250)
        var maximumBackoff: TimeAmount = .seconds(10)
        /// Longest time a worker can ask for with `release`: a slip of units must not park a guild for days.
        var maximumRelease: TimeAmount = .hours(1)
        /// Bytes written ahead of what a worker's socket took.
        var maximumWriteAhead = QueueProtocol.maximumWriteAheadBytes
        var window = Window()
    }

    /// What is shed first: of no use once it is late, and by far the most frequent.
    static let sheddable: Set<String> = ["PRESENCE_UPDATE", "TYPING_START"]

    let settings: Settings
    var lastID: EventID
    var counters = QueueCounters()
    var effects: [QueueEffect] = []
    var ledger: SequenceLedger
    var wishes: WorkerWishes

    // Events.
    var events: [QueuedEvent] = []
    private var freeEvents: [Slot] = []
    var slotsByID = SlotTable<EventID>()
    /// Chains the events of each key.
    var keyLinks = SlotLinks()
    /// Chains the events that are the oldest of their key at their worker, by the time since when.
    var timeoutLinks = SlotLinks()
    var timeouts = SlotList()
    /// Chains the events in flight at each worker.
    var holderLinks = SlotLinks()
    /// Events that were queued and may be shed; those finished since are skipped.
    private var shedLine: Deque<EventID> = []

    /// Unfinished events, those that are not in memory included.
    var depth = 0
    var bytes = 0
    var inFlight = 0
    /// What the journal has yet to learn, in this order.
    var recordChanges: [RecordChange] = []
    /// Dead letters whose record stays in the journal until they are kept elsewhere: read there, they are not taken again.
    var buried: Set<JournalPosition> = []
    /// Keys of which all that is in memory is in flight, with more in the journal.
    var loads: [KeyReference] = []

    // Keys.
    var keys: [KeyState] = []
    private var freeKeys: [Slot] = []
    private var slotsByKey = SlotTable<QueueKey>()
    var holds = Heap<Hold>()

    // Workers.
    var workers: [WorkerState] = []
    var freeWorkers: [Slot] = []
    var rendezvous = RendezvousTable()
    var workerCount = 0

    // Lines of keys.
    var interactionLine: Deque<KeyReference> = []
    var suspectLine: Deque<KeyReference> = []
    /// Keys whose worker went away, to be placed as credit allows.
    var orphanLines: Deque<Deque<KeyReference>> = []
    /// Keys that no worker here can take now.
    var parkedLine: Deque<KeyReference> = []
    /// Keys in the free lines of all workers.
    var freeLineCount = 0
    /// Workers that may be able to take something.
    var dirtyWorkers: [Slot] = []
    /// The worker that is, or is about to be, alone with a suspect event.
    var solitude: Solitude?
    /// No pause of a worker ends before.
    var nextPauseEnd: NIODeadline?

    // Names of dispatches.
    private var typeIndices: [String: TypeIndex] = [:]
    private var lastType: (name: String, index: TypeIndex)?
    private(set) var typeNames: [String] = []
    private var typeWanted: [Bool] = []
    private(set) var typeSheddable: [Bool] = []

    init(
        settings: Settings = Settings(), lastID: EventID = EventID(0), ledger: SequenceLedger = SequenceLedger(),
        wishes: WorkerWishes = WorkerWishes()
    ) {
        self.settings = settings
        self.lastID = lastID
        self.ledger = ledger
        self.wishes = wishes
    }

    mutating func takeEffects() -> [QueueEffect] {
        guard !effects.isEmpty else { return [] }
        var taken: [QueueEffect] = []
        // As many come next as a rule; made room for at once instead of step by step.
        taken.reserveCapacity(min(effects.count, 256))
        swap(&taken, &effects)
        return taken
    }

    // MARK: Receiving

    /// Takes a dispatch in that is known nowhere else, but for Discord.
    /// - Parameter wall: microseconds since 1970.
    mutating func receive(_ dispatch: Dispatch, now: NIODeadline, wall: Int64) -> Reception {
        let admission = ledger.admit(
            shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence,
            isResumed: dispatch.type == "RESUMED")
        var event: QueuedEvent
        switch admission {
        case .duplicate, .finishedBefore:
            counters.duplicates += 1
            return .duplicate
        case .new(let position, let mayBeRepeated):
            counters.received += 1
            if let refusal = refusal(of: dispatch.type) {
                ledger.finish(position)
                return refusal
            }
            event = makeEvent(dispatch, id: nextID(wall: wall), origin: .ledger(position))
            event.wasDelivered = mayBeRepeated
            ledger.name(position, event.id)
            // So that the next process knows it, too.
            if mayBeRepeated { ledger.remember(position) }
        case .replayed(let position, let pending):
            counters.received += 1
            if let refusal = refusal(of: dispatch.type) {
                ledger.finish(position)
                return refusal
            }
            event = makeEvent(
                dispatch, id: pending.id, origin: .ledger(position), receivedAt: pending.receivedAt)
            event.restore(pending)
        }
        count(event.byteCount)
        let slot = insert(event, key: dispatch.key)
        if typeSheddable[event.type] { shedLine.append(event.id) }
        if bytes > settings.maximumBytes {
            shed()
            if slotsByID[event.id] == nil { return .shed }
        }
        place(events[slot].key, now: now)
        return .queued(event.id)
    }

    /// Queues a dead letter anew: a new event with a new id, last in its key.
    mutating func retry(_ letter: DeadLetter, now: NIODeadline, wall: Int64) -> EventID {
        let event = makeEvent(retrying: letter, id: nextID(wall: wall), origin: .memory)
        count(event.byteCount)
        enqueue(event, key: letter.key, now: now)
        return event.id
    }

    /// Puts an event that has been counted behind all others of its key that are in memory.
    mutating func enqueue(_ event: consuming QueuedEvent, key: QueueKey, now: NIODeadline) {
        let slot = insert(consume event, key: key)
        place(events[slot].key, now: now)
    }

    /// Names each waiting event in memory that failed too often under an earlier process a dead letter.
    mutating func buryFailed(_ ids: [EventID], now: NIODeadline, wall: Int64) {
        for id in ids {
            guard let slot = slotsByID[id], events[slot].failures >= settings.maximumAttempts, !events[slot].isInFlight
            else { continue }
            let key = events[slot].key
            let isLast = keys[key].events.count == 1
            bury(slot, wall: wall)
            if !isLast { settlePlaces(of: [key], now: now) }
        }
    }

    /// The gateway has deferred this interaction.
    mutating func markDeferred(_ id: EventID) {
        guard let slot = slotsByID[id] else { return }
        events[slot].isDeferred = true
        noteChange(of: slot)
    }

    /// What has happened to this event must be known after a restart.
    mutating func noteChange(of slot: Slot) {
        switch events[slot].origin {
        case .memory: break
        case .ledger(let position): ledger.remember(position)
        case .journal(let position, _): recordChanges.append(.noted(position, events[slot].note))
        }
    }

    /// What has happened to the events of this segment must be written once more. Looks at every event in memory.
    mutating func noteAgain(in segment: UInt32) {
        for (slot, event) in events.enumerated() where !event.isFinished && event.note != JournalNote() {
            guard let position = event.position, position.segment == segment, slotsByID[event.id] == Slot(slot) else {
                continue
            }
            recordChanges.append(.noted(position, event.note))
        }
    }

    func isInFlight(_ id: EventID) -> Bool { slotsByID[id].map { events[$0].isInFlight } ?? false }

    func isUnfinished(_ id: EventID) -> Bool { slotsByID[id].map { !events[$0].isFinished } ?? false }

    /// When the oldest event in memory was received, in microseconds since 1970. Looks at every key.
    var oldestReceivedAt: Int64? {
        keys.lazy.filter { !$0.events.isEmpty }.map { events[$0.events.first].receivedAt }.min()
    }

    /// Counts a dispatch that is not to be queued; nil if it is.
    mutating func refusal(of name: String) -> Reception? {
        guard typeWanted[index(ofType: name)] else {
            counters.unwanted[name, default: 0] += 1
            return .unwanted
        }
        if bytes >= settings.maximumBytes, typeSheddable[index(ofType: name)] {
            counters.shed[name, default: 0] += 1
            return .shed
        }
        return nil
    }

    mutating func nextID(wall: Int64) -> EventID {
        lastID = EventID(max(lastID.rawValue + 1, wall))
        return lastID
    }

    /// One more unfinished event.
    mutating func count(_ byteCount: Int) {
        depth += 1
        bytes += byteCount
    }

    mutating func makeEvent(
        _ dispatch: Dispatch, id: EventID, origin: QueuedEvent.Origin, receivedAt: Int64? = nil
    ) -> QueuedEvent {
        QueuedEvent(
            id: id, shard: dispatch.shard, sequence: dispatch.sequence, type: index(ofType: dispatch.type),
            receivedAt: receivedAt ?? dispatch.receivedAt, data: dispatch.data,
            byteCount: EventPayload.byteCount(data: dispatch.data.readableBytes, type: dispatch.type),
            isInteraction: dispatch.key.keyClass == .interaction, retryOf: nil, origin: origin)
    }

    mutating func makeEvent(retrying letter: DeadLetter, id: EventID, origin: QueuedEvent.Origin) -> QueuedEvent {
        QueuedEvent(
            id: id, shard: letter.shard, sequence: letter.sequence, type: index(ofType: letter.type),
            receivedAt: letter.receivedAt, data: letter.data,
            byteCount: EventPayload.byteCount(data: letter.data.readableBytes, type: letter.type),
            isInteraction: letter.key.keyClass == .interaction, retryOf: letter.id, origin: origin)
    }

    private mutating func insert(_ event: consuming QueuedEvent, key: QueueKey) -> Slot {
        let keySlot = slot(of: key)
        let id = event.id
        event.key = keySlot
        let slot: Slot
        if let free = freeEvents.popLast() {
            slot = free
            events[slot] = consume event
        } else {
            slot = Slot(events.count)
            events.append(consume event)
            keyLinks.grow()
            timeoutLinks.grow()
            holderLinks.grow()
        }
        slotsByID.insert(slot, for: id)
        keyLinks.append(slot, to: &keys[keySlot].events)
        if keys[keySlot].firstWaiting == .none { keys[keySlot].firstWaiting = slot }
        return slot
    }

    /// Drops waiting events of the least value, the oldest first, until the backlog fits.
    private mutating func shed() {
        while bytes > settings.maximumBytes, let id = shedLine.popFirst() {
            guard let slot = slotsByID[id], !events[slot].isInFlight, events[slot].failures == 0 else { continue }
            counters.shed[typeNames[events[slot].type], default: 0] += 1
            settle(slot)
            unlink(slot)
        }
    }

    // MARK: Finishing

    /// Books the event as done, whatever the cause. It leaves the queue with `unlink`.
    ///
    /// - Parameter keepsRecord: it stays in the journal for now.
    mutating func settle(_ slot: Slot, keepsRecord: Bool = false) {
        depth -= 1
        bytes -= events[slot].byteCount
        switch events[slot].origin {
        case .memory: break
        case .ledger(let position): ledger.finish(position)
        case .journal where keepsRecord: break
        case .journal(let position, let stride): recordChanges.append(.finished(position, stride: stride))
        }
        if events[slot].isInteraction || events[slot].retryOf != nil {
            effects.append(.finished(events[slot].id, retryOf: events[slot].retryOf))
        }
    }

    /// Takes an event that is not in flight out of its key and frees its place; the key goes if it was the last.
    mutating func unlink(_ slot: Slot) {
        let key = events[slot].key
        if keys[key].firstWaiting == slot { keys[key].firstWaiting = keyLinks.next(after: slot) }
        free(slot)
        if keys[key].events.isEmpty {
            if keys[key].skipped.isEmpty { removeKey(key) } else { requestLoad(of: key) }
        }
        compactShedLine()
    }

    /// Frees the place of an event that is not in flight.
    mutating func free(_ slot: Slot) {
        keyLinks.remove(slot, from: &keys[events[slot].key].events)
        slotsByID.remove(events[slot].id)
        events[slot].data = nil
        events[slot].reasons = []
        freeEvents.append(slot)
    }

    /// Finished events leave the line lazily; it must not outgrow the queue.
    private mutating func compactShedLine() {
        guard shedLine.count > 1024, shedLine.count > 2 * slotsByID.count else { return }
        shedLine.removeAll { slotsByID[$0] == nil }
    }

    // MARK: Keys

    mutating func slot(of key: QueueKey) -> Slot {
        if let slot = slotsByKey[key] { return slot }
        let slot: Slot
        if let free = freeKeys.popLast() {
            slot = free
            keys[slot] = KeyState(key: key, generation: keys[slot].generation)
        } else {
            slot = Slot(keys.count)
            keys.append(KeyState(key: key, generation: 0))
        }
        slotsByKey.insert(slot, for: key)
        return slot
    }

    mutating func removeKey(_ slot: Slot) {
        slotsByKey.remove(keys[slot].key)
        keys[slot].generation &+= 1
        freeKeys.append(slot)
    }

    /// Keys with unfinished events.
    var keyCount: Int { slotsByKey.count }

    // MARK: Names and wishes

    mutating func index(ofType name: String) -> TypeIndex {
        // Nearly always it is the same as before.
        if let (last, index) = lastType, last == name { return index }
        let index = newOrKnownIndex(ofType: name)
        lastType = (name, index)
        return index
    }

    private mutating func newOrKnownIndex(ofType name: String) -> TypeIndex {
        if let index = typeIndices[name] { return index }
        let index = typeNames.count
        typeIndices[name] = index
        typeNames.append(name)
        typeWanted.append(wishes.wants(name))
        typeSheddable.append(Self.sheddable.contains(name))
        for worker in workers.indices { workers[worker].learn(name) }
        return index
    }

    func isWanted(_ type: TypeIndex) -> Bool { typeWanted[type] }

    /// To be called whenever the wishes have changed.
    mutating func wishesChanged() {
        typeWanted = typeNames.map { wishes.wants($0) }
    }
}

extension Array {
    /// Elements by slot, which is narrower than an index so that links stay small.
    subscript(slot: Slot) -> Element {
        get { self[Int(slot)] }
        _modify { yield &self[Int(slot)] }
    }
}
