import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// What the gateway takes, and what it tells Discord about it.
extension Promises {
    var isInMemory: Bool { world.rules.isInMemory }

    /// The gateway has read a dispatch, and this became of it.
    /// - Parameter position: of its record in the journal.
    func received(_ number: Int, _ reception: Reception, at position: JournalPosition?) {
        guard !isForgotten(number) else {
            return check(
                reception == .duplicate || reception == .refused,
                "a replay of event \(number), long done, was \(reception)")
        }
        let event = self[number]
        switch reception {
        case .duplicate:
            check(
                event.isHeld || event.awaitsSync || event.fate != .open,
                "a replay of \(text(number)) was dropped, but it is not there")
        case .queued(let id): queued(number, id, at: position)
        case .unwanted:
            check(event.kind.mayBeUnwanted, "\(text(number)) counted as unwanted")
            finish(number, .unwanted)
        case .shed:
            check(event.kind == .typing, "\(text(number)) was shed")
            check(heldBytes + size(of: event) > world.rules.queue.maximumBytes, "\(text(number)) shed with room")
            finish(number, .shed)
        case .refused:
            check(files.isTroubled, "\(text(number)) was refused with a healthy disk")
            // Until what a failed write left is cut off, a process that starts may find it.
            mayHaveReceived(number)
            if event.kind == .ready { sessions[event.session].mayBeGivenUp = true }
        }
    }

    private func queued(_ number: Int, _ id: EventID, at position: JournalPosition?) {
        check(!isIntakeClosed, "\(text(number)) was taken although the sessions are paused")
        let event = self[number]
        check(!event.isHeld && !event.awaitsSync, "\(text(number)) was taken twice")
        if event.fate != .open { comesAgain(number) }
        if let old = event.id, old != id {
            check(
                event.firstDelivery == nil || (isInMemory && event.deliveryIsUndone),
                "\(text(number)), delivered before, came back as \(id)")
            self[number].hasNewID = event.firstDelivery != nil
            if numbers[old] == number { numbers[old] = nil }
        }
        if event.id != id {
            check(id > lastID, "the id of \(text(number)) is \(id), after \(lastID)")
            lastID = max(lastID, id)
            name(number, id)
        }
        self[number].position = position
        self[number].writtenAt = files.operations
        self[number].survival = isInMemory ? .no : .yes
        guard world.rules.durability == .fsync else { return hold(number) }
        self[number].awaitsSync = true
        awaitingSync.append(number)
    }

    func name(_ number: Int, _ id: EventID) {
        self[number].id = id
        numbers[id] = number
    }

    /// The process died while it took this in.
    func mayHaveReceived(_ number: Int) {
        guard !isForgotten(number), isOpen(number), !self[number].isHeld, !isInMemory else { return }
        if self[number].survival == .no { self[number].survival = .maybe }
        if self[number].kind.mayBeUnwanted || self[number].kind == .typing { self[number].mayBePassedOver = true }
    }

    /// Something was done that the present process does not know of: only what the last one had no time to write.
    func comesAgain(_ number: Int) {
        let event = self[number]
        // Or was told of a delivery that it did not know of.
        check(
            event.fateIsUndone || (event.fate == .done && event.deliveryIsUndone),
            "\(text(number)) came again although it was finished")
        self[number].fateIsUndone = false
        account.fates[event.fate, default: 0] -= 1
        self[number].fate = .open
        openCount += 1
        let line = keys[event.key].line
        let place = line.firstIndex { $0 > number } ?? line.endIndex
        keys[event.key].line.insert(number, at: place)
    }

    // MARK: Syncing

    /// What was written counts once it is synced.
    func admitSynced() {
        while let first = awaitingSync.first, isDurable(self[first]) {
            awaitingSync.removeFirst()
            self[first].awaitsSync = false
            hold(first)
        }
    }

    /// What no sync has reached does not count, since one has failed.
    func syncFailed() {
        admitSynced()
        for number in awaitingSync {
            self[number].awaitsSync = false
            // Until it is cut off it may be found.
            self[number].survival = .maybe
            if self[number].kind == .ready { sessions[self[number].session].mayBeGivenUp = true }
        }
        awaitingSync.removeAll()
        // So may be the number of a dispatch that left no event.
        for number in writtenFates + recentFates.map(\.number) where self[number].position == nil {
            self[number].fateIsUndone = true
        }
        // What was written about events may be cut off, too, until it is written again.
        for place in events.indices where isOpen(base + place) {
            self[base + place].failures.survive(safe: .distantPast)
            self[base + place].deaths.survive(safe: .distantPast)
        }
    }

    func isDurable(_ event: Occurrence) -> Bool {
        event.position.map { files.isDurable($0.segment, before: event.writtenAt) } ?? false
    }

    // MARK: Sessions

    /// The gateway has read the READY of a session: what it did not get of those before, also of one whose READY it never read, it
    /// never will.
    func readyArrived(shard: Int, session: Int) {
        let last = currentSession[shard]
        if last != session {
            if let last { check(sessions[last].mayBeGivenUp, "session \(last) was given up without need") }
            for earlier in sessions.indices where sessions[earlier].shard == shard && earlier != session {
                lose(of: earlier)
            }
        }
        currentSession[shard] = session
        if sessions[session].readyAt == nil { sessions[session].readyAt = world.now }
    }

    func lose(of session: Int) {
        for number in sessions[session].dispatches { neverRepeated(number) }
    }

    /// Discord does not send this one again.
    func neverRepeated(_ number: Int) {
        if isOpen(number), !self[number].isHeld, !self[number].awaitsSync { finish(number, .lost) }
    }

    /// The gateway sends this number in a heartbeat or RESUME: Discord may forget everything up to it.
    func told(session: Int, sequence: Int) {
        var book = sessions[session]
        while let number = book.safe < book.dispatches.count ? book.dispatches[book.safe] : nil {
            guard !isForgotten(number) else {
                book.safe += 1
                continue
            }
            guard self[number].sequence <= sequence else { break }
            passOver(number)
            check(
                isSafe(self[number]),
                "Discord was told \(sequence) in session \(session), but \(text(number)) can be lost")
            book.safe += 1
        }
        sessions[session].safe = book.safe
    }

    /// What came behind this event in its session is known to be written. If the process that took both in died before it
    /// could say that nobody wanted this one or that it was shed, that is what became of it.
    func passOver(_ number: Int) {
        guard isOpen(number), self[number].mayBePassedOver, !self[number].isHeld, !self[number].awaitsSync else {
            return
        }
        finish(number, self[number].kind == .typing ? .shed : .unwanted)
    }

    private func isSafe(_ event: Occurrence) -> Bool {
        if event.fate != .open { return true }
        switch world.rules.durability {
        // READY is kept beside the session.
        case .memory: return event.kind == .ready
        case .journal: return event.isHeld
        case .fsync: return (event.isHeld || event.awaitsSync) && isDurable(event)
        }
    }
}
