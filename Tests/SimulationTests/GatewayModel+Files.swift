import NIOCore
import Shared
import TestKit

@testable import GatewayProcess

/// Where the writing of the checkpoint stands.
struct Checkpointing {
    var isScheduled = false
    var beingWritten: QueueCheckpoint?
    var written: (changes: Int, lastID: EventID)?
    var wishesChanged = false
}

/// Where the syncing of the journal stands.
struct Syncing {
    var isScheduled = false
    var underWay: UnderWay?

    struct UnderWay {
        let files: SimulatedFiles.SyncUnderWay
        /// Fates that were written when it began.
        let fates: Int
        let flushedAt: NIODeadline
    }
}

/// The part of `QueueHub` that is about files.
extension GatewayModel {
    /// Opens the journal, and puts the queue on it with what an earlier process left.
    /// - Returns: false if the disk does not let it: the process ends.
    func restore() -> Bool {
        var queue = KeyedQueue(settings: world.rules.queue)
        if let checkpointFile {
            queue = KeyedQueue(
                settings: world.rules.queue, lastID: checkpointFile.lastID,
                ledger: SequenceLedger(restoring: checkpointFile),
                wishes: WorkerWishes(restoring: checkpointFile.wishes, now: now, wall: world.wall))
        }
        guard !world.rules.isInMemory else {
            store = DurableQueue(queue: queue)
            return true
        }
        book.found(look())
        var journal = makeJournal(files)
        do throws(JournalOpening) {
            let contents = try journal.open(after: checkpointFile) { KeyedQueue.sheddable.contains($0) }
            store = DurableQueue(
                queue: queue, durability: world.rules.durability, journal: journal, contents: contents, now: now,
                wall: world.wall)
            return true
        } catch {
            book.check(files.isTroubled, "the journal cannot be opened: \(error)")
            return false
        }
    }

    private func makeJournal(_ files: SimulatedFiles) -> Journal<SimulatedDisk> {
        var settings = Journal<SimulatedDisk>.Settings()
        settings.segmentBytes = world.rules.journal.segmentBytes
        settings.markCapacity = world.rules.journal.markCapacity
        settings.isDurable = world.rules.durability == .fsync
        return Journal(
            disk: SimulatedDisk(files: files), settings: settings, identity: .zero,
            boot: UUIDBytes([UInt8(truncatingIfNeeded: boot), UInt8(truncatingIfNeeded: boot >> 8)]),
            seeds: SeedSource(SeededGenerator(seed: world.random.next())))
    }

    /// All that a process will find, without changing anything.
    private func look() -> [LoadedEvent] {
        var journal = makeJournal(files.copy())
        var entries: [LoadedEvent] = []
        do {
            // Interactions are handed over apart, with their notes.
            entries = try journal.open(after: checkpointFile) { KeyedQueue.sheddable.contains($0) }.interactions
            journal.moveCursorToBeginning()
            while journal.hasMore {
                entries += try journal.readOn(1 << 20).filter { $0.event.key.keyClass != .interaction }
            }
        } catch {
            book.check(false, "the journal cannot be read: \(error)")
        }
        return entries
    }

    func lookAfterJournal() {
        guard store.journal != nil else { return }
        if store.retryWriting() { scheduleTurn() }
        _ = store.clean(wall: world.wall)
        if !queue.recordChanges.isEmpty || !queue.loads.isEmpty { scheduleTurn() }
    }

    /// Whether all that has happened is on the disk.
    var isWritten: Bool {
        queue.recordChanges.isEmpty && book.recentFates.isEmpty && book.writtenFates.isEmpty && sync.underWay == nil
            || world.rules.isInMemory
    }

    // MARK: fsync

    func startSync() {
        guard store.wantsSync, !sync.isScheduled else { return }
        guard !store.hasUnsyncedEvents else { return beginSync() }
        sync.isScheduled = true
        world.after(.milliseconds(40), .syncs(life: life))
    }

    func beginSync() {
        sync.isScheduled = false
        guard let segments = store.beginSync() else { return }
        sync.underWay = Syncing.UnderWay(
            files: files.beginSync(segments), fates: book.writtenFates.count, flushedAt: book.flushedAt)
        world.after(world.milliseconds(world.chance(3) ? 10...60 : 0...4), .synced(life: life))
    }

    func synced() {
        guard let done = sync.underWay else { return }
        sync.underWay = nil
        var failure: DiskFailure?
        do throws(DiskFailure) { try files.endSync(done.files) } catch { failure = error }
        if failure == nil { book.flushedIsSynced(fates: done.fates, at: done.flushedAt) }
        world.trace.note("synced: failed", failure == nil ? 0 : 1)
        store.endSync(failure, now: now, wall: world.wall)
        if failure == nil { book.admitSynced() } else { book.syncFailed() }
        scheduleTurn()
    }

    /// Everything written so far, before the process ends.
    func syncLast() {
        let troubles = store.troubles.count
        store.flush()
        guard !files.isDead else { return }
        if store.troubles.count == troubles { book.flushed() }
        let flushedAt = book.flushedAt
        synced()
        guard let segments = store.beginSync() else { return }
        let last = files.beginSync(segments)
        try? files.endSync(last)
        book.flushedIsSynced(fates: book.writtenFates.count, at: flushedAt)
    }

    // MARK: The checkpoint of a queue in memory

    func scheduleCheckpoint() {
        guard !checkpointing.isScheduled, checkpointing.beingWritten == nil, isCheckpointStale else { return }
        checkpointing.isScheduled = true
        world.after(.milliseconds(50), .checkpoints(life: life))
    }

    private var isCheckpointStale: Bool {
        checkpointing.wishesChanged
            || world.rules.isInMemory
                && (checkpointing.written?.changes != queue.ledger.changes
                    || checkpointing.written?.lastID != queue.lastID)
    }

    func writesCheckpoint() {
        checkpointing.isScheduled = false
        checkpointing.wishesChanged = false
        checkpointing.written = (queue.ledger.changes, queue.lastID)
        checkpointing.beingWritten = checkpoint(endedInOrder: false)
        world.after(world.milliseconds(0...20), .checkpointWritten(life: life))
    }

    func checkpointWritten() {
        guard let written = checkpointing.beingWritten else { return }
        world.trace.detail("checkpoint written")
        checkpointFile = written
        checkpointing.beingWritten = nil
        if isCheckpointStale { scheduleCheckpoint() }
    }

    func writeCheckpoint(endedInOrder: Bool) { checkpointFile = checkpoint(endedInOrder: endedInOrder) }

    private func checkpoint(endedInOrder: Bool) -> QueueCheckpoint {
        queue.checkpoint(
            journal: "j", endedInOrder: endedInOrder, isOfMemory: world.rules.isInMemory, now: now, wall: world.wall)
    }
}
