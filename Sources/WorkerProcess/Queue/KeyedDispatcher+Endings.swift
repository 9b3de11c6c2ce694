internal import Shared

/// What becomes of copies: how their parts end, and who is told.
extension KeyedDispatcher {
    /// A handler has ended.
    mutating func workEnded(_ id: CopyID, _ outcome: Outcome) {
        guard let copy = copies[id], copy.isRunning else { return }
        copies[id]?.isRunning = false
        if !copy.isInteraction { running -= 1 }
        keys[copy.key]?.running = nil
        if outcome == .done { copies[id]?.lacksWork = false }
        settle(id, outcome)
        pump(copy.key)
        startReady()
    }

    /// A write has ended.
    mutating func writeEnded(_ id: CopyID, _ outcome: Outcome) {
        guard let copy = copies[id], copy.isWriting else { return }
        copies[id]?.isWriting = false
        if outcome == .done { copies[id]?.lacksWrite = false }
        settle(id, outcome)
    }

    /// A write that had not begun never will.
    mutating func writeDropped(_ id: CopyID) {
        guard let copy = copies[id], copy.isWriting else { return }
        copies[id]?.isWriting = false
        if !copy.isRunning { copies[id] = nil }
    }

    private mutating func settle(_ id: CopyID, _ outcome: Outcome) {
        guard let copy = copies[id] else { return }
        switch copy.standing {
        case .finished: break
        case .held where outcome != .done: return giveBack(id, copy, outcome)
        case .held: if copy.isComplete { acknowledge(id) }
        case .void(let connection): if outcome == .done { finishVoid(copy, connection) }
        }
        if let rest = copies[id], !rest.isUnderWay {
            if case .held = rest.standing { return }
            copies[id] = nil
        }
    }

    private mutating func acknowledge(_ id: CopyID) {
        guard let copy = copies[id] else { return }
        tellDone(copy.event)
        held[copy.event] = nil
        if copy.isUnderWay { copies[id]?.standing = .finished } else { copies[id] = nil }
    }

    mutating func tellDone(_ event: EventID) {
        effects.append(.acknowledge(event))
        acknowledged.append(event)
        if acknowledged.count > maximumAcknowledged { acknowledged.removeFirst() }
    }

    /// A part of a void copy ended well: what it did need not be done again.
    private mutating func finishVoid(_ copy: Copy, _ connection: Int) {
        if let current = held[copy.event] {
            if !copy.lacksWork { copies[current]?.lacksWork = false }
            if !copy.lacksWrite { copies[current]?.lacksWrite = false }
            if copies[current]?.isComplete == true { acknowledge(current) }
            return
        }
        guard copy.isComplete else { return }
        if connection == self.connection, isConnected {
            tellDone(copy.event)
        } else if isConnected {
            finishedEarlier.insert(copy.event)
        } else {
            finished.append(copy.event)
        }
    }

    private mutating func giveBack(_ id: CopyID, _ copy: Copy, _ outcome: Outcome) {
        switch outcome {
        case .done: return
        case .failed(let reason): effects.append(.nack(copy.event, reason))
        case .notNow(let time, let reason): effects.append(.release(copy.event, time, reason))
        case .outage(let time, let reason):
            guard copy.isInteraction else { return giveEverythingBack(time, reason) }
            effects.append(.release(copy.event, time, reason))
        }
        fences[copy.event] = copy.key
        keys[copy.key, default: Key()].fences += 1
        // What came after it in its key comes back with it.
        let later = held.filter { $0.key >= copy.event && copies[$0.value]?.key == copy.key }
        for copy in later.values { makeVoid(copy) }
    }

    private mutating func giveEverythingBack(_ time: Duration, _ reason: String) {
        effects.append(.releaseAll(time, reason))
        for (event, id) in held where copies[id]?.isInteraction == false {
            pauseFences.insert(event)
            makeVoid(id)
        }
    }

    mutating func makeVoid(_ id: CopyID) {
        guard let copy = copies[id] else { return }
        held[copy.event] = nil
        if copy.isUnderWay { copies[id]?.standing = .void(connection: connection) } else { copies[id] = nil }
    }
}
