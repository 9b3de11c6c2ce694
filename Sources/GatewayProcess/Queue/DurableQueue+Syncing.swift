internal import NIOCore
internal import Shared

/// `fsync`: events count once they are synced.
extension DurableQueue {
    /// With `fsync`, the segments to be synced now; `endSync` must follow. Nil if there is nothing to do, or one is under way.
    mutating func beginSync() -> [UInt32]? {
        guard durability == .fsync, syncing == nil, let begun = journal?.beginSync(),
            !begun.segments.isEmpty
        else { return nil }
        syncing = (begun, written.count)
        return begun.segments
    }

    /// What was written up to `beginSync` is durable, or will not be and does not count.
    mutating func endSync(_ failure: DiskFailure?, now: NIODeadline, wall: Int64) {
        guard let (begun, count) = syncing else { return }
        syncing = nil
        journal?.endSync(of: begun, isDone: failure == nil)
        guard let failure else { return admit(count, now: now, wall: wall) }
        // What a sealing has synced meanwhile counts.
        let synced = written.prefix { journal?.isSynced($0.position) ?? false }.count
        written.removeLast(written.count - synced)
        // What was written about events of the newest segment may have been cut off with the rest.
        if let segment = begun.point?.segment { queue.noteAgain(in: segment) }
        admit(synced, now: now, wall: wall)
        refuse(failure)
    }

    /// A segment that was sealed has been synced: what is in it must be counted before it can be read from there.
    mutating func admitSynced(now: NIODeadline, wall: Int64) {
        guard durability == .fsync, !written.isEmpty else { return }
        let synced = written.prefix { journal?.isSynced($0.position) ?? false }.count
        guard synced > 0 else { return }
        if let (begun, count) = syncing { syncing = (begun, max(0, count - synced)) }
        admit(synced, now: now, wall: wall)
    }

    /// Whether marks or events wait to be synced.
    var wantsSync: Bool {
        // Looked at in place, which does not copy the journal.
        mutating get { durability == .fsync && syncing == nil && journal?.hasUnsynced == true }
    }

    /// Whether events wait to be synced.
    var hasUnsyncedEvents: Bool { !written.isEmpty }
}
