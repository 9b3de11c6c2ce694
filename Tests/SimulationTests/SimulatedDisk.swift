import NIOCore

@testable import GatewayProcess

/// The journal's way to the simulated files.
struct SimulatedDisk: JournalDisk {
    let files: SimulatedFiles

    mutating func segments() throws(DiskFailure) -> [UInt32] { files.files.keys.sorted() }

    mutating func size(of segment: UInt32) throws(DiskFailure) -> Int { try file(segment).bytes.count }

    mutating func create(_ segment: UInt32, reserving bytes: Int, isDurable: Bool) throws(DiskFailure) {
        try files.create(segment, reserving: bytes, isDurable: isDurable)
    }

    mutating func write(_ bytes: ByteBuffer, to segment: UInt32, at offset: Int) throws(DiskFailure) {
        try files.write(bytes, to: segment, at: offset)
    }

    mutating func read(_ segment: UInt32, at offset: Int, count: Int) throws(DiskFailure) -> ByteBuffer {
        try files.passRead()
        let bytes = try file(segment).bytes
        guard offset < bytes.count else { return ByteBuffer() }
        return ByteBuffer(bytes: bytes[offset..<min(bytes.count, offset + count)])
    }

    mutating func truncate(_ segment: UInt32, to bytes: Int) throws(DiskFailure) {
        try files.truncate(segment, to: bytes)
    }

    mutating func sync(_ segment: UInt32) throws(DiskFailure) { try files.sync(segment) }

    mutating func replace(_ segment: UInt32, with bytes: ByteBuffer, isDurable: Bool) throws(DiskFailure) {
        try files.replace(segment, with: bytes, isDurable: isDurable)
    }

    mutating func remove(_ segment: UInt32) throws(DiskFailure) { try files.remove(segment) }

    mutating func hasRoom(for bytes: Int) -> Bool {
        files.spare = nil
        return !files.isFull
    }

    var hasSpare: Bool { files.spare != nil }

    mutating func dropSpare() { files.spare = nil }

    private func file(_ segment: UInt32) throws(DiskFailure) -> SimulatedFiles.File {
        guard let file = files.files[segment] else { throw .failed("no such file") }
        return file
    }
}
