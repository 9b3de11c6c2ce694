internal import NIOCore
internal import Shared

/// What happens to events that the journal has: marks beside their records, and notes behind them.
extension Journal {
    mutating func mark(_ position: JournalPosition, _ mark: JournalMark) {
        guard let place = place(of: position.segment), !Mutation.applies(.forgetDeliveries) else { return }
        let wasClean = segments[place].dirty == nil
        segments[place].mark(Int(position.index), mark)
        if wasClean, segments[place].dirty != nil { dirtySegments.insert(position.segment) }
    }

    func marks(of position: JournalPosition) -> JournalMark {
        guard let place = place(of: position.segment), Int(position.index) < segments[place].count else {
            return [.delivered, .done]
        }
        return segments[place].marks[Int(position.index)]
    }

    /// The event is finished. `stride`: what its record takes.
    mutating func finish(_ position: JournalPosition, stride: Int) {
        guard let place = place(of: position.segment) else { return }
        let wasClean = segments[place].dirty == nil
        guard segments[place].finish(Int(position.index), stride: stride) else { return }
        if wasClean { dirtySegments.insert(position.segment) }
        if !notes.isEmpty { notes[position] = nil }
    }

    /// Writes all marks that are not written. What fails is tried again the next time.
    mutating func writeMarks() throws(DiskFailure) {
        guard !dirtySegments.isEmpty else { return }
        var removable = false
        // In order, so that a simulation does the same again.
        while let number = dirtySegments.min() {
            guard let place = place(of: number), let (offset, bytes) = segments[place].unwrittenMarks else {
                dirtySegments.remove(number)
                continue
            }
            try disk.write(bytes, to: number, at: offset)
            segments[place].marksWritten()
            if settings.isDurable { unsynced.insert(number) }
            if segments[place].isSealed, segments[place].live == 0 { removable = true }
            dirtySegments.remove(number)
        }
        if removable { removeFinished() }
    }

    /// Writes down what has happened to an event.
    mutating func write(_ note: JournalNote, about position: JournalPosition) throws(DiskFailure) {
        guard let place = place(of: position.segment) else { return }
        if hasTornTail, place == segments.count - 1 { try cutTornTail() }
        let isAtEnd = isCursorAtEnd
        var record = ByteBuffer()
        record.writeRecord(note, about: position.index, index: 0, seed: segments[place].header.seed)
        let bytes = record.readableBytes
        record.writeEndMark()
        do {
            try disk.write(record, to: position.segment, at: segments[place].end)
        } catch {
            try? disk.truncate(position.segment, to: segments[place].end)
            throw error
        }
        segments[place].end += bytes
        if settings.isDurable { unsynced.insert(position.segment) }
        if isAtEnd { moveCursorToEnd() }
    }
}
