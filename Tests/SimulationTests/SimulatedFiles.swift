import NIOCore
import TestKit

@testable import GatewayProcess

/// The machine's disk, which outlives every process, with what the kernel has not written to it yet.
///
/// A process that is killed leaves all that it had written, and of the write under way any part. A loss of power leaves, of
/// what was not synced, some sectors and not others, later ones without earlier ones, and new lengths without what belongs there.
final class SimulatedFiles {
    static let sector = 512

    /// A change that is not synced.
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case cut(Int)
    }

    struct File {
        var bytes: [UInt8] = []
        /// As it would be found after a loss of power, at least; nil if its name may be lost, too.
        var durable: [UInt8]?
        var changes: [Change] = []
        /// All that was written before this operation outlives a loss of power.
        var syncedOperation = 0
    }

    private let world: World
    /// Whether losses of power are of interest: it costs memory and time.
    private let keepsChanges: Bool
    private(set) var files: [UInt32: File] = [:]
    /// Removed, but the removal is not synced.
    private var removed: [UInt32: File] = [:]
    /// What a removed segment held, if the next one is to be made of it: without losses of power only.
    var spare: [UInt8]?
    /// Operations that changed something.
    private(set) var operations = 0

    /// The process dies in the operation after so many more.
    var operationsLeft: Int?
    /// It has; nothing that it does any more has an effect.
    private(set) var isDead = false
    /// Nothing can be written behind a file's end until then.
    var fullUntil = NIODeadline.distantPast
    /// Operations fail now and then until then.
    var failingUntil = NIODeadline.distantPast
    /// When one did last.
    private var lastFailedAt = NIODeadline.distantPast

    init(world: World, keepsChanges: Bool) {
        self.world = world
        self.keepsChanges = keepsChanges
    }

    /// The same files for a look that changes nothing.
    func copy() -> SimulatedFiles {
        let copy = SimulatedFiles(world: world, keepsChanges: false)
        copy.files = files
        return copy
    }

    /// A new process uses it.
    func revive() {
        isDead = false
        spare = nil
        operationsLeft = world.chance(10) ? world.number(0...6) : nil
    }

    /// Whether the disk is, or was a short while ago, not as it should be.
    var isTroubled: Bool { max(fullUntil, failingUntil) + .seconds(60) > world.now || isDead }

    /// Whether any operation may have failed so far.
    var hasFailed: Bool { failingUntil > .distantPast }

    /// Whether deliveries may wait because of it.
    var mayPostpone: Bool { lastFailedAt + .seconds(2) > world.now }

    var isFull: Bool { fullUntil > world.now }
    private var fails: Bool {
        guard failingUntil > world.now, world.chance(20) else { return false }
        lastFailedAt = world.now
        return true
    }

    /// Whether everything written to a segment before an operation outlives a loss of power.
    func isDurable(_ segment: UInt32, before operation: Int) -> Bool {
        // What is gone was not needed any more.
        files[segment].map { $0.durable != nil && $0.syncedOperation >= operation } ?? true
    }

    /// Begins an operation that changes something.
    /// - Returns: false if the process dies in it.
    private func begin() -> Bool {
        operations += 1
        guard !isDead else { return false }
        guard let left = operationsLeft else { return true }
        operationsLeft = left - 1
        guard left <= 0 else { return true }
        isDead = true
        operationsLeft = nil
        return false
    }

    /// Something else that the process does, in which it may die, too.
    func passes() -> Bool { begin() }

    /// A read, which may fail.
    func passRead() throws(DiskFailure) {
        guard !fails else { throw .failed("read") }
    }

    // MARK: Operations

    func create(_ segment: UInt32, reserving bytes: Int, isDurable: Bool) throws(DiskFailure) {
        let wasDead = isDead
        guard begin() else {
            if !wasDead, spare != nil {
                // It gets its name when all zeros are written.
                if world.chance(50) { files[segment] = makeFile(zeros: bytes) }
            } else if !wasDead, world.chance(50) {
                files[segment] = File(bytes: Array(repeating: 0, count: world.number(0...bytes)))
            }
            return
        }
        guard !isFull || spare != nil else { throw .full }
        guard !fails else { throw .failed("create") }
        world.trace.detail("create: segment, bytes", Int(segment), bytes)
        var file = makeFile(zeros: bytes)
        if isDurable {
            file.durable = file.bytes
            file.syncedOperation = operations
            removed = [:]
        }
        files[segment] = file
    }

    /// Of the spare, if there is one.
    private func makeFile(zeros count: Int) -> File {
        defer { spare = nil }
        return File(bytes: Array(repeating: 0, count: count) + (spare?.dropFirst(count) ?? []))
    }

    func write(_ bytes: ByteBuffer, to segment: UInt32, at offset: Int) throws(DiskFailure) {
        world.trace.detail("write: segment, offset, bytes", Int(segment), offset, bytes.readableBytes)
        let wasDead = isDead
        guard begin() else {
            if !wasDead { put(bytes, to: segment, at: offset, count: world.number(0...bytes.readableBytes)) }
            return
        }
        guard let file = files[segment] else { throw .failed("no such file") }
        let fits = max(0, file.bytes.count - offset)
        if isFull, bytes.readableBytes > fits {
            put(bytes, to: segment, at: offset, count: fits + world.number(0...bytes.readableBytes - fits))
            throw .full
        }
        if fails {
            put(bytes, to: segment, at: offset, count: world.number(0...bytes.readableBytes))
            throw .failed("write")
        }
        put(bytes, to: segment, at: offset, count: bytes.readableBytes)
    }

    private func put(_ buffer: ByteBuffer, to segment: UInt32, at offset: Int, count: Int) {
        guard count > 0, let place = files.index(forKey: segment) else { return }
        let bytes = Array(buffer.readableBytesView.prefix(count))
        files.values[place].bytes.write(bytes, at: offset)
        if keepsChanges { files.values[place].changes.append(.write(offset: offset, bytes: bytes)) }
    }

    func truncate(_ segment: UInt32, to size: Int) throws(DiskFailure) {
        let wasDead = isDead
        guard begin() || (!wasDead && world.chance(50)) else { return }
        guard !fails || isDead else { throw .failed("truncate") }
        guard let place = files.index(forKey: segment) else { throw .failed("no such file") }
        world.trace.detail("truncate: segment, size, was", Int(segment), size, files.values[place].bytes.count)
        files.values[place].bytes.cut(to: size)
        if keepsChanges { files.values[place].changes.append(.cut(size)) }
    }

    func replace(_ segment: UInt32, with bytes: ByteBuffer, isDurable: Bool) throws(DiskFailure) {
        let wasDead = isDead
        guard begin() || (!wasDead && world.chance(50)) else { return }
        if !isDead {
            guard !isFull else { throw .full }
            guard !fails else { throw .failed("replace") }
        }
        world.trace.detail("replace: segment, bytes", Int(segment), bytes.readableBytes)
        let content = Array(bytes.readableBytesView)
        guard keepsChanges else { return files[segment] = File(bytes: content) }
        if isDurable {
            files[segment] = File(bytes: content, durable: content, syncedOperation: operations)
            removed = [:]
        } else {
            // After a loss of power the old one may be there or the new one.
            let old = files[segment]?.durable
            files[segment] = File(bytes: content, durable: world.chance(50) ? old : content)
        }
    }

    func remove(_ segment: UInt32) throws(DiskFailure) {
        let wasDead = isDead
        guard begin() || (!wasDead && world.chance(50)) else { return }
        guard !fails || isDead else { throw .failed("remove") }
        world.trace.detail("remove: segment", Int(segment))
        guard let file = files.removeValue(forKey: segment) else { return }
        if !keepsChanges, spare == nil { spare = file.bytes }
        if keepsChanges, file.durable != nil { removed[segment] = file }
    }

    // MARK: Syncing

    /// A sync of these segments begins: what is written by now, it makes durable.
    func beginSync(_ segments: [UInt32]) -> SyncUnderWay {
        SyncUnderWay(
            operation: operations,
            changes: segments.compactMap { segment in files[segment].map { (segment, $0.changes.count) } })
    }

    /// What a sync of some segments will have made durable.
    struct SyncUnderWay {
        let operation: Int
        let changes: [(segment: UInt32, count: Int)]
    }

    func endSync(_ sync: SyncUnderWay) throws(DiskFailure) {
        guard !isDead else { return }
        guard !fails else { throw .failed("sync") }
        for (segment, count) in sync.changes { settle(segment, count, operation: sync.operation) }
    }

    func sync(_ segment: UInt32) throws(DiskFailure) {
        guard begin() else { return }
        guard !fails else { throw .failed("sync") }
        settle(segment, files[segment]?.changes.count ?? 0, operation: operations)
    }

    private func settle(_ segment: UInt32, _ count: Int, operation: Int) {
        guard let place = files.index(forKey: segment), files.values[place].durable != nil else { return }
        let changes = files.values[place].changes
        // A replaced file has changes of its own.
        let settled = min(count, changes.count)
        for change in changes.prefix(settled) { files.values[place].durable?.apply(change) }
        files.values[place].changes.removeFirst(settled)
        files.values[place].syncedOperation = max(files.values[place].syncedOperation, operation)
    }

    // MARK: Loss of power

    func losePower() {
        for segment in removed.keys.sorted() where files[segment] == nil && world.chance(50) {
            files[segment] = removed[segment]
        }
        removed = [:]
        for segment in files.keys.sorted() {
            guard var file = files[segment] else { continue }
            if file.durable == nil, world.chance(50) {
                files[segment] = nil
                continue
            }
            var found = file.durable ?? []
            for change in file.changes { for part in parts(of: change) where world.chance(50) { found.apply(part) } }
            file = File(bytes: found, durable: found, syncedOperation: operations)
            files[segment] = file
        }
    }

    /// A change as the sectors that are written one by one.
    private func parts(of change: Change) -> [Change] {
        guard case .write(let offset, let bytes) = change else { return [change] }
        var parts: [Change] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, ((offset + at) / Self.sector + 1) * Self.sector - offset)
            parts.append(.write(offset: offset + at, bytes: Array(bytes[at..<end])))
            at = end
        }
        return parts
    }
}

extension [UInt8] {
    fileprivate mutating func write(_ bytes: [UInt8], at offset: Int) {
        if count < offset + bytes.count { append(contentsOf: repeatElement(0, count: offset + bytes.count - count)) }
        withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: $0) }
        }
    }

    fileprivate mutating func cut(to size: Int) {
        if count > size { removeLast(count - size) } else { append(contentsOf: repeatElement(0, count: size - count)) }
    }

    fileprivate mutating func apply(_ change: SimulatedFiles.Change) {
        switch change {
        case .write(let offset, let bytes): write(bytes, at: offset)
        case .cut(let size): cut(to: size)
        }
    }
}
