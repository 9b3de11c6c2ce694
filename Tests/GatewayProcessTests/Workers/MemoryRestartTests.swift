internal import Glibc
internal import NIOCore
internal import Shared
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

/// What a hub with its queue in memory leaves behind, and what the next one makes of it.
@Suite(.serialized) struct MemoryRestartTests {
    private func inMemory(_ settings: inout QueueSettings) { settings.durability = .memory }

    @Test func `After an orderly end, replays keep their ids and what is done is dropped`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        var ids: [Int] = []
        var journal = ""
        try await HubHarness.run(in: directory, inMemory) { harness in
            let (worker, welcome) = try await harness.worker()
            journal = try #require(welcome["journal"]?.string)
            for number in 1...5 { try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number))) }
            ids = try await worker.events(5).compactMap { $0["id"]?.int }
            try worker.send(#"{"op":"ack","ids":[\#(ids[0]),\#(ids[1]),\#(ids[3])]}"#)
            try await harness.eventually("the acknowledgements") { $0["queue"]?["depth"]?.int == 2 }
            #expect(try await harness.durable() == 2)
        }
        try await HubHarness.run(in: directory, inMemory) { harness in
            #expect(try await harness.durable() == 2)
            let (worker, welcome) = try await harness.worker()
            #expect(welcome["journal"]?.string == journal)
            for sequence in 3...6 {
                try await harness.dispatch(
                    key: QueueKey(keyClass: .guild, number: UInt64(sequence)), sequence: sequence)
            }
            let events = try await worker.events(3)
            #expect(events.map { $0["seq"]?.int } == [3, 5, 6])
            #expect(events[0]["id"]?.int == ids[2] && events[1]["id"]?.int == ids[4])
            #expect(events[0]["redelivered"]?.bool == true && events[1]["redelivered"]?.bool == true)
            #expect(events[2]["redelivered"] == nil, "it was never delivered before")
            #expect((events[2]["id"]?.int ?? 0) > ids[4])
        }
    }

    @Test func `After a kill, whatever may have been delivered says so`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        let copy = try TestKit.TemporaryDirectory()
        var ids: [Int] = []
        try await HubHarness.run(in: directory, inMemory) { harness in
            let (worker, _) = try await harness.worker()
            for number in 1...3 { try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number))) }
            ids = try await worker.events(3).compactMap { $0["id"]?.int }
            try worker.send(#"{"op":"ack","ids":[\#(ids[0])]}"#)
            // As a kill leaves it: the file as it was written by then.
            try await eventually("the checkpoint") {
                let text = try StateFile.read(directory.path("state/queue.json")) ?? ""
                guard text.contains("\"contiguous\":1"), text.contains("\(ids[2])") else { return false }
                try StateFile.makeDirectory(copy.path("state"))
                try copy.write(text, to: "state/queue.json")
                return true
            }
        }
        try await HubHarness.run(in: copy, inMemory) { harness in
            #expect(try await harness.durable() == 1)
            let (worker, _) = try await harness.worker()
            for sequence in 2...4 {
                try await harness.dispatch(
                    key: QueueKey(keyClass: .guild, number: UInt64(sequence)), sequence: sequence)
            }
            try await harness.dispatch("RESUMED", key: QueueKey(keyClass: .shard, number: 0), sequence: 5)
            try await harness.dispatch(sequence: 6)
            let events = try await worker.events(5)
            #expect(events.prefix(2).map { $0["id"]?.int } == [ids[1], ids[2]])
            #expect(events.map { $0["redelivered"]?.bool ?? false } == [true, true, true, false, false])
        }
    }

    @Test func `What Discord does not send again is counted as lost`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory, inMemory) { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            _ = try await worker.events(1)
        }
        try await HubHarness.run(in: directory, inMemory) { harness in
            let hub = harness.hub
            try await hub.eventLoop.submit { hub.sessionBegan(shard: 0, session: "new", resumed: false) }.get()
            try await harness.dispatch("READY", session: "new", sequence: 1)
            try await harness.eventually("the loss") { $0["queue"]?["lost"]?.int == 1 }
        }
    }

    @Test func `A worker that outlived the gateway says what it finished`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        var ids: [Int] = []
        var journal = ""
        try await HubHarness.run(in: directory, inMemory) { harness in
            let (worker, welcome) = try await harness.worker()
            journal = try #require(welcome["journal"]?.string)
            try await harness.dispatch()
            try await harness.dispatch()
            ids = try await worker.events(2).compactMap { $0["id"]?.int }
        }
        try await HubHarness.run(in: directory, inMemory) { harness in
            let (worker, _) = try await harness.worker(
                "w1", capacity: 4, #""journal":"\#(journal)","done":[\#(ids[0])]"#)
            for sequence in 1...3 { try await harness.dispatch(sequence: sequence) }
            let events = try await worker.events(2)
            #expect(events.map { $0["seq"]?.int } == [2, 3])
            #expect(events[0]["id"]?.int == ids[1])
            #expect(try await harness.durable() == 1)
        }
    }
}
