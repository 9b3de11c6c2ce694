internal import DequeModule
internal import NIOCore
internal import Shared

/// What leaves the disk, because it is finished or because there is no room.
extension DurableQueue {
    /// Drops waiting events of the least value, the oldest first, until the backlog fits.
    mutating func shed(now: NIODeadline) {
        forgetFinishedSheddable()
        while queue.bytes > queue.settings.maximumBytes, let position = sheddable.popFirst() {
            applyChanges()
            guard journal?.marks(of: position).contains(.done) == false,
                let loaded = try? journal?.load(position)
            else { continue }
            if queue.shed(loaded.event.id, now: now) || queue.isUnfinished(loaded.event.id) { continue }
            queue.counters.shed[loaded.event.type, default: 0] += 1
            queue.finishOutside(position, stride: loaded.stride, byteCount: loaded.event.byteCount)
        }
    }

    mutating func forgetFinishedSheddable() {
        guard sheddable.count > 1024, let journal else { return }
        while let first = sheddable.first, journal.marks(of: first).contains(.done) { sheddable.removeFirst() }
        guard sheddable.count > 2 * queue.depth + 1024 else { return }
        sheddable.removeAll { journal.marks(of: $0).contains(.done) }
    }

    /// Takes what is finished off the disk, if it is time.
    /// - Returns: whether there may be more to do.
    mutating func clean(wall: Int64) -> Bool {
        guard hasJournal else { return false }
        return (try? journal?.clean(wall: wall)) ?? false
    }
}
