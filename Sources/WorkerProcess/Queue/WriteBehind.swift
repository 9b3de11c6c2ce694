internal import DequeModule

/// When what has been collected is written: one write at a time, none with more than `batchLimit` entries, none later than
/// `linger` after its first entry came unless another write is under way.
struct WriteBehind<Entry: Sendable>: Sendable {
    /// Most entries of one write: 500 rows cost the database hardly more than one (feasibility: 5 µs a row).
    static var standardBatchLimit: Int { 500 }

    /// What the owner has to do.
    enum Step: Equatable {
        case nothing
        /// Call `timerFired` after `linger`.
        case setTimer
        /// Call `takeBatch` and write.
        case write
    }

    let batchLimit: Int
    /// A write begins at once with so many entries. Below what the queue lends at once, or it would always wait the full time.
    let earlyLimit: Int
    /// How long a first entry waits for others: what it adds to a counter's age is of no matter to anyone.
    let linger: Duration

    private var pending: Deque<Entry> = []
    private var isWriting = false
    private var hasTimer = false

    init(capacity: Int, batchLimit: Int = Self.standardBatchLimit, linger: Duration = .milliseconds(50)) {
        self.batchLimit = batchLimit
        earlyLimit = max(1, min(batchLimit, capacity / 2))
        self.linger = linger
    }

    /// Whether nothing waits and nothing is being written.
    var isIdle: Bool { pending.isEmpty && !isWriting }

    mutating func add(_ entry: Entry) -> Step {
        pending.append(entry)
        return next()
    }

    mutating func timerFired() -> Step {
        hasTimer = false
        return pending.isEmpty || isWriting ? .nothing : .write
    }

    /// The write of the last batch has ended.
    mutating func writeEnded() -> Step {
        isWriting = false
        return next()
    }

    /// What is to be written now; not empty only if something is left for which `isWanted` holds, and then `writeEnded` must follow.
    mutating func takeBatch(where isWanted: (Entry) -> Bool) -> [Entry] {
        var batch: [Entry] = []
        while batch.count < batchLimit, let entry = pending.popFirst() {
            if isWanted(entry) { batch.append(entry) }
        }
        isWriting = !batch.isEmpty
        return batch
    }

    private mutating func next() -> Step {
        guard !isWriting, !pending.isEmpty else { return .nothing }
        if pending.count >= earlyLimit { return .write }
        guard !hasTimer else { return .nothing }
        hasTimer = true
        return .setTimer
    }
}
