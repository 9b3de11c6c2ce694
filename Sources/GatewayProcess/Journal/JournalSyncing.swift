internal import NIOCore
internal import Shared

/// Up to where the newest segment was when a sync began.
struct JournalSyncPoint: Equatable {
    let segment: UInt32
    let end: Int
    let count: Int
    let numbers: JournalNumbers
}

/// `fsync`: what is written counts once it is synced.
extension Journal {
    /// Whether something is written and not synced.
    var hasUnsynced: Bool {
        mutating get { !unsynced.isEmpty }
    }

    var presentPoint: JournalSyncPoint? {
        segments.last.map {
            JournalSyncPoint(segment: $0.number, end: $0.end, count: $0.count, numbers: numbers)
        }
    }

    /// How far a session was received for good; nil if it is not known.
    func durableSequence(shard: Int, session: String) -> Int? {
        let isSyncedOnly = settings.isDurable && !Mutation.applies(.resumeFromUnsynced)
        let known = isSyncedOnly ? syncPoint?.numbers.shards[shard] : numbers.shards[shard]
        return known.flatMap { $0.session == session ? $0.sequence : nil }
    }

    /// Whether an event's record outlives a loss of power.
    func isSynced(_ position: JournalPosition) -> Bool {
        guard let syncPoint, position.segment == syncPoint.segment else { return position.segment < appending }
        return Int(position.index) < syncPoint.count
    }

    private var appending: UInt32 { segments.last?.number ?? 0 }

    /// The segments to be synced now, and up to where that will reach.
    mutating func beginSync() -> (segments: [UInt32], point: JournalSyncPoint?) {
        let begun = unsynced.sorted().filter { place(of: $0) != nil }
        unsynced = []
        syncing = Set(begun)
        return (begun, presentPoint)
    }

    /// A sync has ended. After a failure nothing that it was to make durable counts, and it is cut off.
    mutating func endSync(of begun: (segments: [UInt32], point: JournalSyncPoint?), isDone: Bool) {
        syncing = []
        if isDone {
            // Meanwhile the segment may have been sealed, which syncs it.
            if begun.point?.segment == appending { syncPoint = begun.point }
            removeFinished()
            return
        }
        unsynced.formUnion(begun.segments)
        guard let syncPoint, let last = segments.indices.last, segments[last].number == syncPoint.segment,
            segments[last].end > syncPoint.end
        else { return }
        numbers = syncPoint.numbers
        stagedNumbers = syncPoint.numbers
        segments[last].cut(to: syncPoint.count, end: syncPoint.end)
        hasTornTail = true
        if cursor.segment == syncPoint.segment, cursor.offset > syncPoint.end { moveCursorToEnd() }
    }
}
