internal import NIOCore
internal import Shared

/// What is finished leaves the disk: whole segments as soon as they hold nothing else, and parts of segments by rewriting them.
extension Journal {
    /// Finished events may take so much before segments are rewritten, so that queues that are worked off in order, whose oldest segments go as
    /// a whole soon, cause no rewriting.
    var toleratedGarbage: Int { max(2 * settings.segmentBytes, liveBytes / 2) }

    /// What was finished is off the disk, also in a segment with unfinished neighbours, after about twice this time.
    static var longestStay: Int64 { 5 * 60 * 1_000_000 }

    /// Rewrites or begins one segment if it is time; to be called again and again.
    ///
    /// - Parameter wall: microseconds since 1970.
    /// - Returns: whether anything was done.
    mutating func clean(wall: Int64) throws(DiskFailure) -> Bool {
        forgetRemains(wall: wall)
        if let active = segments.last, let began = active.beganAt, wall - began > Self.longestStay, active.garbage > 0 {
            // Only a sealed segment can be deleted or rewritten.
            try rotate()
            return true
        }
        guard let victim = victim(wall: wall) else { return false }
        try rewrite(victim)
        return true
    }

    /// The sealed segment with the least left in it, if there is too much garbage, or one whose garbage is too old.
    private func victim(wall: Int64) -> Int? {
        var garbage = 0
        var best: Int?
        for (place, segment) in segments.enumerated() where segment.isSealed && segment.live > 0 {
            let share = segment.garbage
            // Notes of unfinished events are garbage by this count; a little is left where it is.
            guard share > max(4096, segment.recordBytes / 64) else { continue }
            garbage += share
            if let began = segment.beganAt, wall - began > 2 * Self.longestStay { return place }
            guard share > segment.recordBytes / 2 else { continue }
            if best.map({ segments[$0].liveBytes > segment.liveBytes }) ?? true { best = place }
        }
        return garbage > toleratedGarbage ? best : nil
    }

    /// Writes a segment anew without what is finished. Places stay: a record keeps its number.
    private mutating func rewrite(_ place: Int) throws(DiskFailure) {
        let old = segments[place]
        let base = old.header.recordsOffset
        let records = try disk.read(old.number, at: base, count: old.end - base)
        var offsets = [UInt32](repeating: 0, count: old.count)
        var file = old.header.encoded
        file.writeImmutableBuffer(old.allMarks)
        file.writeRepeatingByte(0, count: old.header.markCapacity - old.count)
        var lastNotes: [UInt16: ByteBuffer] = [:]
        JournalWalk.walk(records, seed: old.header.seed) { head, offset in
            guard let record = records.getSlice(at: records.readerIndex + offset, length: head.stride) else { return }
            switch head.kind {
            case .event where Mutation.applies(.rewriteWithoutEvent) && file.writerIndex == base: break
            case .event where !old.marks[Int(head.index)].contains(.done):
                offsets[Int(head.index)] = UInt32(file.writerIndex)
                file.writeImmutableBuffer(record)
            case .event, .numbers: break
            case .note:
                let found = record.withUnsafeReadableBytes { JournalNote.read(in: $0, at: 0, length: head.length) }
                guard let (about, _) = found, !old.marks[Int(about)].contains(.done) else { return }
                lastNotes[about] = record
            }
        }
        for (_, note) in lastNotes.sorted(by: { $0.key < $1.key }) { file.writeImmutableBuffer(note) }
        try disk.replace(old.number, with: file, isDurable: settings.isDurable)
        if settings.isDurable { unsynced.remove(old.number) }
        segments[place].rewritten(end: file.writerIndex, offsets: offsets)
        segments[place].beganAt = nil
        if cursor.segment == old.number {
            let next = offsets[min(cursor.index, offsets.count)...].first { $0 != 0 }
            cursor.offset = next.map(Int.init) ?? file.writerIndex
        }
    }
}
