internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared

/// What the next process finds of this one.
extension QueueHub {
    var checkpointPath: String { settings.stateDirectory + "/queue.json" }

    func restore() throws {
        try StateFile.makeDirectory(settings.stateDirectory)
        try deadLetters.load()
        let checkpoint = try readCheckpoint()
        identity = checkpoint.flatMap { UUIDBytes($0.journal) } ?? UUIDBytes(using: &random)
        var queue = KeyedQueue(settings: settings.queue)
        if let checkpoint {
            queue = KeyedQueue(
                settings: settings.queue, lastID: checkpoint.lastID, ledger: SequenceLedger(restoring: checkpoint),
                wishes: WorkerWishes(restoring: checkpoint.wishes, now: now, wall: WallClock.now()))
        }
        try openJournal(queue, checkpoint)
    }

    private func readCheckpoint() throws -> QueueCheckpoint? {
        guard let text = try StateFile.read(checkpointPath) else { return nil }
        if let json = try? JSON(ofText: text), let checkpoint = QueueCheckpoint(json) { return checkpoint }
        let aside = try StateFile.setAside(checkpointPath)
        logger.error("the queue's checkpoint cannot be read and was set aside", metadata: ["file": "\(aside)"])
        return nil
    }

    func checkpoint(endedInOrder: Bool) -> QueueCheckpoint {
        queue.checkpoint(
            journal: identity.description, endedInOrder: endedInOrder, isOfMemory: store.durability == .memory,
            now: now, wall: WallClock.now())
    }

    func scheduleCheckpoint() {
        guard !isCheckpointScheduled, !isWritingCheckpoint, isCheckpointStale else { return }
        isCheckpointScheduled = true
        eventLoop.scheduleTask(in: settings.checkpointDelay) { [self] in assumeIsolated { $0.writeCheckpoint() } }
    }

    private var isCheckpointStale: Bool {
        wishesChanged
            || store.durability == .memory
                && (writtenState?.changes != queue.ledger.changes || writtenState?.lastID != queue.lastID)
    }

    private func writeCheckpoint() {
        isCheckpointScheduled = false
        guard !isStopped else { return }
        isWritingCheckpoint = true
        wishesChanged = false
        writtenState = (queue.ledger.changes, queue.lastID)
        let content = checkpoint(endedInOrder: false)
        let path = checkpointPath
        let logger = logger
        writer.runIfActive(eventLoop: eventLoop) {
            do { try StateFile.replace(path, with: content.json.text) } catch {
                logger.error("the queue's checkpoint cannot be written", metadata: ["error": "\(error)"])
                throw error
            }
        }
        .whenComplete { [self] result in assumeIsolated { $0.checkpointWritten(result) } }
    }

    private func checkpointWritten(_ result: Result<Void, any Error>) {
        isWritingCheckpoint = false
        if case .failure = result { writtenState = nil }
        if isCheckpointStale { scheduleCheckpoint() }
    }

    func writeLastCheckpoint() async {
        // Through the writer, so that it follows whatever is still being written.
        let content = checkpoint(endedInOrder: true)
        let path = checkpointPath
        do {
            try await writer.runIfActive { try StateFile.replace(path, with: content.json.text) }
        } catch {
            logger.error("the queue's last checkpoint cannot be written", metadata: ["error": "\(error)"])
        }
    }
}
