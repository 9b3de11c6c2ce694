internal import Glibc
internal import NIOCore
internal import Shared
internal import Synchronization
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

/// What one hub leaves behind and the next one makes of it.
@Suite(.serialized) struct QueueRestartTests {
    private func durable(_ harness: HubHarness) async throws -> Int? {
        let hub = harness.hub
        return try await hub.eventLoop.submit { hub.durableSequence(shard: 0, session: "s") }.get()
    }

    private func receive(_ worker: RawPeer, _ count: Int) async throws -> [JSON] {
        var events: [JSON] = []
        for _ in 0..<count { events.append(try await worker.frame("event")) }
        return events
    }

    @Test func `After an orderly end, replays keep their ids and what is done is dropped`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        var ids: [Int] = []
        var journal = ""
        try await HubHarness.run(in: directory) { harness in
            let (worker, welcome) = try await harness.worker()
            journal = try #require(welcome["journal"]?.string)
            for number in 1...5 { try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number))) }
            ids = try await receive(worker, 5).compactMap { $0["id"]?.int }
            try worker.send(#"{"op":"ack","ids":[\#(ids[0]),\#(ids[1]),\#(ids[3])]}"#)
            try await harness.eventually("the acknowledgements") { $0["queue"]?["depth"]?.int == 2 }
            #expect(try await durable(harness) == 2)
        }
        try await HubHarness.run(in: directory) { harness in
            #expect(try await durable(harness) == 2)
            let (worker, welcome) = try await harness.worker()
            #expect(welcome["journal"]?.string == journal)
            for sequence in 3...6 {
                try await harness.dispatch(
                    key: QueueKey(keyClass: .guild, number: UInt64(sequence)), sequence: sequence)
            }
            let events = try await receive(worker, 3)
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
        try await HubHarness.run(in: directory) { harness in
            let (worker, _) = try await harness.worker()
            for number in 1...3 { try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number))) }
            ids = try await receive(worker, 3).compactMap { $0["id"]?.int }
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
        try await HubHarness.run(in: copy) { harness in
            #expect(try await durable(harness) == 1)
            let (worker, _) = try await harness.worker()
            for sequence in 2...4 {
                try await harness.dispatch(
                    key: QueueKey(keyClass: .guild, number: UInt64(sequence)), sequence: sequence)
            }
            try await harness.dispatch("RESUMED", key: QueueKey(keyClass: .shard, number: 0), sequence: 5)
            try await harness.dispatch(sequence: 6)
            let events = try await receive(worker, 5)
            #expect(events.prefix(2).map { $0["id"]?.int } == [ids[1], ids[2]])
            #expect(events.map { $0["redelivered"]?.bool ?? false } == [true, true, true, false, false])
        }
    }

    @Test func `What Discord does not send again is counted as lost`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory) { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            _ = try await receive(worker, 1)
        }
        try await HubHarness.run(in: directory) { harness in
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
        try await HubHarness.run(in: directory) { harness in
            let (worker, welcome) = try await harness.worker()
            journal = try #require(welcome["journal"]?.string)
            try await harness.dispatch()
            try await harness.dispatch()
            ids = try await receive(worker, 2).compactMap { $0["id"]?.int }
        }
        try await HubHarness.run(in: directory) { harness in
            let (worker, _) = try await harness.worker(
                "w1", capacity: 4, #""journal":"\#(journal)","done":[\#(ids[0])]"#)
            for sequence in 1...3 { try await harness.dispatch(sequence: sequence) }
            let events = try await receive(worker, 2)
            #expect(events.map { $0["seq"]?.int } == [2, 3])
            #expect(events[0]["id"]?.int == ids[1])
            #expect(try await durable(harness) == 1)
        }
    }

    @Test func `Wishes and interaction lists are remembered over a restart`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory) { harness in
            _ = try await harness.worker(
                "w1", capacity: 1, #""events":["MESSAGE_CREATE"],"ephemeral":["config"],"immediate":["feedback"]"#)
        }
        try await HubHarness.run(in: directory) { harness in
            try await harness.dispatch("GUILD_UPDATE")
            try await harness.dispatch("MESSAGE_CREATE")
            let status = try await harness.status()
            #expect(status["unwanted"] == ["GUILD_UPDATE": 1])
            #expect(status["queue"]?["depth"]?.int == 1)
            let hub = harness.hub
            let lists = try await hub.eventLoop.submit { hub.interactionLists }.get()
            #expect(lists?.ephemeral == ["config"] && lists?.immediate == ["feedback"])
        }
    }

    @Test func `A checkpoint that cannot be read is set aside`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try StateFile.makeDirectory(directory.path("state"))
        try directory.write("{", to: "state/queue.json")
        try await HubHarness.run(in: directory) { harness in
            try await harness.dispatch()
            #expect(try await harness.status()["queue"]?["depth"]?.int == 1)
        }
        #expect(access(directory.path("state/queue.json.unreadable"), F_OK) == 0)
    }

    @Test func `Sockets are removed at the end`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        try await HubHarness.run(in: directory) { _ in
            #expect(access(directory.path("run/queue.sock"), F_OK) == 0)
        }
        #expect(access(directory.path("run/queue.sock"), F_OK) != 0)
        #expect(access(directory.path("run/control.sock"), F_OK) != 0)
    }

    @Test func `A loop that stood still takes nobody for dead`() async throws {
        try await HubHarness.run({
            $0.pingInterval = .milliseconds(200)
            $0.pongDeadline = .milliseconds(1200)
            $0.queue.ackTimeout = .milliseconds(1500)
        }) { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            var line = JSON.null
            while line["op"]?.string != "ping" { line = try JSON(ofText: try await worker.line()) }
            // SIGSTOP, as far as the loop can tell: longer than every deadline.
            _ = try await harness.hub.eventLoop.submit { usleep(2_500_000) }.get()
            try worker.send(#"{"op":"pong"}"#)
            try worker.send(#"{"op":"ack","ids":[\#(id)]}"#)
            try await harness.eventually("the acknowledgement") { $0["queue"]?["depth"]?.int == 0 }
            let counters = try await harness.status()["counters"]
            #expect(counters?["worker_deaths"]?.int == 0 && counters?["silent_workers"]?.int == 0)
            #expect(counters?["ack_timeouts"]?.int == 0)
        }
    }

    @Test func `Past the limit sessions are paused, and go on when there is room`() async throws {
        try await HubHarness.run({ $0.queue.maximumBytes = 100_000 }) { harness in
            let data = #"{"x":"\#(String(repeating: "y", count: 9_700))"}"#
            try await harness.dispatch("TYPING_START", key: QueueKey(keyClass: .guild, number: 50), d: data)
            for number in 0..<10 {
                try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number)), d: data)
            }
            try await harness.dispatch("PRESENCE_UPDATE", d: data)
            try await harness.dispatch(d: data)
            let status = try await harness.status()
            #expect(status["shed"] == ["PRESENCE_UPDATE": 1, "TYPING_START": 1])
            #expect(status["queue"]?["shed"]?.int == 2)
            try await eventually("the pause") { harness.shards.state.withLock { $0.intakes == [.nothing] } }
            let (worker, _) = try await harness.worker("w", capacity: 1)
            for _ in 0..<11 {
                let id = try #require(try await worker.frame("event")["id"]?.int)
                try worker.send(#"{"op":"ack","ids":[\#(id)]}"#)
            }
            try await eventually("all open") {
                harness.shards.state.withLock { $0.intakes == [.nothing, .resumed, .everything] }
            }
        }
    }
}
