internal import DequeModule
internal import NIOCore
internal import Shared

/// Dispatches on their way in.
extension DurableQueue {
    /// Takes the dispatches of one read burst. Once it returns, those that are `queued` are written, and with `fsync` about to be synced.
    mutating func receive(_ burst: [Dispatch], now: NIODeadline, wall: Int64) -> [Reception] {
        guard durability != .memory else { return burst.map { queue.receive($0, now: now, wall: wall) } }
        var receptions: [Reception] = []
        receptions.reserveCapacity(burst.count)
        var rest = burst[...]
        while !rest.isEmpty {
            let part = rest.prefix(window.dispatchesPerWrite)
            rest = rest.dropFirst(part.count)
            write(part, now: now, wall: wall, &receptions)
        }
        return receptions
    }

    mutating func write(
        _ part: ArraySlice<Dispatch>, now: NIODeadline, wall: Int64, _ receptions: inout [Reception]
    ) {
        guard refusal == nil else { return receptions.append(contentsOf: part.map { _ in .refused }) }
        let before = (counters: queue.counters, written: written.count, receptions: receptions.count)
        do throws(DiskFailure) {
            try journal?.prepare(for: part.count)
            let isTaken = takesNew
            // In place: a dispatch that is taken out counts its references.
            part.withUnsafeBufferPointer { part in
                for place in part.indices { receptions.append(stage(part[place], isTaken: isTaken, wall: wall)) }
            }
            try journal?.commit(wall: wall, isTaken: isTaken)
        } catch {
            refuse(error)
            queue.counters = before.counters
            written.removeLast(written.count - before.written)
            receptions.removeLast(receptions.count - before.receptions)
            return receptions.append(contentsOf: part.map { _ in .refused })
        }
        if durability != .fsync || Mutation.applies(.queueUnsynced) { admit(written.count, now: now, wall: wall) }
    }

    /// Whether new events come into memory at once: only with nothing ahead of the journal's cursor can they be next of their keys.
    var takesNew: Bool { queue.hasRoom && journal?.isCursorAtEnd == true }

    mutating func stage(_ dispatch: Dispatch, isTaken: Bool, wall: Int64) -> Reception {
        guard
            journal?.isNew(shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence) ?? false
        else {
            queue.counters.duplicates += 1
            return .duplicate
        }
        var pending: QueueCheckpoint.Pending?
        switch queue.ledger.admitReplay(of: dispatch) {
        case .duplicate, .finishedBefore:
            queue.counters.duplicates += 1
            journal?.stageNumber(shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence)
            return .duplicate
        case .replayed(_, let known): pending = known
        case .new, nil: break
        }
        queue.counters.received += 1
        if let refusal = queue.refusal(of: dispatch.type) {
            journal?.stageNumber(shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence)
            return refusal
        }
        let id = pending?.id ?? queue.nextID(wall: wall)
        guard let place = journal?.stage(dispatch, id: id) else { return .refused }
        var event = queue.makeEvent(
            dispatch, id: id, origin: .journal(place.position, stride: place.stride), receivedAt: pending?.receivedAt)
        if let pending {
            event.restore(pending)
            if event.wasDelivered { queue.recordChanges.append(.delivered(place.position)) }
            queue.recordChanges.append(.noted(place.position, event.note))
        }
        let isTaken = isTaken || event.isInteraction
        written.append((consume event, dispatch.key, place.position, isTaken))
        return .queued(id)
    }

    /// Queues the first of what was written.
    mutating func admit(_ count: Int, now: NIODeadline, wall: Int64) {
        for _ in 0..<count {
            guard let (event, key, position, isTaken) = written.popFirst() else { break }
            admit(event, at: position, isTaken: isTaken, of: key, now: now)
        }
        shed(now: now)
    }

    /// - Parameter isTaken: not left for the journal's cursor.
    private mutating func admit(
        _ event: consuming QueuedEvent, at position: JournalPosition, isTaken: Bool, of key: QueueKey, now: NIODeadline
    ) {
        queue.count(event.byteCount)
        if queue.isSheddable(event.type) { sheddable.append(position) }
        // Behind the cursor of a journal that is not read to its end, nothing of its key can be ahead of it.
        guard isTaken else { return }
        remember(event.id, bytes: event.byteCount)
        queue.take(consume event, at: position, key: key, now: now)
    }

    mutating func refuse(_ failure: DiskFailure) {
        refusal = failure
        troubles.append(.refusing(failure))
    }

    /// Looks whether dispatches can be written again.
    /// - Returns: whether they can, when they could not before.
    mutating func retryWriting() -> Bool {
        guard refusal != nil, syncing == nil, var journal = journal.take() else { return false }
        defer { self.journal = journal }
        guard journal.disk.hasRoom(for: journal.settings.segmentBytes / 2),
            (try? journal.prepare(for: 1)) != nil
        else { return false }
        refusal = nil
        return true
    }

    /// Queues a dead letter anew: a new event with a new id, last in its key.
    mutating func retry(_ letter: DeadLetter, now: NIODeadline, wall: Int64) throws(DiskFailure) {
        guard durability != .memory else {
            _ = queue.retry(letter, now: now, wall: wall)
            return
        }
        if let refusal { throw refusal }
        let id = queue.nextID(wall: wall)
        let record = JournaledEvent(
            id: id, shard: letter.shard, session: "", sequence: letter.sequence, type: letter.type, key: letter.key,
            receivedAt: letter.receivedAt, retryOf: letter.id, data: letter.data)
        do throws(DiskFailure) {
            try journal?.prepare(for: 1)
            let isTaken = takesNew
            guard let place = journal?.stage(retry: record) else { return }
            try journal?.commit(wall: wall, isTaken: isTaken)
            let event = queue.makeEvent(
                retrying: letter, id: id, origin: .journal(place.position, stride: place.stride))
            written.append((event, letter.key, place.position, isTaken || event.isInteraction))
        } catch {
            refuse(error)
            throw error
        }
        if durability != .fsync { admit(written.count, now: now, wall: wall) }
    }

    /// The number to RESUME from: nothing of the session up to it can be lost any more. Nil if it is not known.
    func durableSequence(shard: Int, session: String) -> Int? {
        guard durability != .memory else { return queue.ledger.durableSequence(shard: shard, session: session) }
        return journal?.durableSequence(shard: shard, session: session)
    }
}
