internal import DequeModule
internal import NIOCore
internal import Shared

/// What of the journal is in memory: of each key a few events at its beginning, and the places of those behind them.
extension KeyedQueue {
    /// How much of the journal is in memory, and how much of it moves at once.
    struct Window: Sendable {
        /// Events of one key that wait in memory; what comes behind them is only named.
        var eventsOfKey = 128
        /// Events that wait in memory although nobody takes them; what comes then stays ahead of the journal's cursor.
        var comfortableWaiting = 8192
        /// Events in memory in all; only keys that nobody can be given now make that many.
        var maximumInMemory = 131_072
        /// So many wait in memory, if there are as many, also while nobody asks for them.
        var minimumWaiting = 256
        /// Bytes of the events that came last, which are kept while they wait, for they may be wanted at once.
        var recentBytes = 1 << 20
        /// Read at once from the disk.
        var chunkBytes = 256 << 10
        /// Read in one turn at most, so that a turn ends.
        var chunksPerTurn = 64
        /// Dispatches written at once, so that a segment has room for them.
        var dispatchesPerWrite = 4096
    }

    var countInMemory: Int { slotsByID.count }

    var waitingInMemory: Int { slotsByID.count - inFlight }

    /// Whether a new event may come into memory.
    var hasRoom: Bool { waitingInMemory < settings.window.comfortableWaiting }

    /// Whether more should be read from the journal: workers could take more than what is in memory. `deliver` before.
    var wantsMore: Bool {
        guard slotsByID.count < settings.window.maximumInMemory else { return false }
        return waitingInMemory < settings.window.minimumWaiting || workers.contains { $0.isIdle }
    }

    /// Takes an event that the journal has, behind all others of its key.
    mutating func take(_ loaded: LoadedEvent, isWindowed: Bool, now: NIODeadline) {
        guard slotsByID[loaded.event.id] == nil, buried.isEmpty || !buried.contains(loaded.position) else { return }
        var event = makeEvent(loaded)
        guard isWindowed else {
            event.data = nil
            return enqueue(event, key: loaded.event.key, now: now)
        }
        take(event, at: loaded.position, key: loaded.event.key, now: now)
    }

    /// Takes an event into memory, or only its place if its key has enough there.
    mutating func take(_ event: consuming QueuedEvent, at position: JournalPosition, key: QueueKey, now: NIODeadline) {
        let key = slot(of: key)
        if keys[key].skipped.isEmpty, keys[key].waiting < settings.window.eventsOfKey {
            enqueue(consume event, key: keys[key].key, now: now)
        } else {
            keys[key].skipped.append(position)
        }
    }

    private mutating func makeEvent(_ loaded: LoadedEvent) -> QueuedEvent {
        let event = loaded.event
        var queued = QueuedEvent(
            id: event.id, shard: event.shard, sequence: event.sequence, type: index(ofType: event.type),
            receivedAt: event.receivedAt, data: event.data, byteCount: event.byteCount,
            isInteraction: event.key.keyClass == .interaction, retryOf: event.retryOf,
            origin: .journal(loaded.position, stride: loaded.stride))
        queued.wasDelivered = loaded.wasDelivered
        if let note = loaded.note {
            queued.failures = note.failures
            queued.deaths = note.deaths
            queued.isDeferred = note.isDeferred
            queued.reasons = note.reasons
        }
        return queued
    }

    func isSheddable(_ type: TypeIndex) -> Bool { typeSheddable[type] }

    // MARK: Keys with more than their window

    mutating func requestLoad(of key: Slot) {
        guard !keys[key].isLoading else { return }
        keys[key].isLoading = true
        loads.append(KeyReference(slot: key, generation: keys[key].generation))
    }

    /// Takes the places of the next events of a key that has asked for them.
    mutating func takeSkipped(of reference: KeyReference) -> [JournalPosition] {
        let key = reference.slot
        guard keys[key].generation == reference.generation else { return [] }
        keys[key].isLoading = false
        let next = Array(keys[key].skipped.prefix(settings.window.eventsOfKey))
        keys[key].skipped.removeFirst(next.count)
        return next
    }

    /// Those that are not finished of what `takeSkipped` named.
    /// - Parameter unread: those that could not be read now; they are asked for again.
    mutating func loaded(
        _ events: [LoadedEvent], of reference: KeyReference, unread: [JournalPosition], now: NIODeadline
    ) {
        let key = reference.slot
        guard keys[key].generation == reference.generation else { return }
        let name = keys[key].key
        for event in events { enqueue(makeEvent(event), key: name, now: now) }
        guard unread.isEmpty else {
            for position in unread.reversed() { keys[key].skipped.prepend(position) }
            return requestLoad(of: key)
        }
        guard events.isEmpty, keys[key].events.isEmpty else { return }
        if keys[key].skipped.isEmpty { removeKey(key) } else { requestLoad(of: key) }
    }

    /// Leaves of a key that nobody can be given now only the first waiting event in memory. What has a history stays.
    mutating func evict(_ key: Slot) {
        while true {
            let last = keys[key].events.last
            guard last != .none, last != keys[key].firstWaiting, !events[last].isInFlight,
                let position = events[last].position, events[last].note == JournalNote(), !events[last].isInteraction,
                // Its acknowledgement may be under way.
                !events[last].wasDelivered
            else { return }
            keys[key].skipped.prepend(position)
            free(last)
        }
    }

    /// Lets go of an event's bytes, if the journal has them, too.
    mutating func dropData(of id: EventID) {
        if let slot = slotsByID[id], events[slot].position != nil { events[slot].data = nil }
    }

    /// Drops a waiting event of little value.
    /// - Returns: false if it is under way.
    mutating func shed(_ id: EventID, now: NIODeadline) -> Bool {
        guard let slot = slotsByID[id], !events[slot].isInFlight, events[slot].failures == 0 else { return false }
        counters.shed[typeNames[events[slot].type], default: 0] += 1
        let key = events[slot].key
        let isLast = keys[key].events.count == 1
        settle(slot)
        unlink(slot)
        if !isLast { requeue(key, now: now) }
        return true
    }

    /// An event that has no copy in memory is finished.
    mutating func finishOutside(_ position: JournalPosition, stride: Int, byteCount: Int) {
        depth -= 1
        bytes -= byteCount
        recordChanges.append(.finished(position, stride: stride))
    }

    /// An event whose record is damaged and that was to be delivered: it is lost.
    mutating func lose(_ id: EventID, now: NIODeadline) {
        guard let slot = slotsByID[id] else { return }
        let key = events[slot].key
        takeBack(slot)
        let isLast = keys[key].events.count == 1
        settle(slot)
        unlink(slot)
        if !isLast { settlePlaces(of: [key], now: now) }
    }

    /// An event that was to be delivered cannot be now: it waits, with the rest of its key.
    mutating func postpone(_ delivery: Delivery, until: NIODeadline, now: NIODeadline) {
        guard let slot = slotsByID[delivery.id] else { return }
        events[slot].wasDelivered = delivery.redelivered
        let key = events[slot].key
        takeBack(slot)
        keys[key].heldUntil = max(keys[key].heldUntil ?? until, until)
        settlePlaces(of: [key], now: now)
    }

    private mutating func takeBack(_ slot: Slot) {
        guard events[slot].isInFlight else { return }
        var ignored: [EventID] = []
        takeBack(from: slot, into: &ignored)
    }
}

extension KeyedQueue.WorkerState {
    /// It could take more than there is for it.
    fileprivate var isIdle: Bool {
        isPresent && !isDraining && pausedUntil == nil && hasCredit && ownLine.isEmpty && freeLine.isEmpty
    }
}
