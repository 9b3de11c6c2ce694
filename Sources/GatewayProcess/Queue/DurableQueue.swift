internal import DequeModule
internal import NIOCore
internal import Shared

/// The queue on its journal: what `QueueHub` leads.
///
/// Between the decisions of `KeyedQueue` and the files of `Journal` this carries what the one wants to the other: dispatches are written before
/// they are queued, events are read when a worker can take them, and what workers said is written before anything relies on it.
/// In `memory` mode there is no journal, but for what an earlier process left in one.
struct DurableQueue<Disk: JournalDisk> {
    /// An event that is written, or about to be.
    private struct Written {
        let event: QueuedEvent
        let key: QueueKey
        let position: JournalPosition
        /// Not left for the journal's cursor.
        let isTaken: Bool
    }

    /// What an operator should know of the disk.
    enum Trouble: Equatable {
        /// Events cannot be written: the sessions must pause. Acknowledgements are still taken.
        case refusing(DiskFailure)
        /// Marks or notes could not be written; it is tried again.
        case marks(DiskFailure)
        /// Events could not be read; it is tried again.
        case reading(DiskFailure)
        /// An event's record is damaged: the event is lost. Nil if not even its id is known.
        case damaged(EventID?)
    }

    var queue: KeyedQueue
    let durability: QueueDurability
    var journal: Journal<Disk>?
    /// Why no dispatch is taken at the moment.
    private(set) var refusal: DiskFailure?
    var troubles: [Trouble] = []

    /// Unfinished events that were delivered before the last start and are not in memory yet.
    private var delivered: [EventID: JournalContents.Waiting] = [:]
    /// Waiting events that may be shed, oldest first; some are finished.
    private var sheddable: Deque<JournalPosition> = []
    /// Taken into memory since the last delivery.
    private var fresh: [EventID] = []
    private var written: [Written] = []
    private var syncing: (begun: (segments: [UInt32], point: JournalSyncPoint?), count: Int)?

    private var window: KeyedQueue.Window { queue.settings.window }

    /// A queue without a journal.
    init(queue: KeyedQueue) {
        self.queue = queue
        durability = .memory
        journal = nil
    }

    /// A queue on a journal that has been opened.
    init(
        queue: KeyedQueue, durability: QueueDurability, journal: Journal<Disk>, contents: JournalContents,
        now: NIODeadline, wall: Int64
    ) {
        self.queue = queue
        self.durability = durability
        self.journal = journal
        delivered = contents.delivered
        sheddable = Deque(contents.sheddable)
        self.queue.lastID = max(queue.lastID, journal.numbers.lastID)
        self.queue.depth += contents.depth
        self.queue.bytes += contents.bytes
        if journal.segments.last?.isSealed ?? true { refuse(.full) }
        take(contents.interactions, now: now, wall: wall)
        // New events are behind all that is left here, and nothing else tells which keys those have.
        while durability == .memory, self.journal?.hasMore == true, readOn(now: now, wall: wall) {}
        fresh = []
    }

    // MARK: Receiving

    /// Takes the dispatches of one read burst. Once it returns, those that are `queued` are written, and with `fsync` about to be synced.
    mutating func receive(_ burst: [Dispatch], now: NIODeadline, wall: Int64) -> [Reception] {
        guard durability != .memory else { return burst.map { queue.receive($0, now: now, wall: wall) } }
        var receptions: [Reception] = []
        receptions.reserveCapacity(burst.count)
        var rest = burst[...]
        while !rest.isEmpty {
            let part = rest.prefix(window.dispatchesPerWrite)
            rest = rest.dropFirst(part.count)
            write(part, now: now, wall: wall, &receptions)
        }
        return receptions
    }

    private mutating func write(
        _ part: ArraySlice<Dispatch>, now: NIODeadline, wall: Int64, _ receptions: inout [Reception]
    ) {
        guard refusal == nil else { return receptions.append(contentsOf: part.map { _ in .refused }) }
        let before = (counters: queue.counters, written: written.count, receptions: receptions.count)
        do throws(DiskFailure) {
            try journal?.prepare(for: part.count)
            let isTaken = takesNew
            for dispatch in part { receptions.append(stage(dispatch, isTaken: isTaken, wall: wall)) }
            try journal?.commit(wall: wall, isTaken: isTaken)
        } catch {
            refuse(error)
            queue.counters = before.counters
            written.removeLast(written.count - before.written)
            receptions.removeLast(receptions.count - before.receptions)
            return receptions.append(contentsOf: part.map { _ in .refused })
        }
        if durability != .fsync || Mutation.applies(.queueUnsynced) { admit(written.count, now: now, wall: wall) }
    }

    /// Whether new events come into memory at once: only with nothing ahead of the journal's cursor can they be next of their keys.
    private var takesNew: Bool { queue.hasRoom && journal?.isCursorAtEnd == true }

    private mutating func stage(_ dispatch: Dispatch, isTaken: Bool, wall: Int64) -> Reception {
        guard
            journal?.isNew(shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence) ?? false
        else {
            queue.counters.duplicates += 1
            return .duplicate
        }
        var pending: QueueCheckpoint.Pending?
        switch queue.ledger.admitReplay(of: dispatch) {
        case .duplicate, .finishedBefore:
            queue.counters.duplicates += 1
            journal?.stageNumber(shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence)
            return .duplicate
        case .replayed(_, let known): pending = known
        case .new, nil: break
        }
        queue.counters.received += 1
        if let refusal = queue.refusal(of: dispatch.type) {
            journal?.stageNumber(shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence)
            return refusal
        }
        let id = pending?.id ?? queue.nextID(wall: wall)
        guard let place = journal?.stage(JournaledEvent(dispatch, id: id)) else { return .refused }
        var event = queue.makeEvent(
            dispatch, id: id, origin: .journal(place.position, stride: place.stride), receivedAt: pending?.receivedAt)
        if let pending {
            event.restore(pending)
            if event.wasDelivered { queue.recordChanges.append(.delivered(place.position)) }
            queue.recordChanges.append(.noted(place.position, event.note))
        }
        written.append(
            Written(
                event: event, key: dispatch.key, position: place.position, isTaken: isTaken || event.isInteraction))
        return .queued(id)
    }

    /// Queues the first of what was written.
    private mutating func admit(_ count: Int, now: NIODeadline, wall: Int64) {
        for entry in written.prefix(count) { admit(entry, now: now) }
        if written.count == count { written.removeAll(keepingCapacity: true) } else { written.removeFirst(count) }
        shed(now: now)
    }

    private mutating func admit(_ entry: Written, now: NIODeadline) {
        queue.count(entry.event.byteCount)
        if queue.isSheddable(entry.event.type) { sheddable.append(entry.position) }
        // Behind the cursor of a journal that is not read to its end, nothing of its key can be ahead of it.
        guard entry.isTaken else { return }
        queue.take(entry.event, at: entry.position, key: entry.key, now: now)
        fresh.append(entry.event.id)
    }

    private mutating func refuse(_ failure: DiskFailure) {
        refusal = failure
        troubles.append(.refusing(failure))
    }

    /// Looks whether dispatches can be written again.
    /// - Returns: whether they can, when they could not before.
    mutating func retryWriting() -> Bool {
        guard refusal != nil, syncing == nil, var journal = journal.take() else { return false }
        defer { self.journal = journal }
        guard journal.disk.hasRoom(for: journal.settings.segmentBytes / 2),
            (try? journal.prepare(for: 1)) != nil
        else { return false }
        refusal = nil
        return true
    }

    /// Queues a dead letter anew: a new event with a new id, last in its key.
    mutating func retry(_ letter: DeadLetter, now: NIODeadline, wall: Int64) throws(DiskFailure) {
        guard durability != .memory else {
            _ = queue.retry(letter, now: now, wall: wall)
            return
        }
        if let refusal { throw refusal }
        let id = queue.nextID(wall: wall)
        let record = JournaledEvent(
            id: id, shard: letter.shard, session: "", sequence: letter.sequence, type: letter.type, key: letter.key,
            receivedAt: letter.receivedAt, retryOf: letter.id, data: letter.data)
        do throws(DiskFailure) {
            try journal?.prepare(for: 1)
            let isTaken = takesNew
            guard let place = journal?.stage(record) else { return }
            try journal?.commit(wall: wall, isTaken: isTaken)
            let event = queue.makeEvent(
                retrying: letter, id: id, origin: .journal(place.position, stride: place.stride))
            written.append(
                Written(
                    event: event, key: letter.key, position: place.position, isTaken: isTaken || event.isInteraction))
        } catch {
            refuse(error)
            throw error
        }
        if durability != .fsync { admit(written.count, now: now, wall: wall) }
    }

    /// The number to RESUME from: nothing of the session up to it can be lost any more. Nil if it is not known.
    func durableSequence(shard: Int, session: String) -> Int? {
        guard durability != .memory else { return queue.ledger.durableSequence(shard: shard, session: session) }
        return journal?.durableSequence(shard: shard, session: session)
    }

    // MARK: Workers

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
        queue.dropData(of: fresh)
        fresh.removeAll(keepingCapacity: true)
        return chunks == window.chunksPerTurn
    }

    /// - Returns: false if the disk does not let it.
    private mutating func readOn(now: NIODeadline, wall: Int64) -> Bool {
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
    private mutating func lose(_ position: JournalPosition) {
        troubles.append(.damaged(nil))
        queue.finishOutside(position, stride: 0, byteCount: 0)
    }

    private mutating func take(_ events: [LoadedEvent], now: NIODeadline, wall: Int64) {
        var failed: [EventID] = []
        for loaded in events {
            queue.take(loaded, isWindowed: durability != .memory, now: now)
            fresh.append(loaded.event.id)
            if !delivered.isEmpty, queue.isUnfinished(loaded.event.id) { delivered[loaded.event.id] = nil }
            if let note = loaded.note, note.failures >= queue.settings.maximumAttempts {
                failed.append(loaded.event.id)
            }
        }
        queue.buryFailed(failed, now: now, wall: wall)
    }

    /// Reads the next events of keys that have more than their window.
    private mutating func serveLoads(now: NIODeadline, wall: Int64) -> Bool {
        guard !queue.loads.isEmpty else { return false }
        applyChanges()
        let loads = queue.loads
        queue.loads = []
        for key in loads {
            let positions = queue.takeSkipped(of: key)
            let events = read(positions)
            queue.loaded(events, of: key, now: now)
        }
        return true
    }

    private mutating func read(_ positions: [JournalPosition]) -> [LoadedEvent] {
        var loaded: [LoadedEvent] = []
        for position in positions where journal?.marks(of: position).contains(.done) == false {
            guard let event = try? journal?.load(position) else {
                lose(position)
                continue
            }
            fresh.append(event.event.id)
            if !delivered.isEmpty { delivered[event.event.id] = nil }
            loaded.append(event)
        }
        return loaded
    }

    // MARK: Effects

    /// What is to be done, with the bytes of events read where they were not in memory.
    mutating func takeEffects(now: NIODeadline) -> [QueueEffect] {
        var effects = queue.takeEffects()
        guard journal != nil else { return effects }
        var wanted: [(position: JournalPosition, size: Int)] = []
        var places: [Int] = []
        for (place, effect) in effects.enumerated() {
            guard let (position, size) = effect.missing else { continue }
            wanted.append((position, size))
            places.append(place)
        }
        guard !wanted.isEmpty else { return effects }
        do throws(DiskFailure) {
            let found = try journal?.read(wanted) ?? []
            for (place, event) in zip(places, found) {
                if let event { effects[place].fill(event.data) } else { damaged(&effects[place], now: now) }
            }
        } catch {
            troubles.append(.reading(error))
            for place in places { postpone(&effects[place], now: now) }
        }
        return effects.filter { !$0.isVoid }
    }

    /// What is not to be done after all: its event's record is damaged.
    private mutating func damaged(_ effect: inout QueueEffect, now: NIODeadline) {
        guard case .deliver(let delivery) = effect else { return effect.fill(ByteBuffer(string: "null")) }
        troubles.append(.damaged(delivery.id))
        queue.lose(delivery.id, now: now)
    }

    /// What cannot be done now, because the disk does not let it.
    private mutating func postpone(_ effect: inout QueueEffect, now: NIODeadline) {
        guard case .deliver(let delivery) = effect else { return effect.fill(ByteBuffer(string: "null")) }
        queue.postpone(delivery.id, until: now + Self.retryPause, now: now)
    }

    private static var retryPause: TimeAmount { .seconds(1) }

    /// A dead letter is kept: its record need not be any more.
    mutating func finish(_ record: DeadLetter.Record) {
        queue.recordChanges.append(.finished(record.position, stride: record.stride))
    }

    /// Writes what effects rely on; to be called before they leave the process.
    mutating func flush() {
        guard journal != nil else { return }
        applyChanges()
        do throws(DiskFailure) { try journal?.writeMarks() } catch { troubles.append(.marks(error)) }
    }

    /// Tells the journal what happened to its events.
    private mutating func applyChanges() {
        guard !queue.recordChanges.isEmpty else { return }
        /// Notes that there is no room for now: of each event the last one, which says all.
        var unwritten: [JournalPosition: JournalNote] = [:]
        for change in queue.recordChanges {
            switch change {
            case .delivered(let position): journal?.mark(position, .delivered)
            case .finished(let position, let stride):
                journal?.finish(position, stride: stride)
                if !unwritten.isEmpty { unwritten[position] = nil }
            case .noted(let position, let note):
                guard unwritten.isEmpty else {
                    unwritten[position] = note
                    continue
                }
                do throws(DiskFailure) { try journal?.write(note, about: position) } catch {
                    troubles.append(.marks(error))
                    unwritten[position] = note
                }
            }
        }
        queue.recordChanges.removeAll(keepingCapacity: true)
        for (position, note) in unwritten.sorted(by: { $0.key < $1.key }) {
            queue.recordChanges.append(.noted(position, note))
        }
    }

    // MARK: Room

    /// Drops waiting events of the least value, the oldest first, until the backlog fits.
    private mutating func shed(now: NIODeadline) {
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

    private mutating func forgetFinishedSheddable() {
        guard let journal, sheddable.count > 1024 else { return }
        while let first = sheddable.first, journal.marks(of: first).contains(.done) { sheddable.removeFirst() }
        guard sheddable.count > 2 * queue.depth + 1024 else { return }
        sheddable.removeAll { journal.marks(of: $0).contains(.done) }
    }

    /// Takes what is finished off the disk, if it is time.
    /// - Returns: whether there may be more to do.
    mutating func clean(wall: Int64) -> Bool {
        guard journal != nil else { return false }
        return (try? journal?.clean(wall: wall)) ?? false
    }

    // MARK: Syncing

    /// With `fsync`, the segments to be synced now; `endSync` must follow. Nil if there is nothing to do, or one is under way.
    mutating func beginSync() -> [UInt32]? {
        guard durability == .fsync, syncing == nil, refusal == nil, let begun = journal?.beginSync(),
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
        admit(synced, now: now, wall: wall)
        refuse(failure)
    }

    /// A segment that was sealed has been synced: what is in it must be counted before it can be read from there.
    private mutating func admitSynced(now: NIODeadline, wall: Int64) {
        guard durability == .fsync, !written.isEmpty else { return }
        let synced = written.prefix { journal?.isSynced($0.position) ?? false }.count
        guard synced > 0 else { return }
        if let (begun, count) = syncing { syncing = (begun, max(0, count - synced)) }
        admit(synced, now: now, wall: wall)
    }

    /// Whether marks or events wait to be synced.
    var wantsSync: Bool { durability == .fsync && syncing == nil && journal?.unsynced.isEmpty == false }
    /// Whether events wait to be synced.
    var hasUnsyncedEvents: Bool { !written.isEmpty }
}

extension QueueEffect {
    /// A delivery that nothing came of.
    fileprivate var isVoid: Bool {
        if case .deliver(let delivery) = self { delivery.data == nil } else { false }
    }

    /// Where the bytes are that must be read first, and an upper bound of how many.
    fileprivate var missing: (JournalPosition, Int)? {
        switch self {
        case .deliver(let delivery) where delivery.data == nil:
            delivery.position.map { ($0, delivery.byteCount) }
        case .deadLetter(let letter) where letter.data.readableBytes == 0:
            letter.record.map { ($0.position, $0.stride) }
        case .deliver, .deadLetter, .returned, .finished: nil
        }
    }

    fileprivate mutating func fill(_ data: ByteBuffer) {
        switch self {
        case .deliver(var delivery):
            delivery.data = data
            self = .deliver(delivery)
        case .deadLetter(var letter):
            letter.data = data
            self = .deadLetter(letter)
        case .returned, .finished: break
        }
    }
}
