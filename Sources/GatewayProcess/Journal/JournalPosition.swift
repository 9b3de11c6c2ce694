/// One event's place in the journal. It stays when the segment is rewritten.
struct JournalPosition: Hashable, Comparable, Sendable {
    let segment: UInt32
    /// Number of the record in its segment.
    let index: UInt16

    static func < (left: Self, right: Self) -> Bool {
        (left.segment, left.index) < (right.segment, right.index)
    }
}

/// What the journal knows of an event beside its record, one byte each, in the room set aside at a segment's beginning.
struct JournalMark: OptionSet, Sendable {
    let rawValue: UInt8

    /// A worker has, or may have, seen it.
    static let delivered = Self(rawValue: 1)
    /// Finished: the record counts no more.
    static let done = Self(rawValue: 2)
}
