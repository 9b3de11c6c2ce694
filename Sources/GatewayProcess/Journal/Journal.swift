internal import NIOCore
internal import Shared

/// The journal: every event that was received and is not finished, in segment files, and how far sessions were received.
///
/// Events are appended, many with one write. Beside the records a segment has room, set aside when it is made, for one byte of marks
/// an event (delivered, done), so that finishing events never needs room on the disk. What happens to an event that outlives
/// its delivery (failures, deferral) is appended to *its own* segment as a note. So no segment needs another one to be
/// understood: one whose events are all finished is deleted, one that is mostly finished is rewritten without what is, and places of events
/// (`JournalPosition`) stay what they are. How far sessions were received stands whole at the beginning of each segment.
///
/// A segment may be made of one that was deleted, and then has that one's records behind its end, whose checksums are of another seed.
/// So that a whole end is told from a torn one, zeros are written behind it with each write.
///
/// It reads no clock and opens no file of its own: the disk is passed in.
struct Journal<Disk: JournalDisk> {
    struct Settings: Sendable {
        /// A segment is sealed at this size.
        var segmentBytes = 8 << 20
        /// Most events of a segment.
        var markCapacity = 16_384
        /// Whether what counts as received outlives a loss of power.
        var isDurable = false
    }

    var disk: Disk
    let settings: Settings
    let identity: UUIDBytes
    let boot: UUIDBytes
    /// Ascending; the last one is appended to.
    var segments: [JournalSegment] = []
    /// How far sessions were received, as far as it is written.
    var numbers: JournalNumbers
    /// How far they were received with what is about to be written.
    var stagedNumbers: JournalNumbers
    /// Of unfinished events, as the last process left them. What is read only to be named by its key is read again.
    var notes: [JournalPosition: JournalNote] = [:]
    var cursor = JournalCursor(segment: 0, index: 0, offset: 0)
    /// Unfinished events that the cursor passed and could not read.
    var damaged: [JournalPosition] = []
    /// Written and not synced.
    var unsynced: Set<UInt32> = []
    /// What a sync that is under way covers. A file that goes before it is done could come back without what it was to cover,
    /// because that it is gone is not synced either.
    var syncing: Set<UInt32> = []
    /// Up to where the last segment outlives a loss of power, if that is asked for.
    var syncPoint: JournalSyncPoint?
    /// With marks that are not written.
    var dirtySegments: Set<UInt32> = []
    var seeds: SeedSource

    /// Records about to be written, and where each event's begins.
    private var staging = ByteBuffer()
    private var stagedOffsets: [(offset: Int, stride: Int)] = []
    /// How far a shard was received with the events staged last; it goes into `stagedNumbers` when those of another shard follow.
    private var stagedRun: (shard: Int, entry: JournalNumbers.Entry)?
    /// Shards of which the last dispatch received leaves no event.
    private var numbersOnly: Set<Int> = []
    /// What a failed write may have left behind the last segment's end.
    var hasTornTail = false
    /// Finished events of a deleted segment, of which the last one was made, stand behind its end.
    var hasRemains = false
    /// When such, or a spare segment, were first noticed, in microseconds since 1970.
    var remainsSince: Int64?

    /// A journal on these files; `open` it before anything else.
    /// - Parameter boot: which run of the machine this is.
    init(disk: Disk, settings: Settings, identity: UUIDBytes, boot: UUIDBytes, seeds: SeedSource) {
        self.disk = disk
        self.settings = settings
        self.identity = identity
        self.boot = boot
        numbers = JournalNumbers(lastID: EventID(0), isWhole: true, shards: [:])
        stagedNumbers = numbers
        self.seeds = seeds
    }

    // MARK: Receiving

    /// Whether this dispatch was not received before.
    func isNew(shard: Int, session: String, sequence: Int) -> Bool {
        if let run = stagedRun, run.shard == shard, run.entry.session == session {
            return sequence > run.entry.sequence || Mutation.applies(.takeReplays)
        }
        guard let known = stagedNumbers.shards[shard], known.session == session else { return true }
        return sequence > known.sequence || Mutation.applies(.takeReplays)
    }

    /// How far a session was received; nil if it is not known.
    func sequence(shard: Int, session: String) -> Int? {
        numbers.shards[shard].flatMap { $0.session == session ? $0.sequence : nil }
    }

    /// Makes sure that so many events fit into the present segment; at most `Settings.markCapacity`.
    mutating func prepare(for count: Int) throws(DiskFailure) {
        if hasTornTail { try cutTornTail() }
        guard let active = segments.last, !active.isSealed, active.recordBytes < settings.segmentBytes,
            active.count + count <= active.header.markCapacity
        else { return try rotate() }
    }

    /// Adds a dispatch to what `commit` writes, as an event.
    /// - Returns: its place and what its record takes there.
    mutating func stage(_ dispatch: Dispatch, id: EventID) -> (position: JournalPosition, stride: Int) {
        let place = stage(id) { $0.writeRecord(dispatch, id: id, index: $1, seed: $2) }
        if stagedRun?.shard == dispatch.shard, stagedRun?.entry.session == dispatch.session {
            stagedRun?.entry.sequence = dispatch.sequence
        } else {
            endRun()
            stagedRun = (dispatch.shard, .init(session: dispatch.session, sequence: dispatch.sequence))
        }
        if !numbersOnly.isEmpty { numbersOnly.remove(dispatch.shard) }
        return place
    }

    /// Adds a retried dead letter, which has the numbers of an event long gone.
    mutating func stage(retry event: JournaledEvent) -> (position: JournalPosition, stride: Int) {
        stage(event.id) { $0.writeRecord(event, index: $1, seed: $2) }
    }

    @inline(__always)
    private mutating func stage(
        _ id: EventID, _ write: (inout ByteBuffer, _ index: UInt16, _ seed: UInt64) -> Void
    ) -> (position: JournalPosition, stride: Int) {
        let last = segments.count - 1
        let index = UInt16(segments[last].count + stagedOffsets.count)
        let start = staging.writerIndex
        write(&staging, index, segments[last].header.seed)
        let stride = staging.writerIndex - start
        stagedOffsets.append((segments[last].end + start, stride))
        stagedNumbers.lastID = max(stagedNumbers.lastID, id)
        return (JournalPosition(segment: segments[last].number, index: index), stride)
    }

    private mutating func endRun() {
        guard let run = stagedRun else { return }
        stagedNumbers.shards[run.shard] = run.entry
        stagedRun = nil
    }

    /// A dispatch was received that leaves no event.
    mutating func stageNumber(shard: Int, session: String, sequence: Int) {
        endRun()
        stagedNumbers.shards[shard] = .init(session: session, sequence: sequence)
        numbersOnly.insert(shard)
    }

    /// Writes what was staged. If that fails, nothing of it was received.
    ///
    /// - Parameters:
    ///   - wall: microseconds since 1970.
    ///   - isTaken: it comes into memory now, so that a cursor that is at the end stays there.
    mutating func commit(wall: Int64, isTaken: Bool) throws(DiskFailure) {
        endRun()
        let last = segments.count - 1
        if !numbersOnly.isEmpty {
            var rest = stagedNumbers
            rest.isWhole = false
            rest.shards = rest.shards.filter { numbersOnly.contains($0.key) }
            staging.writeRecord(rest, index: 0, seed: segments[last].header.seed)
        }
        defer {
            staging.clear(minimumCapacity: 0)
            if staging.capacity > Self.keptStagingBytes { staging = ByteBuffer() }
            stagedOffsets.removeAll(keepingCapacity: true)
            numbersOnly.removeAll(keepingCapacity: true)
        }
        let bytes = staging.readableBytes
        guard bytes > 0 else { return }
        let staysAtEnd = isTaken && isCursorAtEnd
        staging.writeEndMark()
        do {
            if !Mutation.applies(.queueUnwritten) {
                try disk.write(staging, to: segments[last].number, at: segments[last].end)
            }
        } catch {
            stagedNumbers = numbers
            hasTornTail = true
            throw error
        }
        numbers = stagedNumbers
        let tracksOffsets = segments[last].offsets.count == segments[last].count
        for (offset, stride) in stagedOffsets {
            segments[last].append(stride: stride)
            if tracksOffsets { segments[last].offsets.append(UInt32(offset)) }
        }
        if segments[last].beganAt == nil, !stagedOffsets.isEmpty { segments[last].beganAt = wall }
        segments[last].end += bytes
        if settings.isDurable { unsynced.insert(segments[last].number) }
        if staysAtEnd { moveCursorToEnd() }
    }

    private static var keptStagingBytes: Int { 2 << 20 }

    mutating func cutTornTail() throws(DiskFailure) {
        guard let active = segments.last else { return }
        try disk.truncate(active.number, to: active.end)
        hasTornTail = false
    }

    // MARK: Segments

    /// Seals the present segment and begins the next one, which names all numbers.
    mutating func rotate() throws(DiskFailure) {
        if hasTornTail { try cutTornTail() }
        // Also what a sync that is under way covers: the next segment names the numbers of all of it.
        if let last = segments.last, settings.isDurable {
            try disk.sync(last.number)
            unsynced.remove(last.number)
            syncPoint = presentPoint
        }
        let isAtEnd = isCursorAtEnd
        cutRemains()
        let isReused = disk.hasSpare
        let number = (segments.last?.number ?? 0) + 1
        let header = JournalHeader(
            segment: number, markCapacity: settings.markCapacity, seed: seeds.next(), journal: identity, boot: boot)
        do {
            // What an interrupted making left.
            if try disk.segments().contains(number) { try disk.remove(number) }
            try disk.create(
                number, reserving: header.recordsOffset + JournalRecord.endMarkBytes, isDurable: settings.isDurable)
            var first = ByteBuffer()
            var whole = numbers
            whole.isWhole = true
            first.writeRecord(whole, index: 0, seed: header.seed)
            let firstBytes = first.readableBytes
            first.writeEndMark()
            try disk.write(header.encoded, to: number, at: 0)
            try disk.write(first, to: number, at: header.recordsOffset)
            if settings.isDurable { try disk.sync(number) }
            if let last = segments.indices.last {
                segments[last].isSealed = true
                // Those ahead of the cursor are read in order; the places of single events are learnt when one is needed.
                if cursor.segment < segments[last].number { segments[last].offsets = [] }
            }
            segments.append(JournalSegment(header: header, end: header.recordsOffset + firstBytes))
            hasRemains = isReused
            syncPoint = presentPoint
        } catch {
            try? disk.remove(number)
            throw error
        }
        if isAtEnd { moveCursorToEnd() }
        removeFinished()
    }

    /// Where a segment stands in `segments`; nil if it is gone.
    func place(of segment: UInt32) -> Int? {
        // Nearly always it is the last one.
        if let last = segments.last, last.number == segment { return segments.count - 1 }
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].number < segment { low = middle + 1 } else { high = middle }
        }
        return low < segments.count && segments[low].number == segment ? low : nil
    }

    /// Deletes sealed segments whose events are all finished. One that cannot be deleted is tried again.
    mutating func removeFinished() {
        // The last one has the numbers.
        let removed = segments.dropLast().filter { segment in
            segment.isSealed && segment.live <= (Mutation.applies(.deleteLiveSegment) ? 1 : 0)
                && segment.number != cursor.segment
                && !(settings.isDurable && (segment.dirty != nil || awaitsSync(segment.number)))
        }
        for segment in removed {
            // One that cannot be deleted is tried again with the next one.
            guard (try? disk.remove(segment.number)) != nil else { continue }
            segments.removeAll { $0.number == segment.number }
            unsynced.remove(segment.number)
            dirtySegments.remove(segment.number)
        }
    }

    private func awaitsSync(_ segment: UInt32) -> Bool { unsynced.contains(segment) || syncing.contains(segment) }

    // MARK: Looking

    /// Bytes that all segments take.
    var diskBytes: Int { segments.reduce(0) { $0 + $1.end } }
    var liveBytes: Int { segments.reduce(0) { $0 + $1.liveBytes } }
}

/// Where the seeds of segments come from: an argument, so that a simulation has the same ones again.
struct SeedSource {
    private var generator: any RandomNumberGenerator

    init(_ generator: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
        self.generator = generator
    }

    mutating func next() -> UInt64 { generator.next() }
}
