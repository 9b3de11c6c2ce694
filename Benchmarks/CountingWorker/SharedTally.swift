internal import Glibc

/// This process's place in the file in which all processes of a round keep their books, so that whoever measures can look
/// without asking. The layout is that of `struct tally` in Benchmarks/peers/common.h.
struct SharedTally {
    private struct Book {
        var events: UInt64 = 0
        var bytes: UInt64 = 0
        /// Sum of the mixed numbers: an event that came twice and one that never came do not cancel out.
        var checksum: UInt64 = 0
        var lowest: UInt64 = 0
        var highest: UInt64 = 0
        /// Events out of order, which single-keyed peers can tell.
        var disorder: UInt64 = 0
        var started = 0.0
        var ended = 0.0
    }

    private var book = Book()
    private let place: UnsafeMutableRawPointer

    /// Maps the file.
    /// - Parameter index: which place in it is this process's.
    init(path: String, index: Int) throws {
        let descriptor = open(path, O_RDWR)
        let size = (index + 1) * MemoryLayout<Book>.stride
        guard descriptor >= 0, lseek(descriptor, 0, SEEK_END) >= size,
            let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), start != MAP_FAILED
        else { throw ConnectionFailure(description: "\(path): cannot be mapped, or is too short") }
        close(descriptor)
        place = start + index * MemoryLayout<Book>.stride
    }

    /// Counts an event.
    /// - Parameter bytes: length of its `d`.
    mutating func add(number: Int, bytes: Int) {
        let number = UInt64(number)
        if book.events == 0 {
            book.started = Clock.monotonicSeconds
            book.lowest = number
        }
        book.lowest = min(book.lowest, number)
        book.highest = max(book.highest, number)
        book.events += 1
        book.bytes += UInt64(bytes)
        book.checksum &+= Self.mixed(number)
    }

    /// Shows what was counted so far; all of it is acknowledged.
    mutating func publish() {
        book.ended = Clock.monotonicSeconds
        place.storeBytes(of: book, as: Book.self)
    }

    /// SplitMix64's finalizer.
    private static func mixed(_ number: UInt64) -> UInt64 {
        var number = (number ^ number >> 30) &* 0xbf58_476d_1ce4_e5b9
        number = (number ^ number >> 27) &* 0x94d0_49bb_1331_11eb
        return number ^ number >> 31
    }
}
