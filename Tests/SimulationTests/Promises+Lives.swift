import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// What outlives the gateway process.
extension Promises {
    /// How a gateway process ends.
    enum Ending {
        case inOrder
        case killed
        case powerLost
    }

    /// Everything that happened so far is written.
    func flushed() {
        flushedAt = world.now
        guard !isInMemory else { return }
        if world.rules.durability == .fsync { writtenFates.append(contentsOf: recentFates.map(\.number)) }
        recentFates.removeAll(keepingCapacity: true)
        recentDeliveries.removeAll(keepingCapacity: true)
    }

    /// What was written at `time`, and so many fates among it, outlives a loss of power.
    func flushedIsSynced(fates: Int, at time: NIODeadline) {
        writtenFates.removeFirst(min(fates, writtenFates.count))
        syncedAt = max(syncedAt, time)
    }

    /// The gateway process is no more. What it had at workers is in flight no longer.
    /// - Parameter stoppedAt: since when it did nothing any more.
    func gatewayEnded(_ ending: Ending, stoppedAt: NIODeadline) {
        account.gatewayEnds += 1
        life += 1
        timeouts.removeAll()
        inFlight = 0
        isIntakeClosed = false
        lastID = lastHeldID
        let safe = safeTime(ending, stoppedAt: stoppedAt)
        undo(ending, since: safe)
        for connection in connections.indices.suffix(64) where !connections[connection].hasEnded {
            connections[connection].hasEnded = true
            connections[connection].held = []
            connections[connection].wasCut = true
        }
        for number in awaitingSync { self[number].awaitsSync = false }
        awaitingSync.removeAll()
        for key in keys.indices {
            for number in keys[key].flights {
                self[number].holder = nil
                self[number].since = nil
            }
            keys[key].flights.removeAll()
            keys[key].heldUntil = .distantPast
            for number in keys[key].line { survive(number, ending, safe: safe) }
        }
        for session in sessions.indices { sessions[session].safe = 0 }
        if isInMemory {
            // A queue in memory has nothing of a session that is not resumed any more.
            for session in sessions.indices where currentSession[sessions[session].shard] != session {
                lose(of: session)
            }
        }
    }

    /// What happened before is known to the next process.
    private func safeTime(_ ending: Ending, stoppedAt: NIODeadline) -> NIODeadline {
        switch (ending, world.rules.durability) {
        case (.inOrder, .memory): world.now + .nanoseconds(1)
        case (_, .memory): min(world.now, stoppedAt) - Rules.checkpointAge
        case (.inOrder, _): flushedAt + .nanoseconds(1)
        // A kill can come between two writes of one moment.
        case (.killed, _), (.powerLost, .journal): flushedAt
        case (.powerLost, .fsync): syncedAt + .nanoseconds(1)
        }
    }

    /// What was done in the last moments may not be on disk.
    private func undo(_ ending: Ending, since safe: NIODeadline) {
        while let last = recentFates.popLast(), last.at >= safe { undoFate(of: last.number, safe: safe) }
        while let last = recentDeliveries.popLast(), last.at >= safe { self[last.number].deliveryIsUndone = true }
        if ending == .powerLost { for number in writtenFates { undoFate(of: number, safe: safe) } }
        if ending != .killed { writtenFates.removeAll() }
        recentFates.removeAll()
        recentDeliveries.removeAll()
        for case let session? in currentSession where !isSurelyKnown(session, ending, safe: safe) {
            sessions[session].mayBeGivenUp = true
            sessions[session].isUnknown = true
        }
    }

    private func undoFate(of number: Int, safe: NIODeadline) {
        self[number].fateIsUndone = true
        forgetHistory(of: number, safe: safe)
    }

    private func forgetHistory(of number: Int, safe: NIODeadline) {
        self[number].failures.survive(safe: safe)
        self[number].deaths.survive(safe: safe)
        self[number].notBefore = .distantPast
        self[number].surelyReady = .distantPast
    }

    /// Whether the next process will know of this session.
    private func isSurelyKnown(_ session: Int, _ ending: Ending, safe: NIODeadline) -> Bool {
        guard !isInMemory else { return sessions[session].readyAt.map { $0 < safe } ?? false }
        guard let ready = sessions[session].ready, !isForgotten(ready) else { return true }
        let event = self[ready]
        if event.fate != .open { return !event.fateIsUndone || event.position != nil }
        guard event.isHeld || event.awaitsSync else { return false }
        return ending != .powerLost || isDurable(event)
    }

    private func survive(_ number: Int, _ ending: Ending, safe: NIODeadline) {
        forgetHistory(of: number, safe: safe)
        letGo(number)
        if ending == .powerLost, self[number].survival == .yes, !isDurable(self[number]) {
            self[number].survival = .maybe
        }
    }

    // MARK: What the next process finds

    /// Holds what a process that starts finds in its journal against what it must find.
    func found(_ entries: [LoadedEvent]) {
        var seen: Set<Int> = []
        /// Of each session, the newest event that is there.
        var newest: [Int: Int] = [:]
        for entry in entries {
            let number = entry.event.data.getInteger(at: entry.event.data.readerIndex, as: Int.self) ?? -1
            guard number >= base, number < base + events.count else {
                check(false, "event \(number), long done, is in the journal as \(entry.event.id)")
                continue
            }
            seen.insert(number)
            found(entry, number)
            newest[self[number].session] = max(newest[self[number].session] ?? number, number)
        }
        for (session, last) in newest {
            for number in sessions[session].dispatches where number < last { passOver(number) }
        }
        for key in keys.indices {
            for number in keys[key].line where !seen.contains(number) {
                check(self[number].survival != .yes, "\(text(number)) is not in the journal any more")
                self[number].survival = .no
            }
        }
    }

    private func found(_ entry: LoadedEvent, _ number: Int) {
        if self[number].fate != .open { comesAgain(number) }
        let event = self[number]
        if event.id != entry.event.id {
            check(
                event.survival == .maybe && event.firstDelivery == nil,
                "\(text(number)) is in the journal as \(entry.event.id)")
            if let old = event.id, numbers[old] == number { numbers[old] = nil }
            name(number, entry.event.id)
        }
        check(
            entry.event.sequence == event.sequence && entry.event.session == ShardModel.name(ofSession: event.session)
                && entry.event.type == event.kind.name && entry.event.data.readableBytes == event.bytes,
            "\(text(number)) is in the journal as \(entry.event)")
        check(
            entry.wasDelivered || event.firstDelivery == nil || event.deliveryIsUndone,
            "\(text(number)) was delivered, which its record does not say")
        self[number].deliveryIsForgotten = !entry.wasDelivered
        let failures = entry.note?.failures ?? 0
        check(
            (event.failures.lowest...event.failures.highest).contains(failures),
            "\(text(number)) has \(failures) failures in the journal, not \(event.failures.highest)")
        self[number].failures.settle(failures)
        // What a killed process had written is not synced by that.
        if event.survival != .yes { self[number].writtenAt = files.operations }
        self[number].survival = .yes
        self[number].position = entry.position
        if !event.isHeld { hold(number) }
    }
}
