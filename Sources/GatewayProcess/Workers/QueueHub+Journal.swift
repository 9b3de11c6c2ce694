internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared

/// The journal's files, and what an operator learns of them.
extension QueueHub {
    private var journalPath: String { settings.stateDirectory + "/journal" }

    /// Opens the journal and puts `queue` on it, with what an earlier process left.
    func openJournal(_ queue: KeyedQueue, _ checkpoint: QueueCheckpoint?) throws {
        let hasJournal = access(journalPath, F_OK) == 0
        guard settings.durability != .memory || hasJournal else {
            store = DurableQueue(queue: queue)
            return
        }
        let disk = try FileDisk(directory: journalPath, keepsSpare: settings.durability == .journal)
        var journal = Journal(
            disk: disk, settings: journalSettings(of: disk), identity: identity, boot: Self.bootIdentity(),
            seeds: SeedSource())
        let contents: JournalContents
        do throws(JournalOpening) {
            contents = try journal.open(after: checkpoint) { KeyedQueue.sheddable.contains($0) }
        } catch {
            throw failure(error)
        }
        report(contents)
        var queue = queue
        if settings.durability == .memory { queue.ledger.adopt(journal.numbers) }
        store = DurableQueue(
            queue: queue, durability: settings.durability, journal: journal, contents: contents, now: now,
            wall: WallClock.now())
        for id in contents.retried { deadLetters.hide(id) }
        for loaded in contents.interactions { deferRestored(loaded) }
    }

    private func journalSettings(of disk: FileDisk) -> Journal<FileDisk>.Settings {
        var journal = Journal<FileDisk>.Settings()
        journal.isDurable = settings.durability == .fsync
        if let bytes = settings.segmentBytes {
            journal.segmentBytes = bytes
        } else {
            // Small enough that what is finished soon leaves also a small disk.
            let share = min(settings.queue.maximumBytes / 16, (disk.room?.all ?? .max) / 64)
            journal.segmentBytes = min(max(share, 256 << 10), journal.segmentBytes)
        }
        return journal
    }

    private func failure(_ opening: JournalOpening) -> QueueFailure {
        switch opening {
        case .foreign(let foreign):
            QueueFailure(
                exit: .configuration,
                description:
                    "\(foreign) (\(journalPath)). It is left as it is: run the release that wrote it until its "
                    + "events are handled, or move the directory away; its events are lost then")
        case .disk(.full):
            QueueFailure(
                exit: .unavailable, description: "there is no room on the disk for the journal in \(journalPath)")
        case .disk(.failed(let reason)):
            QueueFailure(exit: .unavailable, description: "the journal cannot be opened: \(reason)")
        }
    }

    private func report(_ contents: JournalContents) {
        if contents.cutBytes > 0 {
            logger.warning(
                "the journal's end was torn by the last process's death and was cut off; Discord sends again what it held",
                metadata: ["bytes": "\(contents.cutBytes)"])
        }
        if contents.damagedBytes > 0 {
            counters.lost += contents.lostEvents
            logger.error(
                "a part of the journal could not be read: the events in it are lost",
                metadata: ["bytes": "\(contents.damagedBytes)", "events": "\(contents.lostEvents)"])
        }
        guard !contents.isEmpty else { return }
        logger.info(
            "the journal holds unfinished events",
            metadata: [
                "events": "\(contents.depth)", "bytes": "\(contents.bytes)",
                "delivered_before": "\(contents.delivered.count)",
            ])
    }

    /// An interaction that was waiting when the last process ended is deferred like a new one, while there is time.
    private func deferRestored(_ loaded: LoadedEvent) {
        guard loaded.note?.isDeferred != true,
            let head = (try? JSONParser.read(loaded.event.data, { InteractionHead($0) })).flatMap({ $0 })
        else { return }
        deferral.received(head, as: loaded.event.id, now: now, wall: WallClock.now())
    }

    /// Which run of the machine this is (proc(5)); marks written in another one may be lost.
    private static func bootIdentity() -> UUIDBytes {
        let text = (try? StateFile.read("/proc/sys/kernel/random/boot_id")) ?? nil
        return text.flatMap { UUIDBytes($0.prefix { $0 != "\n" }) } ?? .zero
    }

    // MARK: Every quarter of a second

    func lookAfterJournal(now: NIODeadline) {
        if store.retryWriting() {
            lastMarkFailure = nil
            logger.notice("the journal can be written again")
            scheduleTurn()
        }
        // One at a time, so that the loop is not held up.
        _ = store.clean(wall: WallClock.now())
        keepUnwrittenLetters()
        warnOfLimits()
        // What could not be written or read is tried again.
        if !store.queue.recordChanges.isEmpty || !store.queue.loads.isEmpty { scheduleTurn() }
    }

    func reportTroubles() {
        guard !store.troubles.isEmpty else { return }
        for trouble in store.troubles { report(trouble) }
        store.troubles = []
    }

    private func report(_ trouble: DurableQueue<FileDisk>.Trouble) {
        switch trouble {
        case .refusing(let failure):
            logger.critical(
                "events cannot be written to the journal: sessions are paused until they can",
                metadata: ["reason": "\(failure)", "directory": "\(journalPath)"])
        case .marks(let failure):
            counters.journalFailures += 1
            guard lastMarkFailure != failure else { return }
            lastMarkFailure = failure
            logger.error(
                "what happened to events cannot be written to the journal; it is tried again",
                metadata: ["reason": "\(failure)"])
        case .reading(let failure):
            counters.journalFailures += 1
            logger.error(
                "events cannot be read from the journal; it is tried again", metadata: ["reason": "\(failure)"])
        case .damaged(let id):
            counters.lost += 1
            logger.error(
                "an event's record in the journal is damaged, and the event is lost",
                metadata: ["event": "\(id.map(\.description) ?? "unknown")"])
        }
    }

    /// What is wrong with the disk, for status; empty if nothing is.
    var alarms: [String] {
        guard let refusal = store.refusal else { return [] }
        return ["events cannot be written to \(journalPath): \(refusal); sessions are paused until they can"]
    }

    /// One warning at nine tenths of each limit that has no warning of its own.
    private func warnOfLimits() {
        warnOfConnections()
        guard let disk = store.journal?.disk, lastDiskCheck + Self.diskInterval <= .now() else { return }
        lastDiskCheck = .now()
        guard let (free, all) = disk.room else { return }
        if free < all / 10, !hasWarnedOfDisk {
            hasWarnedOfDisk = true
            logger.warning(
                "the file system of STATE_DIRECTORY is full to more than 90 %",
                metadata: ["free_bytes": "\(free)", "bytes": "\(all)", "directory": "\(journalPath)"])
        } else if free > all / 4 {
            hasWarnedOfDisk = false
        }
    }

    private static let diskInterval: TimeAmount = .seconds(10)

    private func warnOfConnections() {
        let share = Double(connections.count) / Double(settings.maximumConnections)
        if share >= 0.9, !hasWarnedOfConnections {
            hasWarnedOfConnections = true
            logger.warning(
                "more than 90 % of the connections that are allowed are open",
                metadata: ["open": "\(connections.count)", "limit": "\(settings.maximumConnections)"])
        } else if share < 0.75 {
            hasWarnedOfConnections = false
        }
    }

    // MARK: fsync

    /// Begins to sync what was written; events at once, acknowledgements a little later.
    func sync() {
        guard store.wantsSync, !isSyncScheduled else { return }
        guard !store.hasUnsyncedEvents else { return beginSync() }
        isSyncScheduled = true
        eventLoop.scheduleTask(in: settings.markSyncDelay) { [self] in
            assumeIsolated { hub in
                hub.isSyncScheduled = false
                hub.beginSync()
            }
        }
    }

    private func beginSync() {
        guard !isStopped, let segments = store.beginSync() else { return }
        synced(by: synchronizing(segments))
    }

    private func synchronizing(_ segments: [UInt32]) -> EventLoopFuture<Void> {
        do throws(DiskFailure) {
            guard let synchronize = try store.journal?.disk.synchronizer(of: segments) else {
                return eventLoop.makeSucceededVoidFuture()
            }
            return syncer.runIfActive(eventLoop: eventLoop) { try synchronize() }
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    private func synced(by future: EventLoopFuture<Void>) {
        let begun = NIODeadline.now()
        future.whenComplete { [self] result in
            assumeIsolated { hub in
                hub.counters.journalSyncs += 1
                hub.counters.journalSyncTime = hub.counters.journalSyncTime + (.now() - begun)
                var failure: DiskFailure?
                if case .failure(let error) = result { failure = error as? DiskFailure ?? .failed("\(error)") }
                hub.store.endSync(failure, now: hub.now, wall: WallClock.now())
                hub.scheduleTurn()
            }
        }
    }

    /// Everything written so far, before the process ends.
    func syncLast() async {
        guard let segments = store.beginSync() else { return }
        do { try await synchronizing(segments).get() } catch {
            logger.error("the journal's last acknowledgements may not be synced", metadata: ["reason": "\(error)"])
        }
    }
}
