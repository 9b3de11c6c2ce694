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
        let wall = WallClock.now()
        guard let text = try StateFile.read(checkpointPath) else {
            journal = Self.makeUUID(using: &random)
            return
        }
        guard let json = try? JSON(ofText: text), let checkpoint = QueueCheckpoint(json)
        else {
            journal = Self.makeUUID(using: &random)
            let aside = try StateFile.setAside(checkpointPath)
            logger.error("the queue's checkpoint cannot be read and was set aside", metadata: ["file": "\(aside)"])
            return
        }
        journal = checkpoint.journal
        queue = KeyedQueue(
            settings: settings.queue, lastID: checkpoint.lastID, ledger: SequenceLedger(restoring: checkpoint),
            wishes: WorkerWishes(restoring: checkpoint.wishes, now: now, wall: wall))
    }

    func checkpoint(endedInOrder: Bool) -> QueueCheckpoint {
        queue.checkpoint(journal: journal, endedInOrder: endedInOrder, now: now, wall: WallClock.now())
    }

    func scheduleCheckpoint() {
        guard !isCheckpointScheduled, !isWritingCheckpoint, isCheckpointStale else { return }
        isCheckpointScheduled = true
        eventLoop.scheduleTask(in: settings.checkpointDelay) { [self] in assumeIsolated { $0.writeCheckpoint() } }
    }

    private var isCheckpointStale: Bool {
        wishesChanged || writtenState?.changes != queue.ledger.changes || writtenState?.lastID != queue.lastID
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

    private static func makeUUID(using random: inout some RandomNumberGenerator) -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Version 4, variant 1 (RFC 9562, section 5.4).
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef")
        return bytes.enumerated().map { position, byte in
            "\([4, 6, 8, 10].contains(position) ? "-" : "")\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }.joined()
    }
}
