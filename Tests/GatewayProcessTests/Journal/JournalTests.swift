internal import Foundation
internal import Glibc
internal import NIOCore
internal import Shared
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

/// The journal on real files.
@Suite struct JournalTests {
    private let directory: TestKit.TemporaryDirectory

    init() throws {
        directory = try TestKit.TemporaryDirectory()
    }

    private func make(
        boot: UInt8 = 1, segmentBytes: Int = 20_000
    ) throws -> (journal: Journal<FileDisk>, contents: JournalContents) {
        var settings = Journal<FileDisk>.Settings()
        settings.segmentBytes = segmentBytes
        var journal = Journal(
            disk: try FileDisk(directory: directory.path("journal"), keepsSpare: true), settings: settings,
            identity: .zero, boot: UUIDBytes(repeatElement(boot, count: 16)),
            seeds: SeedSource(SeededGenerator(seed: 3)))
        let contents = try journal.open { $0 == "TYPING_START" }
        return (journal, contents)
    }

    private func event(_ number: Int, key: UInt64 = 1, type: String = "MESSAGE_CREATE") -> JournaledEvent {
        JournaledEvent(
            id: EventID(Int64(number)), shard: 0, session: "s", sequence: number, type: type,
            key: QueueKey(keyClass: .guild, number: key), receivedAt: 5, retryOf: nil,
            data: ByteBuffer(string: #"{"n":\#(number),"x":"\#(String(repeating: "x", count: 900))"}"#))
    }

    /// Writes events, one commit each, behind the cursor.
    private func write(
        _ numbers: ClosedRange<Int>, _ journal: inout Journal<FileDisk>, isTaken: Bool = true
    ) throws -> [(position: JournalPosition, stride: Int)] {
        try numbers.map { number in
            try journal.prepare(for: 1)
            let event = event(number)
            let dispatch = Dispatch(
                shard: event.shard, session: event.session, sequence: event.sequence, type: event.type, key: event.key,
                guildID: nil, interaction: nil, receivedAt: event.receivedAt, data: event.data)
            let place = journal.stage(dispatch, id: event.id)
            try journal.commit(wall: 1000, isTaken: isTaken)
            return place
        }
    }

    private func recordBytes(_ journal: Journal<FileDisk>) -> Int {
        journal.segments.reduce(0) { $0 + $1.recordBytes }
    }

    private func readAll(_ journal: inout Journal<FileDisk>) throws -> [Int] {
        var found: [Int] = []
        while journal.hasMore { found += try journal.readOn(7000).map { Int($0.event.id.rawValue) } }
        return found
    }

    @Test func `What is not finished is there after a restart, in order, and the numbers too`() throws {
        var (journal, _) = try make()
        let places = try write(1...50, &journal)
        #expect(journal.segments.count == 3)
        for number in [1, 2, 3, 30] { journal.finish(places[number - 1].position, stride: places[number - 1].stride) }
        journal.mark(places[3].position, .delivered)
        try journal.writeMarks()
        try journal.prepare(for: 1)
        journal.stageNumber(shard: 0, session: "s", sequence: 60)
        journal.stageNumber(shard: 4, session: "t", sequence: 9)
        try journal.commit(wall: 1000, isTaken: true)

        var (next, contents) = try make()
        #expect(contents.depth == 46 && contents.cutBytes == 0 && contents.damagedBytes == 0)
        #expect(contents.delivered.keys.map(\.rawValue) == [4])
        #expect(next.numbers.lastID == EventID(50))
        #expect(next.durableSequence(shard: 0, session: "s") == 60)
        #expect(next.durableSequence(shard: 4, session: "t") == 9)
        #expect(next.durableSequence(shard: 0, session: "another") == nil)
        #expect(try readAll(&next) == (1...50).filter { ![1, 2, 3, 30].contains($0) })
        #expect(!next.isNew(shard: 0, session: "s", sequence: 60) && next.isNew(shard: 0, session: "s", sequence: 61))
    }

    @Test func `After a restart of the machine everything may have been delivered`() throws {
        var (journal, _) = try make()
        _ = try write(1...3, &journal)
        #expect(try make(boot: 1).contents.delivered.isEmpty)
        #expect(try make(boot: 2).contents.delivered.count == 3)
    }

    @Test func `A segment that is mostly done is rewritten, and places stay`() throws {
        var (journal, _) = try make(segmentBytes: 8000)
        let places = try write(1...120, &journal)
        let kept = [5, 25, 26, 50, 77, 100]
        for number in 1...120 where !kept.contains(number) {
            journal.finish(places[number - 1].position, stride: places[number - 1].stride)
        }
        try journal.write(JournalNote(failures: 1, reasons: ["old"]), about: places[24].position)
        try journal.write(JournalNote(failures: 2, reasons: ["old", "new"]), about: places[24].position)
        try journal.writeMarks()
        let before = recordBytes(journal)
        var steps = 0
        while try journal.clean(wall: 1000) { steps += 1 }
        #expect(steps > 0 && recordBytes(journal) < before * 2 / 3)
        let found = try journal.read(kept.map { (places[$0 - 1].position, 1400) })
        #expect(found.map { $0?.id.rawValue } == kept.map { Int64($0) })
        #expect(try journal.load(places[0].position) == nil)

        var (next, contents) = try make()
        #expect(contents.depth == kept.count)
        var events: [LoadedEvent] = []
        while next.hasMore { events += try next.readOn(1 << 20) }
        #expect(events.map { Int($0.event.id.rawValue) } == kept)
        #expect(events[1].note == JournalNote(failures: 2, reasons: ["old", "new"]))
        #expect(events[0].note == nil)
    }

    @Test func `What was finished does not stay for long`() throws {
        var (journal, _) = try make(segmentBytes: 1 << 20)
        let places = try write(1...10, &journal)
        for place in places.prefix(9) { journal.finish(place.position, stride: place.stride) }
        try journal.writeMarks()
        #expect(try !journal.clean(wall: 2000))
        let later = 3 * Journal<FileDisk>.longestStay
        while try journal.clean(wall: later) {}
        #expect(recordBytes(journal) < 2500)
        journal.finish(places[9].position, stride: places[9].stride)
        try journal.writeMarks()
        #expect(journal.segments.count == 1)
    }

    /// All that is in the journal's files.
    private func allBytes() throws -> [UInt8] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path("journal")).flatMap { name in
            Array(try Data(contentsOf: URL(fileURLWithPath: directory.path("journal/\(name)"))))
        }
    }

    private func finish(_ places: [(position: JournalPosition, stride: Int)], _ journal: inout Journal<FileDisk>) throws
    {
        for place in places { journal.finish(place.position, stride: place.stride) }
        try journal.writeMarks()
    }

    @Test func `A segment is made of a deleted one, whose events are not found in it`() throws {
        var (journal, _) = try make()
        for first in stride(from: 1, through: 181, by: 20) {
            let places = try write(first...first + 19, &journal)
            // The last three stay.
            try finish(Array(first == 181 ? places.dropLast(3) : places[...]), &journal)
        }
        #expect(journal.hasRemains && journal.segments.count <= 2)
        // As kill -9 leaves it.
        var (next, contents) = try make()
        #expect(contents.depth == 3 && contents.cutBytes == 0 && contents.damagedBytes == 0 && contents.lostEvents == 0)
        #expect(try readAll(&next) == [198, 199, 200])
        let size = try next.disk.size(of: next.segments[0].number)
        #expect(size == next.segments[0].end)
        // And as an orderly end does.
        _ = try write(201...204, &next)
        next.close()
        #expect(!FileManager.default.fileExists(atPath: directory.path("journal/spare")))
        let again = try make().contents
        #expect(again.depth == 7 && again.cutBytes == 0)
    }

    @Test func `A write that was cut off is noticed also where other events stood`() throws {
        var (journal, _) = try make()
        for first in stride(from: 1, through: 81, by: 20) {
            try finish(try write(first...first + 19, &journal), &journal)
        }
        let kept = try write(101...103, &journal)
        let active = try #require(journal.segments.last)
        #expect(journal.hasRemains && kept[2].position.segment == active.number)
        var disk = journal.disk
        try disk.write(ByteBuffer(string: "half"), to: active.number, at: active.end - 40)
        let contents = try make().contents
        #expect(contents.depth == 2 && contents.cutBytes > 0)
    }

    @Test func `What was finished is not left for long where the next events are to stand`() throws {
        var (journal, _) = try make()
        for first in stride(from: 1, through: 81, by: 20) {
            try finish(try write(first...first + 19, &journal), &journal)
        }
        _ = try write(1001...1001, &journal)
        func isThere(_ number: Int) throws -> Bool {
            let wanted = Array(#"{"n":\#(number),"#.utf8)
            let bytes = try allBytes()
            return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
        }
        #expect(journal.hasRemains && journal.disk.hasSpare)
        #expect(try (1...100).contains { try isThere($0) })
        let stay = Journal<FileDisk>.longestStay
        for wall in [1000, stay, 1002 + stay, 1003 + 2 * stay, 1004 + 3 * stay] {
            while try journal.clean(wall: wall) {}
        }
        #expect(try !(1...100).contains { try isThere($0) })
        #expect(try isThere(1001))
    }

    @Test func `A segment with another one's name is removed if the machine went down, and refused otherwise`() throws {
        var (journal, _) = try make()
        _ = try write(1...2, &journal)
        let number = try #require(journal.segments.last?.number)
        let name = { (number: UInt32) in directory.path("journal/0000000\(number).segment") }
        try FileManager.default.copyItem(atPath: name(number), toPath: name(number + 3))
        #expect(
            throws: JournalOpening.foreign(
                JournalForeign(segment: number + 3, reason: "it calls itself segment \(number)"))
        ) { try make(boot: 1) }
        let contents = try make(boot: 2).contents
        #expect(contents.depth == 2)
        #expect(!FileManager.default.fileExists(atPath: name(number + 3)))
    }

    @Test func `Damage in a sealed segment costs only what is damaged`() throws {
        var (journal, _) = try make()
        let places = try write(1...50, &journal)
        let segment = places[4].position.segment
        var disk = journal.disk
        let offset = Int(journal.segments[try #require(journal.place(of: segment))].offsets[4])
        try disk.write(ByteBuffer(string: "damage"), to: segment, at: offset + 100)
        #expect(try journal.load(places[4].position) == nil)
        var (next, contents) = try make()
        #expect(contents.lostEvents == 1 && contents.damagedBytes > 900 && contents.depth == 49)
        #expect(try readAll(&next) == (1...50).filter { $0 != 5 })
    }

    @Test func `A write that fails is as if it had not been`() throws {
        var (journal, _) = try make()
        _ = try write(1...3, &journal)
        let active = try #require(journal.segments.last)
        var disk = journal.disk
        // The half of a record, as a full disk leaves it.
        var record = ByteBuffer()
        record.writeRecord(event(4), index: 3, seed: active.header.seed)
        try disk.write(try #require(record.getSlice(at: 0, length: 500)), to: active.number, at: active.end)
        journal.hasTornTail = true
        let place = try write(4...4, &journal)[0]
        #expect(place.position.index == 3)
        #expect(try make().contents.depth == 4)
    }

    @Test func `An interrupted making of a segment is undone`() throws {
        var (journal, _) = try make()
        _ = try write(1...2, &journal)
        var disk = journal.disk
        try disk.create(journal.segments[journal.segments.count - 1].number + 1, reserving: 30_000, isDurable: false)
        var (next, contents) = try make()
        #expect(contents.depth == 2)
        #expect(try readAll(&next) == [1, 2])
    }

    @Test func `On a disk that is full at the start what is there is delivered, and later the rest`() throws {
        var (journal, _) = try make()
        let places = try write(1...3, &journal)
        var full = Journal(
            disk: FullDisk(disk: try FileDisk(directory: directory.path("journal"))), settings: .init(),
            identity: .zero, boot: .zero, seeds: SeedSource())
        let contents = try full.open { _ in false }
        #expect(contents.depth == 3)
        var queue = DurableQueue(
            queue: KeyedQueue(), durability: .journal, journal: full, contents: contents, now: .now(), wall: 1)
        #expect(queue.refusal == .full)
        let dispatch = Dispatch(
            shard: 0, session: "s", sequence: 4, type: "X", key: QueueKey(keyClass: .guild, number: 1), guildID: nil,
            interaction: nil, receivedAt: 1, data: ByteBuffer(string: "{}"))
        let refused = queue.receive([dispatch], now: .now(), wall: 1)
        #expect(refused == [.refused])
        let worker = queue.queue.join(name: "w", capacity: 9, capacityBytes: nil, wish: .init(), now: .now())
        _ = queue.deliver(now: .now(), wall: 1)
        let delivered = queue.takeEffects(now: .now())
        #expect(delivered.count == 3)
        queue.queue.acknowledge([1, 2, 3].map { EventID($0) }, by: worker, now: .now())
        queue.flush()
        #expect(queue.queue.depth == 0 && queue.journal?.marks(of: places[0].position).contains(.done) == true)
        queue.journal?.disk.isFull = false
        let canWrite = queue.retryWriting()
        #expect(canWrite)
        let receptions = queue.receive([dispatch], now: .now(), wall: 1)
        #expect(receptions.count == 1 && receptions != [.refused])
    }

    @Test func `A segment whose making was interrupted is made anew, one with records is left alone`() throws {
        let (journal, _) = try make()
        let number = (journal.segments.last?.number ?? 0) + 1
        let header = JournalHeader(
            segment: number, markCapacity: 64, seed: 7, journal: .zero, boot: UUIDBytes(repeatElement(1, count: 16)))
        var bytes = ByteBuffer(header.encoded.readableBytesView.prefix(40))
        bytes.writeRepeatingByte(0, count: header.recordsOffset - 40)
        var disk = try FileDisk(directory: directory.path("journal"))
        try disk.create(number, reserving: bytes.readableBytes, isDurable: false)
        try disk.write(bytes, to: number, at: 0)
        #expect(try make().contents.isEmpty)

        try disk.create(number + 5, reserving: bytes.readableBytes, isDurable: false)
        bytes.writeString("something")
        try disk.write(bytes, to: number + 5, at: 0)
        #expect(
            throws: JournalOpening.foreign(JournalForeign(segment: number + 5, reason: "its header is damaged"))
        ) { try make() }
    }

    @Test(arguments: [true, false])
    func `What the disk does not let deliver for a while is delivered later, once`(
        failsReads: Bool
    ) throws {
        var journal = Journal(
            disk: FullDisk(disk: try FileDisk(directory: directory.path("journal")), isFull: false),
            settings: Journal<FullDisk>.Settings(), identity: .zero,
            boot: UUIDBytes(repeatElement(1, count: 16)), seeds: SeedSource(SeededGenerator(seed: 3)))
        let contents = try journal.open { _ in false }
        var queue = DurableQueue(
            queue: KeyedQueue(), durability: .journal, journal: journal, contents: contents, now: .now(), wall: 1)
        // Many more than the window of a key: of most there is only the place in memory.
        let count = 3 * queue.queue.settings.window.eventsOfKey
        for number in 1...count {
            _ = queue.receive(
                [
                    Dispatch(
                        shard: 0, session: "s", sequence: number, type: "MESSAGE_CREATE",
                        key: QueueKey(keyClass: .guild, number: 1), guildID: nil, interaction: nil, receivedAt: 5,
                        data: ByteBuffer(string: "{}"))
                ], now: .now(), wall: 1)
        }
        let worker = queue.queue.join(name: "w", capacity: 1000, capacityBytes: nil, wish: .init(), now: .now())
        var random = SeededGenerator(seed: 1)
        var taken: [Int] = []
        func take(at now: NIODeadline) {
            queue.queue.advance(now: now, wall: 1, using: &random)
            _ = queue.deliver(now: now, wall: 1)
            let given = queue.takeEffects(now: now).compactMap { effect -> Delivery? in
                if case .deliver(let delivery) = effect { delivery } else { nil }
            }
            taken += given.map(\.sequence)
            queue.queue.acknowledge(given.map(\.id), by: worker, now: now)
            queue.flush()
        }
        queue.journal?.disk.failsReads = failsReads
        queue.journal?.disk.failsWrites = !failsReads
        for _ in 0..<3 { take(at: .now()) }
        #expect(queue.troubles.contains(failsReads ? .reading(.failed("test")) : .marks(.failed("test"))))
        // Without a mark the process after this one would take a delivery for the first.
        #expect(failsReads || taken.isEmpty)
        #expect(queue.queue.depth == count - taken.count)
        queue.journal?.disk.failsReads = false
        queue.journal?.disk.failsWrites = false
        // It comes again a second later.
        let later = NIODeadline.now() + .seconds(2)
        for _ in 0..<10 where queue.queue.depth > 0 { take(at: later) }
        #expect(taken == Array(1...count))
    }
}

/// Real files, and no room for new ones, or nothing to be read from or written to them.
private struct FullDisk: JournalDisk {
    var disk: FileDisk
    var isFull = true
    var failsReads = false
    var failsWrites = false

    mutating func segments() throws(DiskFailure) -> [UInt32] { try disk.segments() }
    mutating func size(of segment: UInt32) throws(DiskFailure) -> Int { try disk.size(of: segment) }
    mutating func create(_ segment: UInt32, reserving bytes: Int, isDurable: Bool) throws(DiskFailure) {
        if isFull { throw .full }
        try disk.create(segment, reserving: bytes, isDurable: isDurable)
    }
    mutating func write(_ bytes: ByteBuffer, to segment: UInt32, at offset: Int) throws(DiskFailure) {
        if failsWrites { throw .failed("test") }
        try disk.write(bytes, to: segment, at: offset)
    }
    mutating func read(_ segment: UInt32, at offset: Int, count: Int) throws(DiskFailure) -> ByteBuffer {
        if failsReads { throw .failed("test") }
        return try disk.read(segment, at: offset, count: count)
    }
    mutating func truncate(_ segment: UInt32, to bytes: Int) throws(DiskFailure) {
        try disk.truncate(segment, to: bytes)
    }
    mutating func sync(_ segment: UInt32) throws(DiskFailure) { try disk.sync(segment) }
    mutating func replace(_ segment: UInt32, with bytes: ByteBuffer, isDurable: Bool) throws(DiskFailure) {
        if isFull { throw .full }
        try disk.replace(segment, with: bytes, isDurable: isDurable)
    }
    mutating func remove(_ segment: UInt32) throws(DiskFailure) { try disk.remove(segment) }
    mutating func hasRoom(for bytes: Int) -> Bool { !isFull }
}
