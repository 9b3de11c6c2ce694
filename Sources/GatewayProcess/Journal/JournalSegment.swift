internal import NIOCore

/// What is known of one segment while the process runs.
struct JournalSegment {
    let header: JournalHeader
    /// Behind its last record: the file's size.
    var end: Int
    /// Events by index: what is known beside their records.
    private(set) var marks: [JournalMark] = []
    /// Where each event's record begins; 0 for one that a rewriting left out. Shorter than `marks` where nobody has needed it yet.
    var offsets: [UInt32] = []
    /// Events not finished, and what their records take.
    private(set) var live = 0
    private(set) var liveBytes = 0
    /// Nothing but notes is appended any more.
    var isSealed = false
    /// Marks that are not written yet.
    private(set) var dirty: Range<Int>?
    /// When its first event came, in microseconds since 1970.
    var beganAt: Int64?

    var number: UInt32 { header.segment }
    /// Events that it has, or had before a rewriting.
    var count: Int { marks.count }
    var recordBytes: Int { end - header.recordsOffset }
    /// What a rewriting would free, notes aside.
    var garbage: Int { recordBytes - liveBytes }

    init(header: JournalHeader, end: Int) {
        self.header = header
        self.end = end
    }

    /// A new event at the end.
    mutating func append(stride: Int, mark: JournalMark = []) {
        marks.append(mark)
        guard !mark.contains(.done) else { return }
        live += 1
        liveBytes += stride
    }

    /// An index that has no record any more.
    mutating func appendGone() {
        marks.append([.delivered, .done])
    }

    mutating func mark(_ index: Int, _ mark: JournalMark) {
        guard !marks[index].isSuperset(of: mark) else { return }
        marks[index].formUnion(mark)
        let own = index..<index + 1
        dirty = dirty.map { min($0.lowerBound, own.lowerBound)..<max($0.upperBound, own.upperBound) } ?? own
    }

    /// - Returns: whether it was unfinished.
    mutating func finish(_ index: Int, stride: Int) -> Bool {
        guard !marks[index].contains(.done) else { return false }
        mark(index, .done)
        live -= 1
        liveBytes = max(0, liveBytes - stride)
        return true
    }

    /// The marks to be written and where; nil if all are.
    var unwrittenMarks: (offset: Int, bytes: ByteBuffer)? {
        dirty.map { range in
            (JournalHeader.bytes + range.lowerBound, Self.bytes(of: marks[range]))
        }
    }

    mutating func marksWritten() { dirty = nil }

    /// All marks, as a rewritten file has them.
    var allMarks: ByteBuffer { Self.bytes(of: marks[...]) }

    /// A mark is one byte, in memory as on the disk.
    private static func bytes(of marks: ArraySlice<JournalMark>) -> ByteBuffer {
        marks.withUnsafeBytes { ByteBuffer(bytes: $0) }
    }

    /// Takes back what was appended last.
    mutating func cut(to count: Int, end: Int) {
        live -= marks[count...].count { !$0.contains(.done) }
        marks.removeLast(marks.count - count)
        if offsets.count > count { offsets.removeLast(offsets.count - count) }
        liveBytes = max(0, liveBytes - (self.end - end))
        self.end = end
        dirty = dirty.flatMap { $0.lowerBound < count ? $0.lowerBound..<min($0.upperBound, count) : nil }
    }

    /// A rewriting has left only what is live.
    mutating func rewritten(end: Int, offsets: [UInt32]) {
        self.end = end
        self.offsets = offsets
        liveBytes = min(liveBytes, end - header.recordsOffset)
        dirty = nil
    }
}
