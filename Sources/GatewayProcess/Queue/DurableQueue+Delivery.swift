internal import NIOCore
internal import Shared

/// Events on their way to workers, and what workers say of them.
extension DurableQueue {
    /// A worker finished these before its last connection was lost.
    mutating func acknowledgeDone(_ ids: [EventID], now: NIODeadline) {
        for id in ids {
            if let waiting = delivered.removeValue(forKey: id), !queue.isUnfinished(id),
                journal?.marks(of: waiting.position).contains(.done) == false
            {
                queue.counters.lateAcknowledgements += 1
                queue.finishOutside(waiting.position, stride: waiting.stride, byteCount: waiting.byteCount)
                applyChanges()
            } else {
                queue.acknowledgeDone([id], now: now)
            }
        }
    }

    /// Gives workers what they may have, reading from the journal as they can take more.
    /// - Returns: whether there is more to do at once.
    mutating func deliver(now: NIODeadline, wall: Int64) -> Bool {
        admitSynced(now: now, wall: wall)
        var chunks = 0
        while true {
            queue.deliver(now: now)
            let hasLoaded = serveLoads(now: now, wall: wall)
            guard queue.wantsMore, journal?.hasMore == true else {
                if hasLoaded { continue }
                break
            }
            guard chunks < window.chunksPerTurn, readOn(now: now, wall: wall) else { break }
            chunks += 1
        }
        forgetRecent(above: window.recentBytes)
        return chunks == window.chunksPerTurn
    }

    /// - Returns: false if the disk does not let it.
    mutating func readOn(now: NIODeadline, wall: Int64) -> Bool {
        applyChanges()
        let bytes = window.chunkBytes
        do throws(DiskFailure) {
            take(try journal?.readOn(bytes) ?? [], now: now, wall: wall)
        } catch {
            troubles.append(.reading(error))
            return false
        }
        for position in journal?.takeDamaged() ?? [] { lose(position) }
        return true
    }

    /// An event that is not in memory, and whose record is damaged.
    mutating func lose(_ position: JournalPosition) {
        troubles.append(.damaged(nil))
        queue.finishOutside(position, stride: 0, byteCount: 0)
    }

    mutating func take(_ events: [LoadedEvent], now: NIODeadline, wall: Int64) {
        var failed: [EventID] = []
        for loaded in events {
            queue.take(loaded, isWindowed: durability != .memory, now: now)
            remember(loaded.event.id, bytes: loaded.event.byteCount)
            if !delivered.isEmpty, queue.isUnfinished(loaded.event.id) { delivered[loaded.event.id] = nil }
            if let note = loaded.note, note.failures >= queue.settings.maximumAttempts {
                failed.append(loaded.event.id)
            }
        }
        queue.buryFailed(failed, now: now, wall: wall)
    }

    /// Reads the next events of keys that have more than their window. What the disk does not give now is asked for again.
    mutating func serveLoads(now: NIODeadline, wall: Int64) -> Bool {
        guard !queue.loads.isEmpty else { return false }
        applyChanges()
        let loads = queue.loads
        queue.loads = []
        var hasLoaded = false
        for key in loads {
            let positions = queue.takeSkipped(of: key)
            let (events, unread) = read(positions)
            queue.loaded(events, of: key, unread: unread, now: now)
            if unread.isEmpty || !events.isEmpty { hasLoaded = true }
        }
        return hasLoaded
    }

    /// - Returns: what was read, and what comes from the first place on that the disk did not give.
    mutating func read(_ positions: [JournalPosition]) -> (events: [LoadedEvent], unread: [JournalPosition]) {
        var loaded: [LoadedEvent] = []
        for (place, position) in positions.enumerated() where journal?.marks(of: position).contains(.done) == false {
            do throws(DiskFailure) {
                guard let event = try journal?.load(position) else {
                    lose(position)
                    continue
                }
                remember(event.event.id, bytes: event.event.byteCount)
                if !delivered.isEmpty { delivered[event.event.id] = nil }
                loaded.append(event)
            } catch {
                troubles.append(.reading(error))
                return (loaded, Array(positions[place...]))
            }
        }
        return (loaded, [])
    }
}
