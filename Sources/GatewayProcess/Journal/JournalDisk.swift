internal import NIOCore

/// Why the disk did not do as it was told.
enum DiskFailure: Error, Equatable, CustomStringConvertible {
    /// No room: of the file system, of a quota, or of a file.
    case full
    case failed(String)

    var description: String {
        switch self {
        case .full: "there is no room on the disk"
        case .failed(let reason): reason
        }
    }
}

/// The journal's files as the journal needs them: numbered segments, written at offsets that it chooses.
///
/// What a process has written outlives it. What is to outlive the machine must be `sync`ed; `create`, a durable `replace` and
/// nothing else are so by themselves. A removed segment may come back after a loss of power.
protocol JournalDisk {
    /// The segments that are there, ascending.
    mutating func segments() throws(DiskFailure) -> [UInt32]

    /// Size of a segment in bytes.
    mutating func size(of segment: UInt32) throws(DiskFailure) -> Int

    /// Makes a segment of so many zero bytes whose room is set aside: writing into them never meets a full disk. What stands behind
    /// them until it is written over may be anything.
    mutating func create(_ segment: UInt32, reserving bytes: Int, isDurable: Bool) throws(DiskFailure)

    /// Writes all bytes, or throws; some may have been written then.
    mutating func write(_ bytes: ByteBuffer, to segment: UInt32, at offset: Int) throws(DiskFailure)

    /// Reads so many bytes, fewer at the segment's end.
    mutating func read(_ segment: UInt32, at offset: Int, count: Int) throws(DiskFailure) -> ByteBuffer

    /// Cuts a segment off.
    mutating func truncate(_ segment: UInt32, to bytes: Int) throws(DiskFailure)

    /// Returns once everything written to the segment outlives a loss of power.
    mutating func sync(_ segment: UInt32) throws(DiskFailure)

    /// Replaces a segment whole: after a crash the old one is there or the new one.
    mutating func replace(_ segment: UInt32, with bytes: ByteBuffer, isDurable: Bool) throws(DiskFailure)

    mutating func remove(_ segment: UInt32) throws(DiskFailure)

    /// Whether there is room for so many bytes more.
    mutating func hasRoom(for bytes: Int) -> Bool

    /// Whether a removed segment is kept, to make the next one of it.
    var hasSpare: Bool { get }

    /// Lets go of it.
    mutating func dropSpare()
}

/// A disk that keeps none.
extension JournalDisk {
    var hasSpare: Bool { false }

    mutating func dropSpare() {}
}
