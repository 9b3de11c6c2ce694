internal import NIOCore
internal import Shared

/// What an earlier process left in the journal.
struct JournalContents {
    /// An event of which nothing is in memory.
    struct Waiting: Equatable {
        let position: JournalPosition
        let stride: Int
        let byteCount: Int
    }

    /// Unfinished events, and their bytes by the queue's own count.
    var depth = 0
    var bytes = 0
    /// They overtake everything, so they come into memory at once.
    var interactions: [LoadedEvent] = []
    /// Unfinished events that a worker has, or may have, seen.
    var delivered: [EventID: Waiting] = [:]
    /// Dead letters whose retry is under way.
    var retried: [EventID] = []
    /// Waiting events that may be shed, oldest first.
    var sheddable: [JournalPosition] = []
    /// What was cut off the end: the last writes of a process that was killed. None of it was received.
    var cutBytes = 0
    /// What could not be read in the middle.
    var damagedBytes = 0
    /// Events lost that way.
    var lostEvents = 0
    var isEmpty: Bool { depth == 0 }
}

/// A journal that this release does not understand. It is left as it is.
struct JournalForeign: Error, Equatable, CustomStringConvertible {
    let segment: UInt32
    let reason: String

    var description: String { "segment \(segment) of the journal cannot be read: \(reason)" }
}

/// Why the journal was not opened.
enum JournalOpening: Error, Equatable {
    case foreign(JournalForeign)
    case disk(DiskFailure)
}

extension Journal {
    /// Reads all segments, cuts torn ends off, and begins a new segment behind them.
    ///
    /// - Parameters:
    ///   - checkpoint: what the last process left beside it. A queue in memory has gone on without the journal.
    ///   - isSheddable: whether a dispatch of that name may be shed.
    mutating func open(
        after checkpoint: QueueCheckpoint? = nil, isSheddable: (String) -> Bool
    ) throws(JournalOpening) -> JournalContents {
        let headers = try readHeaders()
        var contents = JournalContents()
        for (place, header) in headers.enumerated() {
            try onDisk { journal throws(DiskFailure) in
                try journal.restore(header, isLast: place == headers.count - 1, isSheddable, &contents)
            }
        }
        if let checkpoint { numbers.adopt(checkpoint) }
        stagedNumbers = numbers
        moveCursorToBeginning()
        for place in segments.indices { segments[place].isSealed = true }
        try onDisk { journal throws(DiskFailure) in
            // A process that was killed may have left what was not synced, and from now on it counts.
            if journal.settings.isDurable {
                for segment in journal.segments { try journal.disk.sync(segment.number) }
            }
            // On a full disk what is there is delivered all the same, which makes room.
            do throws(DiskFailure) { try journal.rotate() } catch { guard error == .full else { throw error } }
            if contents.isEmpty { journal.moveCursorToEnd() }
            journal.removeFinished()
        }
        return contents
    }

    /// Nothing is touched before all headers are known to be ours.
    private mutating func readHeaders() throws(JournalOpening) -> [JournalHeader] {
        let numbers = try onDisk { journal throws(DiskFailure) in try journal.disk.segments() }
        var headers: [JournalHeader] = []
        var unfinished: [UInt32] = []
        for number in numbers {
            let bytes = try onDisk { journal throws(DiskFailure) in
                try journal.disk.read(number, at: 0, count: JournalHeader.bytes)
            }
            do throws(JournalHeader.Unreadable) {
                headers.append(try JournalHeader(reading: bytes, of: number))
            } catch {
                switch error {
                case .unfinished: unfinished.append(number)
                case .damaged where try isEmpty(number): unfinished.append(number)
                case .damaged: throw .foreign(JournalForeign(segment: number, reason: "its header is damaged"))
                case .foreign(let reason): throw .foreign(JournalForeign(segment: number, reason: reason))
                case .misnamed(let header) where isSpare(header, named: number): unfinished.append(number)
                case .misnamed(let header):
                    throw .foreign(
                        JournalForeign(segment: number, reason: "it calls itself segment \(header.segment)"))
                }
            }
        }
        for number in unfinished {
            try onDisk { journal throws(DiskFailure) in try journal.disk.remove(number) }
        }
        return headers
    }

    /// Whether the machine went down when a deleted segment had become that one, and only its name was on the disk.
    private func isSpare(_ header: JournalHeader, named number: UInt32) -> Bool {
        header.journal == identity && header.boot != boot && header.segment < number
    }

    /// Whether neither a mark nor a record was ever written behind a segment's header.
    private mutating func isEmpty(_ segment: UInt32) throws(JournalOpening) -> Bool {
        try onDisk { journal throws(DiskFailure) in
            let size = try journal.disk.size(of: segment)
            let rest = min(size - JournalHeader.bytes, journal.settings.markCapacity + JournalRecord.endMarkBytes)
            return try journal.disk.read(segment, at: JournalHeader.bytes, count: max(0, rest)).readableBytesView
                .allSatisfy { $0 == 0 }
        }
    }

    private mutating func onDisk<Value>(
        _ body: (inout Self) throws(DiskFailure) -> Value
    ) throws(JournalOpening) -> Value {
        do throws(DiskFailure) { return try body(&self) } catch { throw .disk(error) }
    }

    private mutating func restore(
        _ header: JournalHeader, isLast: Bool, _ isSheddable: (String) -> Bool, _ contents: inout JournalContents
    ) throws(DiskFailure) {
        let size = try disk.size(of: header.segment)
        let marks = try disk.read(header.segment, at: JournalHeader.bytes, count: header.markCapacity)
        let base = header.recordsOffset
        let records = try disk.read(header.segment, at: base, count: max(0, size - base))
        var segment = RestoredSegment(
            header: header, marks: marks, records: records, isOfThisBoot: header.boot == boot, base: base,
            numbers: numbers)
        // What follows a hole in the newest segment was written with it or after it, and does not count without it.
        let (end, damaged) = JournalWalk.walk(records, seed: header.seed, stopsAtDamage: isLast) { head, offset in
            segment.take(head, at: offset)
        }
        if base + end < size {
            try disk.truncate(header.segment, to: base + end)
            if !records.hasWholeEnd(at: end) { contents.cutBytes += size - base - end }
        }
        contents.damagedBytes += damaged
        contents.lostEvents += segment.missing
        apply(segment, end: base + end, isSheddable, &contents)
    }

    private mutating func apply(
        _ restored: RestoredSegment, end: Int, _ isSheddable: (String) -> Bool, _ contents: inout JournalContents
    ) {
        var segment = JournalSegment(header: restored.header, end: max(end, restored.base))
        for (index, entry) in restored.events.enumerated() {
            guard let entry, !entry.isDone else {
                segment.appendGone()
                continue
            }
            let event = entry.event
            let position = JournalPosition(segment: segment.number, index: UInt16(index))
            segment.append(stride: entry.stride, mark: entry.wasDelivered ? .delivered : [])
            contents.depth += 1
            contents.bytes += event.byteCount
            if entry.wasDelivered {
                contents.delivered[event.id] = .init(
                    position: position, stride: entry.stride, byteCount: event.byteCount)
            }
            if let retried = event.retryOf { contents.retried.append(retried) }
            if isSheddable(event.type) { contents.sheddable.append(position) }
            let note = restored.notes[UInt16(index)]
            if event.key.keyClass == .interaction {
                contents.interactions.append(
                    LoadedEvent(
                        position: position, stride: entry.stride, event: event.detached(),
                        wasDelivered: entry.wasDelivered, note: note))
            } else if let note {
                notes[position] = note
            }
        }
        if segment.live > 0 { segment.beganAt = restored.events.lazy.compactMap { $0?.event.receivedAt }.first }
        segments.append(segment)
        numbers = restored.numbers
    }
}

/// One segment's records while they are read back.
private struct RestoredSegment {
    struct Entry {
        let event: JournaledEvent
        let stride: Int
        let isDone: Bool
        let wasDelivered: Bool
    }

    let header: JournalHeader
    let marks: ByteBuffer
    let records: ByteBuffer
    /// After a restart of the machine nobody knows what workers have seen: marks may be lost.
    let isOfThisBoot: Bool
    let base: Int
    /// As they were before this segment, and then with it.
    var numbers: JournalNumbers
    var events: [Entry?] = []
    var notes: [UInt16: JournalNote] = [:]

    mutating func take(_ head: JournalRecord.Head, at offset: Int) {
        switch head.kind {
        case .event:
            guard let event = JournaledEvent(in: records, at: offset, length: head.length) else { return }
            while events.count < Int(head.index) { events.append(nil) }
            guard events.count == Int(head.index) else { return }
            let mark = marks.getInteger(at: marks.readerIndex + Int(head.index), as: UInt8.self) ?? 0
            let marks = JournalMark(rawValue: mark)
            events.append(
                Entry(
                    event: event, stride: head.stride, isDone: marks.contains(.done),
                    wasDelivered: marks.contains(.delivered) || !isOfThisBoot))
            numbers.apply(event)
        case .numbers:
            let found = records.withUnsafeReadableBytes { JournalNumbers(in: $0, at: offset, length: head.length) }
            if let found { numbers.apply(found) }
        case .note:
            let found = records.withUnsafeReadableBytes { JournalNote.read(in: $0, at: offset, length: head.length) }
            if let (about, note) = found { notes[about] = note }
        }
    }

    /// Events that have no record and are not marked done: they were damaged.
    var missing: Int {
        events.enumerated().count { index, entry in
            guard entry == nil else { return false }
            let mark = marks.getInteger(at: marks.readerIndex + index, as: UInt8.self) ?? 0
            return !JournalMark(rawValue: mark).contains(.done)
        }
    }
}

extension JournaledEvent {
    /// The same with memory of its own, so that it does not keep that of a whole segment.
    func detached() -> JournaledEvent {
        var copy = self
        copy.data = ByteBuffer(bytes: data.readableBytesView)
        return copy
    }
}
