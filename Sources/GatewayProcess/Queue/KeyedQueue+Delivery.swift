internal import DequeModule
internal import HeapModule
internal import NIOCore
internal import Shared

/// Which key stands where, and who is given what.
extension KeyedQueue {
    // MARK: Placing keys

    /// Puts a key that has a next event, and stands nowhere, into the line where that event is waited for.
    mutating func place(_ key: Slot, now: NIODeadline) {
        while !keys[key].isQueued, keys[key].firstWaiting != .none {
            let event = keys[key].firstWaiting
            let type = events[event].type
            guard isWanted(type) else {
                if dropUnwanted(event, of: key) { return }
                continue
            }
            if let ready = readyTime(of: key), ready > now { return hold(key, until: ready) }
            return line(up: key, for: event, now: now)
        }
    }

    /// Places a key whose first waiting event has changed, or may be ready sooner.
    mutating func requeue(_ key: Slot, now: NIODeadline) {
        keys[key].isHeld = false
        place(key, now: now)
    }

    /// Places the key of a reference taken from a line.
    mutating func replace(_ reference: KeyReference, now: NIODeadline) {
        guard let key = take(reference) else { return }
        place(key, now: now)
    }

    private mutating func line(up key: Slot, for event: Slot, now: NIODeadline) {
        let reference = KeyReference(slot: key, generation: keys[key].generation)
        let isBusy = keys[key].inFlight > 0 && !Mutation.applies(.handKeyOverEarly)
        if events[event].isSuspect || events[event].isInteraction {
            // Behind events in flight it is placed once they are done.
            guard !isBusy else { return }
            keys[key].isQueued = true
            if events[event].isSuspect { suspectLine.append(reference) } else { interactionLine.append(reference) }
            return
        }
        let type = events[event].type
        if isBusy {
            let holder = keys[key].holder
            guard accepts(holder, type, isInteraction: false) else { return }
            keys[key].isQueued = true
            workers[holder].ownLine.append(reference)
            markDirty(holder)
        } else if let worker = choose(for: key, type) {
            keys[key].isQueued = true
            workers[worker].freeLine.append(reference)
            freeLineCount += 1
            markDirty(worker)
        } else {
            keys[key].isQueued = true
            parkedLine.append(reference)
            if workerCount > 0 { evict(key) }
        }
    }

    /// The first worker in the key's ranking that accepts the event and has credit; if none has, the first that accepts it.
    private mutating func choose(for key: Slot, _ type: TypeIndex) -> Slot? {
        let avoided = keys[key].avoided.flatMap { slot(of: $0) }
        var first: Slot?
        var last: Slot?
        for worker in rendezvous.ranking(of: keys[key].key)
        where accepts(worker, type, isInteraction: false) {
            if worker == avoided {
                last = worker
                continue
            }
            if workers[worker].hasCredit { return worker }
            if first == nil { first = worker }
        }
        return first ?? last
    }

    private mutating func dropUnwanted(_ event: Slot, of key: Slot) -> Bool {
        counters.unwanted[typeNames[events[event].type], default: 0] += 1
        let isLast = keys[key].events.count == 1
        settle(event)
        unlink(event)
        return isLast
    }

    private func readyTime(of key: Slot) -> NIODeadline? {
        let backoff = events[keys[key].firstWaiting].notBefore
        guard let held = keys[key].heldUntil else { return backoff }
        return max(held, backoff ?? held)
    }

    private mutating func hold(_ key: Slot, until: NIODeadline) {
        guard !keys[key].isHeld else { return }
        evict(key)
        keys[key].isHeld = true
        keys[key].holdTicket &+= 1
        holds.insert(
            Hold(
                until: until, key: KeyReference(slot: key, generation: keys[key].generation),
                ticket: keys[key].holdTicket))
    }

    /// The key of a reference that comes out of a line; nil if it is stale.
    private mutating func take(_ reference: KeyReference) -> Slot? {
        guard keys[reference.slot].generation == reference.generation else { return nil }
        keys[reference.slot].isQueued = false
        return keys[reference.slot].events.isEmpty ? nil : reference.slot
    }

    // MARK: Delivering

    /// Gives workers what they may have now: interactions first; then each worker its own keys, then others' if it has
    /// credit left; suspect events last, because a worker is set aside for them.
    mutating func deliver(now: NIODeadline) {
        repeat {
            let delivered = counters.delivered
            deliverInteractions(now: now)
            while let worker = dirtyWorkers.popLast() {
                workers[worker].isDirty = false
                serve(worker, mayTakeFromOthers: false, now: now)
            }
            if freeLineCount > 0 {
                for worker in workers.indices { serve(Slot(worker), mayTakeFromOthers: true, now: now) }
            }
            deliverSuspects(now: now)
            if counters.delivered == delivered && dirtyWorkers.isEmpty { return }
        } while true
    }

    private mutating func serve(_ worker: Slot, mayTakeFromOthers: Bool, now: NIODeadline) {
        while workers[worker].isPresent, !workers[worker].isDraining, workers[worker].pausedUntil == nil,
            solitude?.worker != worker, workers[worker].hasCredit,
            let key = nextKey(for: worker, mayTakeFromOthers: mayTakeFromOthers, now: now)
        {
            let event = keys[key].firstWaiting
            guard fits(event, worker) else { return putBack(key, to: worker) }
            give(event, to: worker, now: now)
        }
    }

    private func fits(_ event: Slot, _ worker: Slot) -> Bool {
        let bytes = events[event].byteCount
        return workers[worker].hasCredit(for: bytes)
            && workers[worker].hasRoom(for: bytes, of: settings.maximumWriteAhead)
    }

    /// Its event does not fit now: it is this worker's next one.
    private mutating func putBack(_ key: Slot, to worker: Slot) {
        let reference = KeyReference(slot: key, generation: keys[key].generation)
        keys[key].isQueued = true
        if keys[key].inFlight > 0 {
            workers[worker].ownLine.prepend(reference)
        } else {
            workers[worker].freeLine.prepend(reference)
            freeLineCount += 1
        }
    }

    /// The next key whose event this worker may be given. Takes turns between keys that it has and others.
    private mutating func nextKey(for worker: Slot, mayTakeFromOthers: Bool, now: NIODeadline) -> Slot? {
        while true {
            let reference: KeyReference
            let takesFree = workers[worker].takesFreeNext
            if let next = popLine(of: worker, free: takesFree) ?? popLine(of: worker, free: !takesFree) {
                workers[worker].takesFreeNext = !takesFree
                reference = next
            } else if placeOrphan(now: now) {
                continue
            } else if mayTakeFromOthers, let next = popLineOfOthers(for: worker) {
                reference = next
            } else {
                return nil
            }
            guard let key = take(reference) else { continue }
            if mayGive(key, to: worker, now: now) { return key }
            // Whatever is in the way, this does not put the same event into this worker's lines again.
            place(key, now: now)
        }
    }

    private func mayGive(_ key: Slot, to worker: Slot, now: NIODeadline) -> Bool {
        let event = keys[key].firstWaiting
        guard event != .none else { return false }
        let type = events[event].type
        if let ready = readyTime(of: key), ready > now { return false }
        return isWanted(type) && !events[event].isSuspect && workers[worker].wants(type)
            && (keys[key].inFlight == 0 || keys[key].holder == worker || Mutation.applies(.handKeyOverEarly))
    }

    private mutating func popLine(of worker: Slot, free: Bool) -> KeyReference? {
        guard free else { return workers[worker].ownLine.popFirst() }
        guard let reference = workers[worker].freeLine.popFirst() else { return nil }
        freeLineCount -= 1
        return reference
    }

    /// Places the next key of a worker that went away; false if there is none.
    private mutating func placeOrphan(now: NIODeadline) -> Bool {
        while !orphanLines.isEmpty {
            if let reference = orphanLines[0].popFirst() {
                replace(reference, now: now)
                return true
            }
            orphanLines.removeFirst()
        }
        return false
    }

    /// A key that stands in the line of a worker without credit.
    private mutating func popLineOfOthers(for thief: Slot) -> KeyReference? {
        /// Workers with different wishes are rare, so a look at a line's beginning is enough.
        let lookAhead = 16
        guard freeLineCount > 0 else { return nil }
        for step in 1...max(1, workers.count - 1) {
            let other = Slot((Int(thief) + step) % workers.count)
            guard other != thief else { continue }
            for position in 0..<min(lookAhead, workers[other].freeLine.count)
            where isWanted(workers[other].freeLine[position], by: thief) {
                freeLineCount -= 1
                return workers[other].freeLine.remove(at: position)
            }
        }
        return nil
    }

    private func isWanted(_ reference: KeyReference, by thief: Slot) -> Bool {
        let key = keys[reference.slot]
        // A stale reference is taken, too, and thereby dropped.
        guard key.generation == reference.generation, key.firstWaiting != .none else { return true }
        return workers[thief].wants(events[key.firstWaiting].type) && key.avoided != id(of: thief)
    }

    private mutating func give(_ event: Slot, to worker: Slot, now: NIODeadline) {
        let key = events[event].key
        let bytes = events[event].byteCount
        events[event].isOverdraft = !workers[worker].hasCredit(for: bytes)
        if events[event].isOverdraft { workers[worker].overdraft += 1 }
        if keys[key].inFlight == 0 {
            keys[key].holder = worker
            startTimeout(event, now: now)
        }
        keys[key].inFlight += 1
        keys[key].firstWaiting = keyLinks.next(after: event)
        events[event].holder = worker
        holderLinks.append(event, to: &workers[worker].held)
        workers[worker].heldBytes += bytes
        workers[worker].room -= bytes
        if !workers[worker].takenBack.isEmpty { workers[worker].takenBack.remove(events[event].id) }
        inFlight += 1
        announce(event, to: worker)
        if keys[key].firstWaiting == .none, !keys[key].skipped.isEmpty { requestLoad(of: key) }
        place(key, now: now)
    }

    private mutating func announce(_ slot: Slot, to worker: Slot) {
        let wasDelivered = events[slot].wasDelivered
        counters.delivered += 1
        if wasDelivered { counters.redelivered += 1 }
        let position = events[slot].position
        if let position {
            if !wasDelivered { recordChanges.append(.delivered(position)) }
        } else if case .ledger(let position) = events[slot].origin {
            // Also one that an earlier process may have delivered: this is the first time that its id is seen.
            ledger.remember(position)
        }
        effects.append(.deliver(delivery(of: slot, to: worker)))
        events[slot].wasDelivered = true
        // From here on the journal has it, should it be needed again.
        if position != nil { events[slot].data = nil }
    }

    /// As the event stands now. Field by field: a copy of the event would count a reference for each of them.
    private func delivery(of slot: Slot, to worker: Slot) -> Delivery {
        Delivery(
            worker: id(of: worker), id: events[slot].id, attempt: events[slot].failures + 1,
            shard: events[slot].shard, sequence: events[slot].sequence, type: typeNames[events[slot].type],
            key: keys[events[slot].key].key, receivedAt: events[slot].receivedAt,
            redelivered: events[slot].wasDelivered, deferred: events[slot].isDeferred,
            retryOf: events[slot].retryOf, data: events[slot].data, position: events[slot].position,
            byteCount: events[slot].byteCount)
    }

    // MARK: Interactions

    private mutating func deliverInteractions(now: NIODeadline) {
        while let reference = interactionLine.first {
            guard let event = firstEvent(reference, now: now), events[event].isInteraction, !events[event].isSuspect
            else {
                interactionLine.removeFirst()
                replace(reference, now: now)
                continue
            }
            guard let worker = chooseForInteraction(event) else { return }
            interactionLine.removeFirst()
            _ = take(reference)
            give(event, to: worker, now: now)
        }
    }

    /// The event that a line's key is there for, if it may be given to somebody now.
    private func firstEvent(_ reference: KeyReference, now: NIODeadline) -> Slot? {
        let key = keys[reference.slot]
        guard key.generation == reference.generation, key.firstWaiting != .none, key.inFlight == 0,
            isWanted(events[key.firstWaiting].type)
        else { return nil }
        if let ready = readyTime(of: reference.slot), ready > now { return nil }
        return key.firstWaiting
    }

    /// The first in the key's ranking that has credit, else the first that an interaction may exceed it at.
    private mutating func chooseForInteraction(_ event: Slot) -> Slot? {
        let key = events[event].key
        let avoided = keys[key].avoided.flatMap { slot(of: $0) }
        var second: Slot?
        var last: Slot?
        for worker in rendezvous.ranking(of: keys[key].key)
        where accepts(worker, events[event].type, isInteraction: true)
            && workers[worker].hasRoom(for: events[event].byteCount, of: settings.maximumWriteAhead)
        {
            let hasCredit = workers[worker].hasCredit(for: events[event].byteCount)
            guard hasCredit || workers[worker].hasOverdraft else { continue }
            if worker == avoided {
                last = worker
            } else if hasCredit {
                return worker
            } else {
                second = second ?? worker
            }
        }
        return second ?? last
    }

    // MARK: Suspect events

    /// Sets a worker aside for the next suspect event and, once it holds nothing, gives it that event alone.
    private mutating func deliverSuspects(now: NIODeadline) {
        for _ in 0..<suspectLine.count {
            guard let reference = suspectLine.first else { break }
            guard let event = firstEvent(reference, now: now), events[event].isSuspect else {
                suspectLine.removeFirst()
                replace(reference, now: now)
                continue
            }
            if solitude == nil, let worker = chooseForSuspect(event) {
                solitude = Solitude(worker: worker, event: nil)
                giveUpLines(of: worker)
            }
            guard let worker = solitude?.worker else {
                // Nobody here takes this one now; maybe the next.
                suspectLine.append(suspectLine.removeFirst())
                continue
            }
            guard solitude?.event == nil else { return }
            guard workers[worker].wants(events[event].type) else {
                endSolitude()
                continue
            }
            guard workers[worker].held.isEmpty,
                workers[worker].hasRoom(for: events[event].byteCount, of: settings.maximumWriteAhead)
            else { return }
            suspectLine.removeFirst()
            _ = take(reference)
            solitude?.event = event
            give(event, to: worker, now: now)
            return
        }
        if suspectLine.isEmpty, let waiting = solitude, waiting.event == nil { endSolitude() }
    }

    /// The worker that will be alone soonest.
    private func chooseForSuspect(_ event: Slot) -> Slot? {
        workers.indices.map(Slot.init)
            .filter { accepts($0, events[event].type, isInteraction: events[event].isInteraction) }
            .min { workers[$0].held.count < workers[$1].held.count }
    }

    mutating func endSolitude() {
        solitude = nil
        unpark()
    }
}
