internal import Glibc
internal import NIOCore
internal import Shared
internal import Synchronization
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

/// What one hub leaves behind and the next one makes of it.
@Suite(.serialized) struct QueueRestartTests {
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
