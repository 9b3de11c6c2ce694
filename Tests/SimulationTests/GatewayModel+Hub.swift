import NIOCore
import Shared

@testable import GatewayProcess

/// The part of `QueueHub` that is about the queue itself.
extension GatewayModel {
    /// Takes in the dispatches of one burst.
    /// - Returns: false if they could not be written down.
    func receive(_ burst: [Dispatch]) -> Bool {
        scheduleTurn()
        scheduleSave()
        var rest = burst[...]
        while !rest.isEmpty {
            // As the queue divides it itself; so it is known where each record is.
            let part = Array(rest.prefix(world.rules.queue.window.dispatchesPerWrite))
            rest = rest.dropFirst(part.count)
            let receptions = store.receive(part, now: now, wall: world.wall)
            guard !files.isDead else {
                for dispatch in part { book.mayHaveReceived(Self.number(of: dispatch.data)) }
                kill()
                return false
            }
            tell(part, receptions)
            if receptions.contains(.refused) { return false }
        }
        return true
    }

    private func tell(_ part: [Dispatch], _ receptions: [Reception]) {
        let segment = store.journal?.segments.last
        var index = segment?.count ?? 0
        for case .queued in receptions { index -= 1 }
        for (dispatch, reception) in zip(part, receptions) {
            var position: JournalPosition?
            if case .queued = reception {
                position = segment.map { JournalPosition(segment: $0.number, index: UInt16(index)) }
                index += 1
            }
            book.received(Self.number(of: dispatch.data), reception, at: position)
        }
    }

    static func number(of data: ByteBuffer) -> Int { data.getInteger(at: data.readerIndex, as: Int.self) ?? -1 }

    /// One pass over what is due, after whatever else is read meanwhile.
    func scheduleTurn() {
        guard !isTurnScheduled, phase != .down else { return }
        isTurnScheduled = true
        world.after(.microseconds(Int64(world.number(0...300))), .turn(life: life))
    }

    func turn() {
        isTurnScheduled = false
        if !holdsDeadlines, let due = queue.nextDeadline, due <= now {
            book.timePassed()
            queue.advance(now: now, wall: world.wall, using: &world.random)
        }
        if phase != .going { book.admitSynced() }
        if phase != .going, store.deliver(now: now, wall: world.wall) { scheduleTurn() }
        applyEffects()
        guard !files.isDead else { return kill() }
        if let connections = diesInTurn { return die(afterWritingTo: connections) }
        checkInteractions()
        flushAll()
        book.turnEnded()
        // A process that is going delivers nothing, and so counts late what a sealing has synced.
        if phase == .serving { book.compare(with: queue) }
        startSync()
        updateIntake()
        store.troubles = []
        scheduleCheckpoint()
        scheduleSave()
        scheduleTimer()
        if phase == .going, !isWorkLeft { finish() }
    }

    /// SIGKILL between two writes.
    private func die(afterWritingTo count: Int) {
        for link in toFlush.prefix(count) { flush(link) }
        if let next = toFlush.dropFirst(count).first {
            next.out = Array(next.out.prefix(world.number(0...next.out.count)))
            flush(next)
        }
        kill()
    }

    func applyEffects() {
        let troubles = store.troubles.count
        let effects = store.takeEffects(now: now)
        findVanished(besides: effects)
        for effect in effects { apply(effect) }
        store.flush()
        guard !files.isDead else { return }
        if store.troubles.count == troubles { book.flushed() }
    }

    private func apply(_ effect: QueueEffect) {
        switch effect {
        case .deliver(let delivery):
            guard let link = link(of: delivery.worker) else { return }
            world.trace.note(
                "deliver: id, connection, attempt", Int(delivery.id.rawValue), link.number, delivery.attempt)
            book.delivered(delivery, on: link.number)
            send(.event(delivery), to: link)
        case .returned(let worker, let ids):
            guard let link = link(of: worker) else { return }
            world.trace.note(
                "returned: connection, count, first", link.number, ids.count, Int(ids.first?.rawValue ?? 0))
            book.returned(ids, to: link.number)
            send(.returned(ids), to: link)
        case .deadLetter(let letter):
            // It is kept at once, whatever becomes of the process.
            world.trace.note("dead letter: id", Int(letter.id.rawValue))
            book.becameDeadLetter(letter)
            if let record = letter.record { store.finish(record) }
        case .finished: break
        }
    }

    func link(of worker: WorkerID) -> WorkerLink? { open.first { $0.id == worker } }

    /// Events end without a word when nobody wants them any more, or when they are shed.
    func findVanished(besides effects: [QueueEffect]) {
        var letters: Set<EventID> = []
        for case .deadLetter(let letter) in effects { letters.insert(letter.id) }
        guard queue.depth + letters.count != book.held else { return }
        var finished: Set<JournalPosition> = []
        for case .finished(let position, _) in queue.recordChanges { finished.insert(position) }
        book.findVanished { event in
            // Its end is told in a moment.
            if let id = event.id, letters.contains(id) { return false }
            guard let position = event.position, let journal = store.journal else {
                return !(event.id.map(queue.isUnfinished) ?? false)
            }
            return finished.contains(position) || journal.marks(of: position).contains(.done)
        }
    }

    private func checkInteractions() {
        guard phase == .serving, !holdsDeadlines, !book.waitingInteractions.isEmpty else { return }
        let lonely = queue.solitude.map { queue.id(of: $0.worker) }
        book.checkInteractions { connection in
            guard let link = links[connection], let id = link.id, id != lonely else { return false }
            return queue.workers[id.slot].room > 2000
        }
    }

    private func updateIntake() {
        for case .intake(let intake) in gauge.update(bytes: queue.bytes, isWritable: store.refusal == nil) {
            self.intake = intake
            world.trace.note("intake", intake.rawValue, queue.bytes)
            world.after(.zero, .intakeChanges(life: life))
        }
    }

    func intakeChanged() {
        for shard in shards { shard.setIntake(intake) }
        book.isIntakeClosed = intake == .nothing
    }

    private func scheduleTimer() {
        guard let next = queue.nextDeadline else { return timerAt = nil }
        guard timerAt != next else { return }
        timerAt = next
        timerTicket += 1
        world.after(max(.milliseconds(1), next - now), .timer(life: life, ticket: timerTicket))
    }

    func timerFired(ticket: Int) {
        guard ticket == timerTicket else { return }
        timerAt = nil
        scheduleTurn()
    }
}
