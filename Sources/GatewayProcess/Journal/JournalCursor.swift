internal import NIOCore
internal import Shared

/// Up to where events were taken from the journal into memory. What is behind it is finished, in memory, or named by its
/// key's list; what is ahead of it costs no memory at all.
struct JournalCursor: Equatable {
    var segment: UInt32
    /// The next event.
    var index: Int
    /// Where the next record begins.
    var offset: Int
}

/// An unfinished event read back from the journal.
struct LoadedEvent {
    let position: JournalPosition
    let stride: Int
    let event: JournaledEvent
    let wasDelivered: Bool
    let note: JournalNote?
}

extension Journal {
    /// Whether the cursor has reached what will be written next.
    var isCursorAtEnd: Bool {
        guard let last = segments.last else { return true }
        return cursor.segment == last.number && cursor.offset == last.end
    }

    mutating func moveCursorToEnd() {
        guard let last = segments.last else { return }
        cursor = JournalCursor(segment: last.number, index: last.count, offset: last.end)
    }

    mutating func moveCursorToBeginning() {
        guard let first = segments.first else { return }
        cursor = JournalCursor(segment: first.number, index: 0, offset: first.header.recordsOffset)
    }

    /// Whether an event stands ahead of the cursor.
    func isAhead(_ position: JournalPosition) -> Bool {
        position.segment > cursor.segment || position.segment == cursor.segment && Int(position.index) >= cursor.index
    }

    /// Reads on at the cursor, about so many bytes, and moves it.
    /// - Returns: the unfinished events there. None need not mean that there is nothing more.
    mutating func readOn(_ bytes: Int) throws(DiskFailure) -> [LoadedEvent] {
        guard let place = place(of: cursor.segment) else {
            moveCursor(behind: cursor.segment)
            return []
        }
        let end = readableEnd(of: place)
        guard cursor.offset < end else {
            if place < segments.count - 1 {
                noteDamage(before: segments[place].count, in: place)
                moveCursor(behind: cursor.segment)
            }
            return []
        }
        var wanted = min(bytes, end - cursor.offset)
        while true {
            let chunk = try disk.read(cursor.segment, at: cursor.offset, count: wanted)
            var loaded: [LoadedEvent] = []
            let read = scan(chunk, of: place, until: end, &loaded)
            if read > 0 { return loaded }
            guard wanted < end - cursor.offset else {
                // Nothing readable is left.
                cursor.offset = end
                return loaded
            }
            wanted = min(wanted * 8, end - cursor.offset)
        }
    }

    /// Whether `readOn` would bring something.
    var hasMore: Bool {
        // Looked at in place, which does not copy the journal.
        mutating get {
            guard let place = place(of: cursor.segment) else { return !isCursorAtEnd }
            return place < segments.count - 1 || cursor.offset < readableEnd(of: place)
        }
    }

    /// What is not synced yet, where that is asked for, does not count as received.
    private func readableEnd(of place: Int) -> Int {
        guard settings.isDurable, place == segments.count - 1, let syncPoint else { return segments[place].end }
        return min(syncPoint.end, segments[place].end)
    }

    private mutating func moveCursor(behind segment: UInt32) {
        if let next = segments.first(where: { $0.number > segment }) {
            cursor = JournalCursor(segment: next.number, index: 0, offset: next.header.recordsOffset)
        } else {
            moveCursorToEnd()
        }
        removeFinished()
    }

    /// Takes whole records from a chunk that begins at the cursor.
    /// - Returns: how many bytes of it were done with.
    private mutating func scan(
        _ chunk: ByteBuffer, of place: Int, until end: Int, _ loaded: inout [LoadedEvent]
    ) -> Int {
        let number = segments[place].number
        let base = cursor.offset
        var offset = 0
        let seed = segments[place].header.seed
        while offset < chunk.readableBytes {
            let finding = chunk.withUnsafeReadableBytes { JournalRecord.find(in: $0, at: offset, seed: seed) }
            switch finding {
            case .incomplete where base + chunk.readableBytes < end:
                cursor.offset = base + offset
                return offset
            case .incomplete, .damaged:
                // Whatever was here is lost; what follows may not be.
                offset += JournalRecord.alignment
            case .record(let head):
                // A record whose number is beyond what restoring found is no event's, whatever its checksum says.
                if head.kind == .event, Int(head.index) < segments[place].count {
                    noteDamage(before: Int(head.index), in: place)
                    note(offset: base + offset, of: Int(head.index), in: place)
                    cursor.index = Int(head.index) + 1
                    let position = JournalPosition(segment: number, index: head.index)
                    if let event = load(position, from: chunk, at: offset, head) { loaded.append(event) }
                }
                offset += head.stride
            }
        }
        cursor.offset = base + min(offset, chunk.readableBytes)
        return offset
    }

    /// Takes the places of unfinished events that were to be found on the way here, but were damaged.
    mutating func takeDamaged() -> [JournalPosition] {
        defer { damaged = [] }
        return damaged
    }

    private mutating func noteDamage(before index: Int, in place: Int) {
        guard index > cursor.index else { return }
        for missing in cursor.index..<min(index, segments[place].count)
        where !segments[place].marks[missing].contains(.done) {
            damaged.append(JournalPosition(segment: segments[place].number, index: UInt16(missing)))
        }
    }

    /// Remembers where an event begins, if all before it are known.
    private mutating func note(offset: Int, of index: Int, in place: Int) {
        while segments[place].offsets.count < index { segments[place].offsets.append(0) }
        if segments[place].offsets.count == index { segments[place].offsets.append(UInt32(offset)) }
    }

    /// The unfinished event that begins there.
    mutating func load(
        _ position: JournalPosition, from chunk: ByteBuffer, at offset: Int, _ head: JournalRecord.Head
    ) -> LoadedEvent? {
        let marks = marks(of: position)
        guard !marks.contains(.done), let event = JournaledEvent(in: chunk, at: offset, length: head.length) else {
            return nil
        }
        return LoadedEvent(
            position: position, stride: head.stride, event: event, wasDelivered: marks.contains(.delivered),
            note: notes.isEmpty ? nil : notes[position])
    }

    // MARK: Single events

    /// Reads one unfinished event; nil if it is finished or cannot be read.
    mutating func load(_ position: JournalPosition) throws(DiskFailure) -> LoadedEvent? {
        guard let offset = try offset(of: position), let place = place(of: position.segment) else { return nil }
        let seed = segments[place].header.seed
        var size = 4096
        while true {
            let chunk = try disk.read(position.segment, at: offset, count: size)
            switch chunk.withUnsafeReadableBytes({ JournalRecord.find(in: $0, at: 0, seed: seed) }) {
            case .record(let head):
                guard head.kind == .event, head.index == position.index else { return nil }
                return load(position, from: chunk, at: 0, head)
            case .incomplete(let length) where length > size: size = length
            case .incomplete, .damaged: return nil
            }
        }
    }

    /// Reads events wherever they are; neighbours with one read.
    /// - Parameter sizes: an upper bound of each record's size.
    /// - Returns: in the order of `positions`; nil for what is finished or cannot be read.
    mutating func read(_ positions: [(position: JournalPosition, size: Int)]) throws(DiskFailure) -> [JournaledEvent?] {
        var found: [JournaledEvent?] = Array(repeating: nil, count: positions.count)
        var spans: [(request: Int, offset: Int, end: Int)] = []
        for (request, wanted) in positions.enumerated() {
            guard let offset = try offset(of: wanted.position) else { continue }
            spans.append((request, offset, offset + wanted.size))
        }
        spans.sort { positions[$0.request].position < positions[$1.request].position }
        var first = 0
        while first < spans.count {
            let segment = positions[spans[first].request].position.segment
            var last = first
            var end = spans[first].end
            while last + 1 < spans.count, positions[spans[last + 1].request].position.segment == segment,
                spans[last + 1].offset - end < Self.gapBytes, spans[last + 1].end - spans[first].offset < Self.spanBytes
            {
                last += 1
                end = max(end, spans[last].end)
            }
            try read(spans[first...last], until: end, of: segment, positions, &found)
            first = last + 1
        }
        return found
    }

    /// Rather read so much in vain than read twice.
    private static var gapBytes: Int { 16 << 10 }
    private static var spanBytes: Int { 1 << 20 }

    private mutating func read(
        _ spans: ArraySlice<(request: Int, offset: Int, end: Int)>, until end: Int, of segment: UInt32,
        _ positions: [(position: JournalPosition, size: Int)], _ found: inout [JournaledEvent?]
    ) throws(DiskFailure) {
        guard let place = place(of: segment), let base = spans.first?.offset else { return }
        let chunk = try disk.read(segment, at: base, count: end - base)
        let seed = segments[place].header.seed
        for span in spans {
            let at = span.offset - base
            guard
                case .record(let head) = chunk.withUnsafeReadableBytes({
                    JournalRecord.find(in: $0, at: at, seed: seed)
                }), head.kind == .event, head.index == positions[span.request].position.index
            else { continue }
            found[span.request] = JournaledEvent(in: chunk, at: at, length: head.length)
        }
    }

    /// Where an event's record begins; nil if it is gone.
    private mutating func offset(of position: JournalPosition) throws(DiskFailure) -> Int? {
        guard let place = place(of: position.segment) else { return nil }
        if segments[place].offsets.count <= Int(position.index) { try findOffsets(in: place) }
        guard Int(position.index) < segments[place].offsets.count else { return nil }
        let offset = Int(segments[place].offsets[Int(position.index)])
        return offset == 0 ? nil : offset
    }

    /// Walks through a segment to learn where its events begin.
    private mutating func findOffsets(in place: Int) throws(DiskFailure) {
        let segment = segments[place]
        let base = segment.header.recordsOffset
        let records = try disk.read(segment.number, at: base, count: segment.end - base)
        var offsets = [UInt32](repeating: 0, count: segment.count)
        JournalWalk.walk(records, seed: segment.header.seed) { head, offset in
            if head.kind == .event, Int(head.index) < offsets.count {
                offsets[Int(head.index)] = UInt32(base + offset)
            }
        }
        segments[place].offsets = offsets
    }
}

/// Passes over the records of a segment, also over what cannot be read between them.
enum JournalWalk {
    /// - Returns: behind the last readable record, and how many bytes before that could not be read.
    @discardableResult
    static func walk(
        _ records: ByteBuffer, seed: UInt64, stopsAtDamage: Bool = false,
        _ body: (JournalRecord.Head, _ offset: Int) -> Void
    ) -> (end: Int, damaged: Int) {
        records.withUnsafeReadableBytes { bytes in
            var offset = 0
            var end = 0
            var damaged = 0
            while offset < bytes.count {
                guard case .record(let head) = JournalRecord.find(in: bytes, at: offset, seed: seed) else {
                    if stopsAtDamage { break }
                    offset += JournalRecord.alignment
                    continue
                }
                damaged += offset - end
                body(head, offset)
                offset += head.stride
                end = offset
            }
            return (end, damaged)
        }
    }
}
