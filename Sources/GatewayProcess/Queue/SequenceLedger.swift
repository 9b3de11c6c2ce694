internal import DequeModule
internal import Shared

/// Per shard, which dispatches of its session were received and which are done: the number to RESUME from is that of the
/// last of an unbroken run of finished ones, so that Discord sends again whatever a lost process still had.
///
/// Positions are handed out in the order of reception, because Discord's numbers may have gaps.
struct SequenceLedger {
    /// One dispatch of one session; of no effect once the shard has another session.
    struct Position: Equatable {
        fileprivate let shard: Int
        fileprivate let epoch: Int
        fileprivate let index: Int
    }

    enum Admission: Equatable {
        case duplicate
        /// It was done before the restart: a duplicate that completes the run.
        case finishedBefore
        /// - mayBeRepeated: an earlier process may have delivered it under an id that is lost.
        case new(Position, mayBeRepeated: Bool)
        /// It had an id before the restart and keeps it.
        case replayed(Position, QueueCheckpoint.Pending)
    }

    /// A gap: what an earlier process had received and Discord no longer sends again.
    struct Loss: Equatable {
        let shard: Int
        let count: Int
        /// Times of reception, in microseconds since 1970.
        let from: Int64
        let to: Int64
    }

    private struct Entry {
        let sequence: Int
        var id: Int64
        var isDone = false
        /// A worker has seen it.
        var isRemembered = false
    }

    private struct Track {
        let session: String
        let epoch: Int
        var contiguous: Int?
        var highest: Int
        /// From the oldest unfinished on.
        var window: Deque<Entry> = []
        /// Index of the window's first entry.
        var base = 0
        /// Index behind the newest that a worker has seen or that is done: what is behind it needs no remembering.
        var rememberedEnd = 0
        /// Read back after a restart and not yet replayed.
        var finishedBefore: [ClosedRange<Int>] = []
        var pending: [Int: QueueCheckpoint.Pending] = [:]
        /// A process before this one did not end in order, and the replay after it has not ended yet.
        var isUncertain = false

        mutating func remember(_ index: Int) {
            window[index - base].isRemembered = true
            rememberedEnd = max(rememberedEnd, index + 1)
        }

        mutating func finish(_ index: Int) {
            window[index - base].isDone = true
            rememberedEnd = max(rememberedEnd, index + 1)
            while let first = window.first, first.isDone {
                contiguous = first.sequence
                window.removeFirst()
                base += 1
            }
        }

        mutating func dropFinished(below sequence: Int) {
            finishedBefore.removeFirst(finishedBefore.prefix { $0.upperBound < sequence }.count)
        }
    }

    /// Dispatches that no worker has seen keep their ids over a restart as well, so that ids go on growing in the order of
    /// reception over all keys; behind a larger backlog only within each key, which keeps a checkpoint small.
    static let maximumUnseen = 10_000

    private var tracks: [Int: Track] = [:]
    private var epochs = 0
    /// Grows with every change that a checkpoint shows.
    private(set) var changes = 0
    private var losses: [Loss] = []

    init() {}

    init(restoring checkpoint: QueueCheckpoint) {
        for shard in checkpoint.shards {
            epochs += 1
            var track = Track(session: shard.session, epoch: epochs, highest: shard.contiguous ?? Int.min)
            track.contiguous = shard.contiguous
            track.finishedBefore = shard.finished
            track.pending = Dictionary(shard.pending.map { ($0.sequence, $0) }) { first, _ in first }
            track.isUncertain = !checkpoint.endedInOrder || shard.isUncertain
            tracks[shard.shard] = track
        }
    }

    /// The session's own file, written apart from the checkpoint, says that all of it is finished up to this number.
    mutating func finish(shard: Int, session: String, upTo sequence: Int) {
        guard let track = tracks[shard], track.session == session, track.highest < sequence else { return }
        changes += 1
        modify(shard) { track in
            track.contiguous = sequence
            track.highest = sequence
            track.pending = track.pending.filter { $0.key > sequence }
            track.dropFinished(below: sequence + 1)
        }
    }

    /// Takes over from a journal: what it has received Discord need not send again.
    mutating func adopt(_ numbers: JournalNumbers) {
        for (shard, entry) in numbers.shards {
            if let track = tracks[shard], track.session != entry.session || track.contiguous ?? 0 >= entry.sequence {
                continue
            }
            epochs += 1
            var track = Track(session: entry.session, epoch: epochs, highest: entry.sequence)
            track.contiguous = entry.sequence
            tracks[shard] = track
        }
    }

    /// Looks up a dispatch and, unless it is a duplicate, takes it into the books. `id` of a new one follows by `name`.
    mutating func admit(shard: Int, session: String, sequence: Int, isResumed: Bool) -> Admission {
        if tracks[shard]?.session != session { begin(shard: shard, session: session) }
        guard sequence > tracks[shard]?.highest ?? Int.min else { return .duplicate }
        changes += 1
        return modify(shard) { track -> Admission in
            track.highest = sequence
            track.window.append(Entry(sequence: sequence, id: 0))
            let position = Position(shard: shard, epoch: track.epoch, index: track.base + track.window.count - 1)
            if var pending = track.pending.removeValue(forKey: sequence) {
                // It may have been delivered after the checkpoint was written.
                if track.isUncertain { pending.wasDelivered = true }
                track.window[track.window.count - 1].id = pending.id.rawValue
                track.remember(position.index)
                return .replayed(position, pending)
            }
            if let range = track.finishedBefore.first, range.upperBound < sequence {
                track.dropFinished(below: sequence)
            }
            if track.finishedBefore.first?.contains(sequence) ?? false {
                track.finish(position.index)
                return .finishedBefore
            }
            // The replay ends with a RESUMED of its own; one of an earlier resume is replayed with the rest, and is known.
            if isResumed { track.isUncertain = false }
            return .new(position, mayBeRepeated: track.isUncertain)
        } ?? Admission.duplicate
    }

    /// Looks up a dispatch that the journal takes over from a queue in memory; nil if this ledger has nothing to say of it.
    mutating func admitReplay(of dispatch: Dispatch) -> Admission? {
        guard !tracks.isEmpty, let track = tracks[dispatch.shard] else { return nil }
        guard track.session == dispatch.session, !(track.pending.isEmpty && track.finishedBefore.isEmpty) else {
            tracks[dispatch.shard] = nil
            return nil
        }
        let admission = admit(
            shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence,
            isResumed: dispatch.type == "RESUMED")
        switch admission {
        case .new(let position, _), .replayed(let position, _): finish(position)
        case .duplicate, .finishedBefore: break
        }
        return admission
    }

    /// Says which id a new dispatch got.
    mutating func name(_ position: Position, _ id: EventID) {
        modify(position) { $0.window[position.index - $0.base].id = id.rawValue }
    }

    /// A worker sees the event, so that from now on its id must be remembered.
    mutating func remember(_ position: Position) {
        changes += 1
        modify(position) { $0.remember(position.index) }
    }

    mutating func finish(_ position: Position) {
        changes += 1
        modify(position) { $0.finish(position.index) }
    }

    /// A worker that outlived the last process says that it finished this event, which has not been replayed yet.
    mutating func finishPending(_ id: EventID) -> Bool {
        for (shard, track) in tracks {
            guard let sequence = track.pending.first(where: { $0.value.id == id })?.key else { continue }
            changes += 1
            modify(shard) { track in
                track.pending[sequence] = nil
                let position =
                    track.finishedBefore.firstIndex { $0.lowerBound > sequence } ?? track.finishedBefore.endIndex
                track.finishedBefore.insert(sequence...sequence, at: position)
            }
            return true
        }
        return false
    }

    /// Replaces the shard's session if it is another one; what was to be replayed of the old one is lost.
    mutating func begin(shard: Int, session: String) {
        if let old = tracks[shard] {
            guard old.session != session else { return }
            if let from = old.pending.values.map(\.receivedAt).min(),
                let to = old.pending.values.map(\.receivedAt).max()
            {
                losses.append(Loss(shard: shard, count: old.pending.count, from: from, to: to))
            }
        }
        epochs += 1
        changes += 1
        tracks[shard] = Track(session: session, epoch: epochs, highest: Int.min)
    }

    /// The sequence number that nothing up to can be lost any more; nil if there is none or the session is not known.
    func durableSequence(shard: Int, session: String) -> Int? {
        guard let track = tracks[shard], track.session == session else { return nil }
        return track.contiguous
    }

    mutating func takeLosses() -> [Loss] {
        defer { losses = [] }
        return losses
    }

    /// What the next process must know of each shard. `describe` gives an unfinished event's state by its id.
    func checkpoint(describe: (_ sequence: Int, _ id: EventID) -> QueueCheckpoint.Pending?) -> [QueueCheckpoint.Shard] {
        tracks.sorted { $0.key < $1.key }.map { shard, track in
            var finished = track.finishedBefore
            var pending = track.pending.values.sorted { $0.sequence < $1.sequence }
            // What was replayed already comes before what was not, in numbers too.
            var replayed: [QueueCheckpoint.Pending] = []
            var run: ClosedRange<Int>?
            var ranges: [ClosedRange<Int>] = []
            let entries = track.window.prefix(max(0, track.rememberedEnd - track.base))
            let namesAll = entries.count { !$0.isDone && !$0.isRemembered } <= Self.maximumUnseen
            for entry in entries {
                if entry.isDone {
                    run = (run?.lowerBound ?? entry.sequence)...entry.sequence
                } else {
                    if let run { ranges.append(run) }
                    run = nil
                    guard namesAll || entry.isRemembered else { continue }
                    if let state = describe(entry.sequence, EventID(entry.id)) { replayed.append(state) }
                }
            }
            if let run { ranges.append(run) }
            finished.removeAll { $0.upperBound <= track.highest }
            if let first = finished.first, first.lowerBound <= track.highest {
                finished[0] = (track.highest + 1)...first.upperBound
            }
            pending = replayed + pending
            return QueueCheckpoint.Shard(
                shard: shard, session: track.session, contiguous: track.contiguous, finished: ranges + finished,
                pending: pending, isUncertain: track.isUncertain)
        }
    }

    @discardableResult
    private mutating func modify<Result>(_ shard: Int, _ body: (inout Track) -> Result) -> Result? {
        guard let index = tracks.index(forKey: shard) else { return nil }
        return body(&tracks.values[index])
    }

    private mutating func modify(_ position: Position, _ body: (inout Track) -> Void) {
        modify(position.shard) { track in
            if track.epoch == position.epoch, position.index >= track.base { body(&track) }
        }
    }
}
