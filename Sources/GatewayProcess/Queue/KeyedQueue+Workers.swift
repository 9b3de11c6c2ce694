internal import DequeModule
internal import NIOCore
internal import Shared

/// Workers come and go.
extension KeyedQueue {
    mutating func join(
        name: String, capacity: Int, capacityBytes: Int?, wish: WorkerWishes.Wish, now: NIODeadline
    ) -> WorkerID {
        let slot = freeWorkers.popLast() ?? Slot(workers.count)
        let taken = Set(workers.filter { $0.isPresent && $0.name == name }.map(\.ordinal))
        let ordinal = (0...taken.count).first { !taken.contains($0) } ?? taken.count
        let worker = WorkerState(
            name: name, ordinal: ordinal, capacity: capacity, capacityBytes: capacityBytes, wish: wish,
            generation: slot < workers.count ? workers[slot].generation : 0, room: settings.maximumWriteAhead,
            types: typeNames)
        if slot < workers.count { workers[slot] = worker } else { workers.append(worker) }
        let id = WorkerID(slot: slot, generation: worker.generation)
        workerCount += 1
        rendezvous.insert(slot, name: name, ordinal: ordinal)
        wishes.join(id, name: name, wish: wish)
        wishesChanged()
        unpark()
        markDirty(slot)
        return id
    }

    /// Takes a worker off, with everything it had. Apply all of its acknowledgements before.
    mutating func leave(
        _ id: WorkerID, _ end: WorkerEnd, now: NIODeadline, wall: Int64, using random: inout some RandomNumberGenerator
    ) {
        guard let worker = slot(of: id) else { return }
        var blamed: Slot?
        if let waiting = solitude, waiting.worker == worker {
            blamed = waiting.event.flatMap { events[$0].isFinished ? nil : $0 }
        }
        workers[worker].isPresent = false
        workers[worker].generation &+= 1
        workerCount -= 1
        rendezvous.remove(worker)
        wishes.leave(id, now: now)
        wishesChanged()
        giveUpLines(of: worker)

        if end == .death { countDeath(of: worker) }
        var affected: [Slot] = []
        var ignored: [EventID] = []
        while workers[worker].held.first != .none {
            let key = events[workers[worker].held.first].key
            affected.append(key)
            takeBack(from: keys[key].events.first, into: &ignored)
        }
        if end == .death, let blamed {
            counters.blamedDeaths += 1
            fail(blamed, "its worker died while it held nothing else", now: now, wall: wall, using: &random)
        }
        if solitude?.worker == worker { endSolitude() }
        workers[worker].takenBack = []
        freeWorkers.append(worker)
        settlePlaces(of: affected, now: now)
        unpark()
    }

    /// Nothing new for this worker.
    mutating func drain(_ id: WorkerID, now: NIODeadline) {
        guard let worker = slot(of: id) else { return }
        workers[worker].isDraining = true
        abandonSolitude(of: worker)
        giveUpLines(of: worker)
        unpark()
    }

    /// How many more bytes may be written ahead to this worker.
    mutating func setRoom(_ id: WorkerID, _ bytes: Int) {
        guard let worker = slot(of: id) else { return }
        workers[worker].room = bytes
        markDirty(worker)
    }

    /// Forgets wishes of workers that left long ago.
    mutating func forgetWishes(now: NIODeadline) {
        guard wishes.forget(now: now) else { return }
        wishesChanged()
        placeParked(now: now)
    }

    // MARK: Looking

    func heldCount(of id: WorkerID) -> Int { slot(of: id).map { workers[$0].held.count } ?? 0 }

    func acknowledgedCount(of id: WorkerID) -> Int { slot(of: id).map { workers[$0].acknowledged } ?? 0 }

    func slot(of id: WorkerID) -> Slot? {
        guard workers[id.slot].generation == id.generation, workers[id.slot].isPresent else { return nil }
        return id.slot
    }

    func id(of worker: Slot) -> WorkerID { WorkerID(slot: worker, generation: workers[worker].generation) }

    /// Whether this worker may be given more of this kind, credit aside.
    func accepts(_ worker: Slot, _ type: TypeIndex, isInteraction: Bool) -> Bool {
        workers[worker].isPresent && !workers[worker].isDraining && workers[worker].wants(type)
            && solitude?.worker != worker && (isInteraction || workers[worker].pausedUntil == nil)
    }

    mutating func markDirty(_ worker: Slot) {
        guard !workers[worker].isDirty else { return }
        workers[worker].isDirty = true
        dirtyWorkers.append(worker)
    }

    // MARK: Lines

    /// What stands in this worker's lines is for others now.
    mutating func giveUpLines(of worker: Slot) {
        freeLineCount -= workers[worker].freeLine.count
        for line in [workers[worker].ownLine, workers[worker].freeLine] where !line.isEmpty { orphanLines.append(line) }
        workers[worker].ownLine = []
        workers[worker].freeLine = []
        markAllDirty()
    }

    /// Keys that nobody could take may have somebody now.
    mutating func unpark() {
        if !parkedLine.isEmpty {
            orphanLines.append(parkedLine)
            parkedLine = []
        }
        markAllDirty()
    }

    /// Looks at every parked key again, because what its first event is may be wanted by nobody now.
    mutating func placeParked(now: NIODeadline) {
        let line = parkedLine
        parkedLine = []
        for reference in line { replace(reference, now: now) }
    }

    private mutating func markAllDirty() {
        for worker in workers.indices where workers[worker].isPresent { markDirty(Slot(worker)) }
    }

    // MARK: Blame

    private mutating func countDeath(of worker: Slot) {
        counters.deaths += 1
        var event = workers[worker].held.first
        while event != .none {
            events[event].deaths += 1
            if Mutation.applies(.blameEverything) { events[event].failures += 1 }
            noteChange(of: event)
            event = holderLinks.next(after: event)
        }
    }

    mutating func abandonSolitude(of worker: Slot) {
        guard solitude?.worker == worker, solitude?.event == nil else { return }
        endSolitude()
    }
}
