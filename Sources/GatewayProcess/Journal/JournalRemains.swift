internal import NIOCore

/// What is left on the disk of finished events, in room that is to be written over: behind the end of the last segment, if that was made
/// of a deleted one, and in the spare segment.
extension Journal {
    /// Cuts it off the last segment, if it has any.
    mutating func cutRemains() {
        if hasRemains { cutEnd() }
    }

    /// Makes the last segment's file end where its records do.
    fileprivate mutating func cutEnd() {
        guard let active = segments.last else { return }
        hasRemains = false
        // What stays is known by its checksums.
        try? disk.truncate(active.number, to: active.end)
    }

    /// Lets go of all of it, if it has been there for long.
    /// - Parameter wall: microseconds since 1970.
    mutating func forgetRemains(wall: Int64) {
        guard hasRemains || disk.hasSpare else { return remainsSince = nil }
        guard let since = remainsSince else { return remainsSince = wall }
        guard wall - since > Self.longestStay else { return }
        cutRemains()
        disk.dropSpare()
        remainsSince = nil
    }
}

extension Journal<FileDisk> {
    /// Closes the files, as the next process is to find them.
    mutating func close() {
        cutEnd()
        disk.close()
    }
}

extension JournalRecord {
    /// Zeros that stand behind the last record, where the next one will be: no record begins with them.
    static let endMarkBytes = 8
}

extension ByteBuffer {
    mutating func writeEndMark() {
        writeRepeatingByte(0, count: JournalRecord.endMarkBytes)
    }

    /// Whether the records here end as they were meant to at this offset; otherwise a write was cut off there.
    func hasWholeEnd(at offset: Int) -> Bool {
        readableBytesView.dropFirst(offset).prefix(JournalRecord.endMarkBytes).allSatisfy { $0 == 0 }
    }
}
