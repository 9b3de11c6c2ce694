internal import Glibc
internal import NIOCore

/// Segments as files of one directory, `00000001.segment` and so on, for this user only.
struct FileDisk: JournalDisk {
    let directory: String
    /// Files that are open, by segment, and how long ago each was used.
    private var open: [UInt32: (descriptor: Int32, used: Int)] = [:]
    private var uses = 0

    /// The last segment removed, if it is kept: to have its pages and blocks freed and others found for the next one takes a tenth of
    /// all that an event costs.
    private var spare: Int32?
    private let keepsSpare: Bool

    /// Segments that are open at once; a backlog may have hundreds.
    private static let maximumOpen = 64
    private static let suffix = ".segment"
    private static let temporarySuffix = ".new"

    /// Makes the directory if it is missing.
    /// - Parameter keepsSpare: whether a removed segment may become the next one. It must not where what is written is to outlive a
    ///   loss of power, after which its old contents could be there again.
    init(directory: String, keepsSpare: Bool = false) throws(FileFailure) {
        try StateFile.makeDirectory(directory)
        self.directory = directory
        self.keepsSpare = keepsSpare
        unlink(sparePath)
    }

    /// Closes all files.
    mutating func close() {
        dropSpare()
        for (descriptor, _) in open.values { Glibc.close(descriptor) }
        open = [:]
    }

    /// Bytes that are free, and all, of the file system that the directory is on; nil if that is not known.
    var room: (free: Int, all: Int)? {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return nil }
        return (Int(status.f_bavail) * Int(status.f_frsize), Int(status.f_blocks) * Int(status.f_frsize))
    }

    // MARK: Segments

    mutating func segments() throws(DiskFailure) -> [UInt32] {
        guard let stream = opendir(directory) else { throw failure("read", directory) }
        defer { closedir(stream) }
        var numbers: [UInt32] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(Self.suffix), let number = UInt32(name.dropLast(Self.suffix.count), radix: 16) {
                numbers.append(number)
            } else if name.hasSuffix(Self.temporarySuffix) {
                // A rewriting that was cut short; the segment itself is whole.
                unlink("\(directory)/\(name)")
            }
        }
        return numbers.sorted()
    }

    mutating func size(of segment: UInt32) throws(DiskFailure) -> Int {
        var status = stat()
        guard fstat(try descriptor(of: segment), &status) == 0 else { throw failure("look at", path(of: segment)) }
        return Int(status.st_size)
    }

    mutating func create(_ segment: UInt32, reserving bytes: Int, isDurable: Bool) throws(DiskFailure) {
        if reuseSpare(as: segment, zeros: bytes) { return }
        let path = path(of: segment)
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("make", path) }
        keep(descriptor, for: segment)
        let code = posix_fallocate(descriptor, 0, off_t(bytes))
        guard code == 0 else {
            errno = code
            let failure = failure("set room aside in", path)
            try? remove(segment)
            throw failure
        }
        if isDurable {
            try sync(segment)
            try syncDirectory()
        }
    }

    mutating func write(_ bytes: ByteBuffer, to segment: UInt32, at offset: Int) throws(DiskFailure) {
        let descriptor = try descriptor(of: segment)
        let code = bytes.withUnsafeReadableBytes { Self.write($0, to: descriptor, at: offset) }
        guard code == 0 else {
            errno = code
            throw failure("write", path(of: segment))
        }
    }

    /// - Returns: 0, or errno's value.
    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int) -> Int32 {
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count < 0 ? errno : ENOSPC }
            written += count
        }
        return 0
    }

    mutating func read(_ segment: UInt32, at offset: Int, count: Int) throws(DiskFailure) -> ByteBuffer {
        let descriptor = try descriptor(of: segment)
        var buffer = ByteBuffer()
        guard count > 0 else { return buffer }
        var isFailed = false
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            var done = 0
            while done < count {
                let read = pread(descriptor, bytes.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
                if read < 0, errno == EINTR { continue }
                if read < 0 { isFailed = true }
                guard read > 0 else { break }
                done += read
            }
            return done
        }
        guard !isFailed else { throw failure("read", path(of: segment)) }
        return buffer
    }

    mutating func truncate(_ segment: UInt32, to bytes: Int) throws(DiskFailure) {
        guard ftruncate(try descriptor(of: segment), off_t(bytes)) == 0 else {
            throw failure("cut", path(of: segment))
        }
    }

    mutating func sync(_ segment: UInt32) throws(DiskFailure) {
        guard fdatasync(try descriptor(of: segment)) == 0 else { throw failure("sync", path(of: segment)) }
    }

    /// The same as `sync` of several segments, to be run on another thread.
    mutating func synchronizer(
        of segments: [UInt32]
    ) throws(DiskFailure) -> @Sendable () throws(DiskFailure) -> Void {
        var copies: [Int32] = []
        for segment in segments {
            let copy = fcntl(try descriptor(of: segment), F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else {
                let failure = failure("open", path(of: segment))
                for copy in copies { Glibc.close(copy) }
                throw failure
            }
            copies.append(copy)
        }
        return { [copies] () throws(DiskFailure) in
            defer { for copy in copies { Glibc.close(copy) } }
            for copy in copies where fdatasync(copy) != 0 {
                throw .failed("cannot sync the journal: \(String(cString: strerror(errno)))")
            }
        }
    }

    mutating func replace(_ segment: UInt32, with bytes: ByteBuffer, isDurable: Bool) throws(DiskFailure) {
        let path = path(of: segment)
        let temporary = path + Self.temporarySuffix
        let descriptor = Glibc.open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", temporary) }
        let code = bytes.withUnsafeReadableBytes { Self.write($0, to: descriptor, at: 0) }
        errno = code
        guard code == 0, !isDurable || fsync(descriptor) == 0, rename(temporary, path) == 0 else {
            let failure = failure("rewrite", path)
            Glibc.close(descriptor)
            unlink(temporary)
            throw failure
        }
        if let old = open.removeValue(forKey: segment) { Glibc.close(old.descriptor) }
        keep(descriptor, for: segment)
        if isDurable { try syncDirectory() }
    }

    mutating func remove(_ segment: UInt32) throws(DiskFailure) {
        if let old = open.removeValue(forKey: segment) {
            if keepsSpare, spare == nil, rename(path(of: segment), sparePath) == 0 {
                spare = old.descriptor
                return
            }
            Glibc.close(old.descriptor)
        }
        guard unlink(path(of: segment)) == 0 || errno == ENOENT else { throw failure("remove", path(of: segment)) }
    }

    mutating func hasRoom(for bytes: Int) -> Bool {
        dropSpare()
        let path = "\(directory)/probe"
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer {
            Glibc.close(descriptor)
            unlink(path)
        }
        return posix_fallocate(descriptor, 0, off_t(bytes)) == 0
    }

    // MARK: The spare

    private var sparePath: String { "\(directory)/spare" }

    var hasSpare: Bool { spare != nil }

    mutating func dropSpare() {
        guard let descriptor = spare.take() else { return }
        Glibc.close(descriptor)
        unlink(sparePath)
    }

    /// Makes a segment of the spare, if there is one and it can be.
    private mutating func reuseSpare(as segment: UInt32, zeros: Int) -> Bool {
        guard let descriptor = spare else { return false }
        let beginning = ByteBuffer(repeating: 0, count: zeros)
        guard beginning.withUnsafeReadableBytes({ Self.write($0, to: descriptor, at: 0) }) == 0,
            rename(sparePath, path(of: segment)) == 0
        else {
            dropSpare()
            return false
        }
        spare = nil
        keep(descriptor, for: segment)
        return true
    }

    // MARK: Files

    private func path(of segment: UInt32) -> String {
        let digits = String(segment, radix: 16)
        return "\(directory)/\(String(repeating: "0", count: 8 - digits.count))\(digits)\(Self.suffix)"
    }

    private mutating func descriptor(of segment: UInt32) throws(DiskFailure) -> Int32 {
        uses += 1
        if let place = open.index(forKey: segment) {
            open.values[place].used = uses
            return open.values[place].descriptor
        }
        let path = path(of: segment)
        let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        keep(descriptor, for: segment)
        return descriptor
    }

    private mutating func keep(_ descriptor: Int32, for segment: UInt32) {
        uses += 1
        open[segment] = (descriptor, uses)
        guard open.count > Self.maximumOpen, let oldest = open.min(by: { $0.value.used < $1.value.used }) else {
            return
        }
        Glibc.close(oldest.value.descriptor)
        open[oldest.key] = nil
    }

    private func syncDirectory() throws(DiskFailure) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", directory) }
    }

    /// By `errno`.
    private func failure(_ call: String, _ path: String) -> DiskFailure {
        switch errno {
        // EFBIG: a limit on the size of files (RLIMIT_FSIZE).
        case ENOSPC, EDQUOT, EFBIG: .full
        default: .failed("cannot \(call) \(path): \(String(cString: strerror(errno)))")
        }
    }
}
