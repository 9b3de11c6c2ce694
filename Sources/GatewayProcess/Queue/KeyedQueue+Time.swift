internal import HeapModule
internal import NIOCore
internal import Shared

/// What happens when time passes.
extension KeyedQueue {
    /// When `advance` has something to do next; nil if only something else can bring it about.
    var nextDeadline: NIODeadline? {
        // Looked at in place: where the queue is part of an object, reading this would copy all of the queue first.
        mutating get {
            var timeout: NIODeadline?
            if !timeouts.isEmpty { timeout = events[timeouts.first].oldestSince.map { $0 + settings.ackTimeout } }
            return NIODeadline.earliest(of: timeout, holds.min?.until, nextPauseEnd, wishes.nextDeadline)
        }
    }

    /// Applies every deadline up to `now`. `deliver` afterwards.
    mutating func advance(now: NIODeadline, wall: Int64, using random: inout some RandomNumberGenerator) {
        if let forgotten = wishes.nextDeadline, forgotten <= now { forgetWishes(now: now) }
        while !timeouts.isEmpty, let since = events[timeouts.first].oldestSince, since + settings.ackTimeout <= now {
            timeOut(timeouts.first, now: now, wall: wall, using: &random)
        }
        while let hold = holds.min, hold.until <= now {
            holds.removeMin()
            let key = hold.key.slot
            guard keys[key].generation == hold.key.generation, keys[key].isHeld, keys[key].holdTicket == hold.ticket
            else {
                continue
            }
            requeue(key, now: now)
        }
        endPauses(now: now)
    }

    mutating func pause(_ worker: Slot, until: NIODeadline?) {
        workers[worker].pausedUntil = until
        if let until { nextPauseEnd = min(nextPauseEnd ?? until, until) }
    }

    private mutating func endPauses(now: NIODeadline) {
        guard let due = nextPauseEnd, due <= now else { return }
        for worker in workers.indices where workers[worker].isPresent {
            if let until = workers[worker].pausedUntil, until <= now { workers[worker].pausedUntil = nil }
        }
        nextPauseEnd = workers.filter(\.isPresent).compactMap(\.pausedUntil).min()
        unpark()
    }

    /// What the next process must know.
    func checkpoint(
        journal: String, endedInOrder: Bool, isOfMemory: Bool = true, now: NIODeadline, wall: Int64
    ) -> QueueCheckpoint {
        let shards = ledger.checkpoint { sequence, id in
            guard let slot = slotsByID[id] else { return nil }
            let event = events[slot]
            return QueueCheckpoint.Pending(
                sequence: sequence, id: id, receivedAt: event.receivedAt, wasDelivered: event.wasDelivered,
                isDeferred: event.isDeferred, failures: event.failures, deaths: event.deaths)
        }
        return QueueCheckpoint(
            journal: journal, lastID: lastID, endedInOrder: endedInOrder, isOfMemory: isOfMemory, shards: shards,
            wishes: wishes.remembered(now: now, wall: wall))
    }
}

extension NIODeadline {
    /// Of those that there are; makes no array, since it is asked for in each turn of the loop.
    static func earliest(
        of first: NIODeadline?, _ second: NIODeadline?, _ third: NIODeadline?, _ fourth: NIODeadline? = nil
    ) -> NIODeadline? {
        func earlier(_ one: NIODeadline?, _ other: NIODeadline?) -> NIODeadline? {
            guard let one, let other else { return one ?? other }
            return min(one, other)
        }
        return earlier(earlier(first, second), earlier(third, fourth))
    }
}
