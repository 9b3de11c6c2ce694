internal import NIOCore
internal import Shared

/// What workers say about the events they have.
extension KeyedQueue {
    /// These are done. Late ones count, too: their effects have happened.
    mutating func acknowledge(_ ids: [EventID], by id: WorkerID, now: NIODeadline) {
        guard let worker = slot(of: id) else { return }
        for id in ids {
            let wasTakenBack = !workers[worker].takenBack.isEmpty && workers[worker].takenBack.contains(id)
            if let event = slotsByID[id], events[event].holder == worker {
                if wasTakenBack { workers[worker].takenBack.remove(id) }
                workers[worker].acknowledged += 1
                counters.acknowledged += 1
                complete(event, now: now)
            } else if wasTakenBack {
                workers[worker].takenBack.remove(id)
                workers[worker].acknowledged += 1
                counters.lateAcknowledgements += 1
                if let event = slotsByID[id] { finishElsewhere(event, now: now) }
            } else {
                counters.unknownAcknowledgements += 1
            }
        }
    }

    /// A worker finished these before its last connection was lost.
    mutating func acknowledgeDone(_ ids: [EventID], now: NIODeadline) {
        for id in ids {
            if let event = slotsByID[id], events[event].wasDelivered {
                counters.lateAcknowledgements += 1
                finishElsewhere(event, now: now)
            } else if ledger.finishPending(id) {
                counters.lateAcknowledgements += 1
            } else {
                counters.unknownAcknowledgements += 1
            }
        }
    }

    /// These failed: each counts an attempt; what came after them in their keys comes back uncounted.
    mutating func nack(
        _ ids: [EventID], reason: String, by id: WorkerID, now: NIODeadline, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        guard let worker = slot(of: id) else { return }
        var (failed, returned, affected) = takeBack(ids, from: worker)
        for event in failed {
            counters.nacks += 1
            fail(event, reason.isEmpty ? "nacked" : reason, now: now, wall: wall, using: &random)
        }
        finishReturn(to: worker, &returned, affected, now: now)
    }

    /// Not now: these and what came after them in their keys come back uncounted, and their keys wait.
    mutating func release(_ ids: [EventID], for time: TimeAmount, by id: WorkerID, now: NIODeadline) {
        guard let worker = slot(of: id) else { return }
        var (released, returned, affected) = takeBack(ids, from: worker)
        let until = now + min(time, settings.maximumRelease)
        for event in released {
            counters.releases += 1
            let key = events[event].key
            keys[key].heldUntil = max(keys[key].heldUntil ?? until, until)
        }
        finishReturn(to: worker, &returned, affected, now: now)
    }

    /// Everything but interactions comes back uncounted, for other workers at once; this one gets only interactions.
    mutating func releaseAll(for time: TimeAmount, by id: WorkerID, now: NIODeadline) {
        guard let worker = slot(of: id) else { return }
        var held: [EventID] = []
        var event = workers[worker].held.first
        while event != .none {
            if !events[event].isInteraction { held.append(events[event].id) }
            event = holderLinks.next(after: event)
        }
        counters.releases += held.count
        pause(worker, until: time > .zero ? now + min(time, settings.maximumRelease) : nil)
        var (_, returned, affected) = takeBack(held, from: worker)
        giveUpLines(of: worker)
        abandonSolitude(of: worker)
        finishReturn(to: worker, &returned, affected, now: now)
    }

    /// The ack timeout of these starts anew.
    mutating func extend(_ ids: [EventID], by id: WorkerID, now: NIODeadline) {
        guard let worker = slot(of: id) else { return }
        for id in ids {
            guard let event = slotsByID[id], events[event].holder == worker, events[event].oldestSince != nil else {
                continue
            }
            stopTimeout(event)
            startTimeout(event, now: now)
        }
    }

    /// The oldest of its key was not acknowledged in time.
    mutating func timeOut(
        _ event: Slot, now: NIODeadline, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        let worker = events[event].holder
        let key = events[event].key
        var returned: [EventID] = []
        let isFinished = events[event].isFinished
        takeBack(from: event, into: &returned)
        if !isFinished {
            counters.ackTimeouts += 1
            keys[key].avoided = id(of: worker)
            let limit = settings.ackTimeout.nanoseconds / 1_000_000
            fail(
                event, "not acknowledged within \(limit) ms by \(workers[worker].name)", now: now, wall: wall,
                using: &random)
        }
        finishReturn(to: worker, &returned, [key], now: now)
    }

    // MARK: Completing

    private mutating func complete(_ event: Slot, now: NIODeadline) {
        let key = events[event].key
        if !events[event].isFinished { settle(event) }
        let wasOldest = unassign(event)
        keys[key].avoided = nil
        let isLast = keys[key].events.count == 1
        unlink(event)
        guard !isLast else { return }
        if keys[key].inFlight == 0 {
            requeue(key, now: now)
        } else if wasOldest {
            startTimeout(keys[key].events.first, now: now)
        }
    }

    /// Done, although it is not where it was done: waiting, or in flight at another worker, which is not disturbed.
    private mutating func finishElsewhere(_ event: Slot, now: NIODeadline) {
        guard !events[event].isFinished else { return }
        let key = events[event].key
        settle(event)
        if events[event].isInFlight {
            events[event].isFinished = true
        } else {
            let isLast = keys[key].events.count == 1
            unlink(event)
            if !isLast { requeue(key, now: now) }
        }
    }

    // MARK: Taking back

    /// Takes those of `ids` that this worker has, and what came after them in their keys.
    /// - Returns: of `ids` those unfinished, by age; all that the worker no longer has; the keys to be settled.
    private mutating func takeBack(
        _ ids: [EventID], from worker: Slot
    ) -> (named: [Slot], returned: [EventID], affected: [Slot]) {
        var named: [Slot] = []
        var returned: [EventID] = []
        var affected: [Slot] = []
        for id in Set(ids).sorted() {
            if let event = slotsByID[id], events[event].holder == worker {
                if !events[event].isFinished { named.append(event) }
            } else if workers[worker].takenBack.contains(id) {
                returned.append(id)
            } else {
                counters.unknownAcknowledgements += 1
            }
        }
        for id in Set(ids).sorted() {
            guard let event = slotsByID[id], events[event].holder == worker else { continue }
            let key = events[event].key
            affected.append(key)
            // Named events of one key come by age, so that the first takes the others along.
            takeBack(from: event, into: &returned)
        }
        return (named, returned, affected)
    }

    /// Takes an event and all later ones of its key from their holder. Finished ones among them go for good.
    mutating func takeBack(from event: Slot, into returned: inout [EventID]) {
        let key = events[event].key
        var next = event
        var firstWaiting = Slot.none
        var finished: [Slot] = []
        while next != .none, events[next].isInFlight {
            let worker = events[next].holder
            _ = unassign(next)
            returned.append(events[next].id)
            if workers[worker].takenBack.count < WorkerState.maximumTakenBack {
                workers[worker].takenBack.insert(events[next].id)
            }
            if events[next].isFinished {
                finished.append(next)
            } else if firstWaiting == .none {
                firstWaiting = next
            }
            next = keyLinks.next(after: next)
        }
        if firstWaiting != .none { keys[key].firstWaiting = firstWaiting }
        for event in finished { unlink(event) }
    }

    /// Counts an attempt of an event that is not in flight.
    mutating func fail(
        _ event: Slot, _ reason: String, now: NIODeadline, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        events[event].failures += 1
        events[event].reasons.append(reason)
        guard events[event].failures >= settings.maximumAttempts else {
            events[event].notBefore = now + backoff(after: events[event].failures, using: &random)
            return noteChange(of: event)
        }
        bury(event, wall: wall)
    }

    /// Makes a dead letter of an event that is not in flight. Its record stays until the letter is kept.
    mutating func bury(_ event: Slot, wall: Int64) {
        let letter = events[event]
        noteChange(of: event)
        counters.deadLetters += 1
        var record: DeadLetter.Record?
        if case .journal(let position, let stride) = letter.origin {
            record = .init(position: position, stride: stride)
            buried.insert(position)
        }
        effects.append(
            .deadLetter(
                DeadLetter(
                    id: letter.id, shard: letter.shard, sequence: letter.sequence, type: typeNames[letter.type],
                    key: keys[letter.key].key, receivedAt: letter.receivedAt, failures: letter.failures, failedAt: wall,
                    reasons: letter.reasons, retryOf: letter.retryOf, data: letter.data ?? ByteBuffer(), record: record)
            ))
        settle(event, keepsRecord: record != nil)
        unlink(event)
    }

    /// 250 ms, doubling, at most 10 s, ±20 %.
    private func backoff(after failures: Int, using random: inout some RandomNumberGenerator) -> TimeAmount {
        let doubled = settings.firstBackoff.nanoseconds << min(failures - 1, 16)
        let nominal = min(doubled, settings.maximumBackoff.nanoseconds)
        return .nanoseconds(nominal + Int64.random(in: -nominal / 5...nominal / 5, using: &random))
    }

    private mutating func finishReturn(
        to worker: Slot, _ returned: inout [EventID], _ affected: [Slot], now: NIODeadline
    ) {
        returned.sort()
        effects.append(.returned(id(of: worker), returned))
        markDirty(worker)
        settlePlaces(of: affected, now: now)
    }

    /// Puts keys whose first events have changed where they belong now.
    mutating func settlePlaces(of affected: [Slot], now: NIODeadline) {
        for key in affected where !keys[key].events.isEmpty {
            let first = keys[key].events.first
            if events[first].isInFlight {
                if events[first].oldestSince == nil { startTimeout(first, now: now) }
            }
            requeue(key, now: now)
        }
    }

    // MARK: Bookkeeping of what is in flight

    /// The worker no longer has it.
    /// - Returns: whether it was the oldest of its key there.
    mutating func unassign(_ event: Slot) -> Bool {
        let worker = events[event].holder
        let key = events[event].key
        holderLinks.remove(event, from: &workers[worker].held)
        workers[worker].heldBytes -= events[event].byteCount
        if events[event].isOverdraft {
            workers[worker].overdraft -= 1
            events[event].isOverdraft = false
        }
        let wasOldest = events[event].oldestSince != nil
        stopTimeout(event)
        events[event].holder = .none
        keys[key].inFlight -= 1
        inFlight -= 1
        if keys[key].inFlight == 0 { keys[key].holder = .none }
        if solitude?.event == event { endSolitude() }
        markDirty(worker)
        return wasOldest
    }

    mutating func startTimeout(_ event: Slot, now: NIODeadline) {
        events[event].oldestSince = now
        timeoutLinks.append(event, to: &timeouts)
    }

    private mutating func stopTimeout(_ event: Slot) {
        guard events[event].oldestSince != nil else { return }
        events[event].oldestSince = nil
        timeoutLinks.remove(event, from: &timeouts)
    }
}
