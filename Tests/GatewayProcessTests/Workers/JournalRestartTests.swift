internal import Foundation
internal import Glibc
internal import NIOCore
internal import Shared
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

/// What a hub leaves in its journal, and what the next one makes of it.
@Suite(.serialized) struct JournalRestartTests {
    /// The state directory as a kill at this moment leaves it: a copy of the files, nothing put in order.
    private func snapshot(_ directory: TestKit.TemporaryDirectory) throws -> TestKit.TemporaryDirectory {
        let copy = try TestKit.TemporaryDirectory()
        try FileManager.default.copyItem(atPath: directory.path("state"), toPath: copy.path("state"))
        return copy
    }

    @Test(arguments: [QueueDurability.journal, .fsync])
    func `After a kill everything unfinished is delivered, and replays are dropped`(
        durability: QueueDurability
    ) async throws {
        let directory = try TestKit.TemporaryDirectory()
        var ids: [Int] = []
        var journal = ""
        var killed: TestKit.TemporaryDirectory?
        try await HubHarness.run(in: directory, { $0.durability = durability }) { harness in
            let (worker, welcome) = try await harness.worker("w", capacity: 3)
            journal = try #require(welcome["journal"]?.string)
            for number in 1...5 {
                try await harness.dispatch(
                    key: QueueKey(keyClass: .guild, number: UInt64(number)), d: #"{"n":\#(number)}"#)
            }
            ids = try await worker.events(3).compactMap { $0["id"]?.int }
            try worker.acknowledge([ids[1]])
            ids += try await worker.events(1).compactMap { $0["id"]?.int }
            try await harness.eventually("the acknowledgement") { $0["queue"]?["depth"]?.int == 4 }
            killed = try snapshot(directory)
        }
        let copy = try #require(killed)
        try await HubHarness.run(in: copy, { $0.durability = durability }) { harness in
            #expect(try await harness.durable() == 5)
            let status = try await harness.status()
            #expect(status["queue"]?["depth"]?.int == 4 && status["durability"]?.string == durability.rawValue)
            #expect((status["queue"]?["oldest_ms"]?.int ?? 0) > 0)
            let (worker, welcome) = try await harness.worker()
            #expect(welcome["journal"]?.string == journal)
            // Discord sends again what it does not know to have arrived.
            for number in 4...6 {
                try await harness.dispatch(
                    key: QueueKey(keyClass: .guild, number: UInt64(number)), d: #"{"n":\#(number)}"#, sequence: number)
            }
            let events = try await worker.events(5).sorted { ($0["seq"]?.int ?? 0) < ($1["seq"]?.int ?? 0) }
            #expect(events.map { $0["seq"]?.int } == [1, 3, 4, 5, 6])
            #expect(events.map { $0["d"]?["n"]?.int } == [1, 3, 4, 5, 6])
            #expect(events.prefix(3).map { $0["id"]?.int } == [ids[0], ids[2], ids[3]])
            #expect(events.map { $0["redelivered"]?.bool ?? false } == [true, true, true, false, false])
            #expect(events.map { $0["id"]?.int ?? 0 } == events.map { $0["id"]?.int ?? 0 }.sorted())
            let counters = try await harness.status()["counters"]
            #expect(counters?["duplicates"]?.int == 2)
        }
    }

    @Test func `What happened to an event is remembered over a restart`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory) { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            for attempt in 1...2 {
                let event = try await worker.frame("event")
                #expect(event["attempt"]?.int == attempt)
                try worker.send(#"{"op":"nack","ids":[\#(event["id"]?.int ?? 0)],"reason":"no \#(attempt)"}"#)
                _ = try await worker.frame("returned")
            }
        }
        try await HubHarness.run(in: directory, { $0.queue.maximumAttempts = 3 }) { harness in
            let (worker, _) = try await harness.worker()
            let event = try await worker.frame("event")
            #expect(event["attempt"]?.int == 3)
            try worker.send(#"{"op":"nack","ids":[\#(event["id"]?.int ?? 0)],"reason":"no 3"}"#)
            try await harness.eventually("the dead letter") { $0["queue"]?["dead_letters"]?.int == 1 }
            let peer = try harness.operator()
            try peer.send(
                #"{"op":"request","ref":1,"do":"dead-letters.show","args":{"id":\#(event["id"]?.int ?? 0)}}"#)
            let letter = try await peer.frame("result")["dead_letter"]
            #expect(letter?["reasons"] == ["no 1", "no 2", "no 3"])
            #expect(letter?["frame"]?["d"] == [:])
            #expect(try await harness.status()["queue"]?["depth"]?.int == 0)
        }
    }

    @Test func `A torn end is cut off, and Discord's replay fills it`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory) { harness in
            for number in 1...3 { try await harness.dispatch(d: #"{"n":\#(number)}"#) }
        }
        let segment = try #require(try segments(directory).last)
        #expect(truncate(segment, off_t(try size(segment) - 5)) == 0)
        try await HubHarness.run(in: directory) { harness in
            #expect(try await harness.durable() == 2)
            let (worker, _) = try await harness.worker()
            for number in 3...4 { try await harness.dispatch(d: #"{"n":\#(number)}"#, sequence: number) }
            #expect(try await worker.events(4).map { $0["d"]?["n"]?.int } == [1, 2, 3, 4])
        }
    }

    @Test func `A journal of another format is left as it is`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory) { harness in try await harness.dispatch() }
        let segment = try #require(try segments(directory).last)
        let descriptor = open(segment, O_WRONLY)
        _ = pwrite(descriptor, [UInt8](arrayLiteral: 99), 1, 8)
        close(descriptor)
        let before = try size(segment)
        let failure = await #expect(throws: QueueFailure.self) { try await HubHarness.run(in: directory) { _ in } }
        #expect(failure?.exit == .configuration)
        #expect(try size(segment) == before)
    }

    @Test func `Only the user may read the journal, and what is done leaves it`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory, { $0.segmentBytes = 64 << 10 }) { harness in
            let (worker, _) = try await harness.worker("w", capacity: 256)
            let text = #"{"x":"\#(String(repeating: "y", count: 4000))"}"#
            for number in 0..<200 {
                try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number % 7)), d: text)
            }
            for path in try segments(directory) {
                var status = stat()
                #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
            }
            #expect(try segments(directory).count > 10)
            try worker.acknowledge(try await worker.events(200).compactMap { $0["id"]?.int })
            try await eventually("the segments' end") { try segments(directory).count == 1 }
        }
    }

    @Test func `From memory to the journal and back nothing is lost or doubled`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        var ids: [Int] = []
        try await HubHarness.run(in: directory, { $0.durability = .memory }) { harness in
            let (worker, _) = try await harness.worker()
            for number in 1...3 { try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number))) }
            ids = try await worker.events(3).compactMap { $0["id"]?.int }
            try worker.acknowledge([ids[0], ids[2]])
            try await harness.eventually("the acknowledgements") { $0["queue"]?["depth"]?.int == 1 }
        }
        try await HubHarness.run(in: directory) { harness in
            #expect(try await harness.durable() == 1)
            let (worker, _) = try await harness.worker("w", capacity: 1)
            for number in 2...5 {
                try await harness.dispatch(key: QueueKey(keyClass: .guild, number: 2), sequence: number)
            }
            let event = try await worker.frame("event")
            #expect(event["seq"]?.int == 2 && event["id"]?.int == ids[1] && event["redelivered"]?.bool == true)
            #expect(try await harness.durable() == 5)
        }
        try await HubHarness.run(in: directory, { $0.durability = .memory }) { harness in
            #expect(try await harness.durable() == 5, "what the journal has Discord need not send again")
            let (worker, _) = try await harness.worker()
            try await harness.dispatch(key: QueueKey(keyClass: .guild, number: 2), sequence: 6)
            // It was in flight when two connections ended, and so may come alone.
            let first = try await worker.frame("event")
            #expect(first["seq"]?.int == 2)
            try worker.acknowledge([try #require(first["id"]?.int)])
            #expect(try await worker.events(3).map { $0["seq"]?.int } == [4, 5, 6])
        }
    }

    private func segments(_ directory: TestKit.TemporaryDirectory) throws -> [String] {
        var disk = try FileDisk(directory: directory.path("state/journal"))
        return try disk.segments().map {
            directory.path("state/journal/") + String(repeating: "0", count: 8 - String($0, radix: 16).count)
                + String($0, radix: 16) + ".segment"
        }
    }

    private func size(_ path: String) throws -> Int {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return Int(status.st_size)
    }
}
