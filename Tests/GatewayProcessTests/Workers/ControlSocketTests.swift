internal import Glibc
internal import NIOCore
internal import Shared
internal import Synchronization
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

@Suite(.serialized) struct ControlSocketTests {
    private func ask(_ peer: RawPeer, _ action: String, _ arguments: String = "{}", ref: Int = 1) async throws -> JSON {
        try peer.send(#"{"op":"request","ref":\#(ref),"do":"\#(action)","args":\#(arguments)}"#)
        let result = try await peer.frame("result")
        #expect(result["ref"]?.int == ref)
        return result
    }

    /// Lets the next event fail until it is a dead letter.
    private func makeDeadLetter(_ harness: HubHarness, _ worker: RawPeer, d: String = "{}") async throws -> Int {
        try await harness.dispatch(d: d)
        let id = try #require(try await worker.frame("event")["id"]?.int)
        try worker.send(#"{"op":"nack","ids":[\#(id)],"reason":"poison"}"#)
        _ = try await worker.frame("returned")
        try await harness.eventually("the dead letter") { $0["queue"]?["dead_letters"]?.int == 1 }
        return id
    }

    @Test func `Status is what workers see`() async throws {
        try await HubHarness.run { harness in
            let result = try await ask(try harness.operator(), "status", ref: 7)
            #expect(result["ok"]?.bool == true)
            #expect(result["status"]?["queue"]?["depth"]?.int == 0)
            #expect(result["queue"] == result["status"]?["queue"])
        }
    }

    @Test func `A dead letter is listed, shown byte for byte, retried as a new event and then gone`() async throws {
        try await HubHarness.run({ $0.queue.maximumAttempts = 1 }) { harness in
            let (worker, _) = try await harness.worker()
            let id = try await makeDeadLetter(harness, worker, d: #"{"n":12345678901234567890,"s":"\u00e9"}"#)
            let peer = try harness.operator()
            let list = try await ask(peer, "dead-letters.list")
            let letter = try #require(list["dead_letters"]?.elements?.first)
            #expect(letter["id"]?.int == id && letter["t"]?.string == "MESSAGE_CREATE")
            #expect(letter["key"]?.string == "guild:1" && letter["failures"]?.int == 1)
            #expect(letter["reasons"] == ["poison"])
            #expect((letter["failed_at"]?.int ?? 0) > 1_700_000_000_000_000)

            try peer.send(#"{"op":"request","ref":2,"do":"dead-letters.show","args":{"id":\#(id)}}"#)
            let shown = String(buffer: try await peer.line())
            #expect(shown.hasSuffix(#","d":{"n":12345678901234567890,"s":"\u00e9"}}}}"#))
            let frame = try JSON(ofText: shown)["dead_letter"]?["frame"]
            #expect(frame?["op"]?.string == "event" && frame?["id"]?.int == id)

            let file = harness.directory.path("state/dead-letters/\(id)")
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)

            try await harness.dispatch()
            #expect(try await ask(peer, "dead-letters.retry", #"{"ids":[\#(id)]}"#)["count"]?.int == 1)
            let before = try await worker.frame("event")
            let retried = try await worker.frame("event")
            #expect(retried["retry_of"]?.int == id)
            #expect((retried["id"]?.int ?? 0) > (before["id"]?.int ?? .max))
            #expect(retried["attempt"]?.int == 1 && retried["redelivered"] == nil)
            #expect(stat(file, &status) == 0, "the file stays until the retry is done")
            try worker.send(#"{"op":"ack","ids":[\#(retried["id"]?.int ?? 0)]}"#)
            try await eventually("the file's end") { stat(file, &status) != 0 }
        }
    }

    @Test func `Dead letters survive a restart, also one whose retry was lost with it`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        var id = 0
        try await HubHarness.run(
            in: directory,
            {
                $0.queue.maximumAttempts = 1
                $0.durability = .memory
            }
        ) { harness in
            let (worker, _) = try await harness.worker()
            id = try await makeDeadLetter(harness, worker)
            let peer = try harness.operator()
            _ = try await ask(peer, "dead-letters.retry", #"{"ids":"all"}"#)
            _ = try await worker.frame("event")
            #expect(try await ask(peer, "dead-letters.list")["dead_letters"] == [])
        }
        try await HubHarness.run(in: directory) { harness in
            let peer = try harness.operator()
            let list = try await ask(peer, "dead-letters.list")
            #expect(list["dead_letters"]?.elements?.first?["id"]?.int == id)
            #expect(try await ask(peer, "dead-letters.discard", #"{"ids":"all"}"#)["count"]?.int == 1)
            #expect(try await ask(peer, "dead-letters.list")["dead_letters"] == [])
        }
        try await HubHarness.run(in: directory) { harness in
            let list = try await ask(try harness.operator(), "dead-letters.list")
            #expect(list["dead_letters"] == [])
        }
    }

    @Test func `A retry that is under way goes on over a restart`() async throws {
        let directory = try TestKit.TemporaryDirectory()
        var id = 0
        try await HubHarness.run(in: directory, { $0.queue.maximumAttempts = 1 }) { harness in
            let (worker, _) = try await harness.worker()
            id = try await makeDeadLetter(harness, worker)
            _ = try await ask(try harness.operator(), "dead-letters.retry", #"{"ids":"all"}"#)
            _ = try await worker.frame("event")
        }
        try await HubHarness.run(in: directory) { harness in
            let peer = try harness.operator()
            #expect(try await ask(peer, "dead-letters.list")["dead_letters"] == [], "it is being retried")
            let (worker, _) = try await harness.worker()
            let retried = try await worker.frame("event")
            #expect(retried["retry_of"]?.int == id && retried["redelivered"]?.bool == true)
            try worker.acknowledge([retried["id"]?.int ?? 0])
            let file = directory.path("state/dead-letters/\(id)")
            try await eventually("the file's end") { access(file, F_OK) != 0 }
        }
    }

    @Test func `Old dead letters are deleted`() async throws {
        try await HubHarness.run({
            $0.queue.maximumAttempts = 1
            $0.deadLetterKeep = .milliseconds(700)
        }) { harness in
            let (worker, _) = try await harness.worker()
            _ = try await makeDeadLetter(harness, worker)
            try await harness.eventually("the letter's end") { $0["queue"]?["dead_letters"]?.int == 0 }
        }
    }

    @Test func `A worker is asked to drain`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker("w1")
            let (twin, _) = try await harness.worker("w1")
            let result = try await ask(try harness.operator(), "workers.drain", #"{"name":"w1"}"#)
            #expect(result["count"]?.int == 2)
            _ = try await worker.frame("please_drain")
            _ = try await twin.frame("please_drain")
        }
    }

    @Test func `A shard identifies anew`() async throws {
        try await HubHarness.run { harness in
            let peer = try harness.operator()
            #expect(try await ask(peer, "shards.reidentify", #"{"id":1}"#)["ok"]?.bool == true)
            #expect(harness.shards.state.withLock { $0.reidentified } == [1])
            #expect(try await ask(peer, "shards.reidentify", #"{"id":5}"#)["ok"]?.bool == false)
        }
    }

    @Test func `A tail shows what was asked for, content only if wanted`() async throws {
        try await HubHarness.run { harness in
            let peer = try harness.operator()
            let nosy = try harness.operator()
            try peer.send(#"{"op":"request","ref":3,"do":"tail","args":{"events":["MESSAGE_CREATE"],"guild":"2"}}"#)
            try nosy.send(#"{"op":"request","ref":4,"do":"tail","args":{"content":true}}"#)
            let hub = harness.hub
            try await eventually("both tails") { try await hub.eventLoop.submit { hub.tailers }.get() == 2 }
            try await harness.dispatch(d: #"{"secret":1}"#)
            try await harness.dispatch("TYPING_START", key: QueueKey(keyClass: .guild, number: 2))
            try await harness.dispatch(key: QueueKey(keyClass: .guild, number: 2), d: #"{"secret":2}"#)
            let shown = try await peer.frame("result")
            #expect(shown["ref"]?.int == 3 && shown["ok"]?.bool == true)
            #expect(shown["event"]?["seq"]?.int == 3 && shown["event"]?["key"]?.string == "guild:2")
            #expect(shown["event"]?["d"] == nil)
            #expect(try await nosy.frame("result")["event"]?["d"] == ["secret": 1])
        }
    }

    static let badRequests: [(action: String, arguments: String)] = [
        ("dance", "{}"), ("dead-letters.show", "{}"), ("dead-letters.show", #"{"id":9}"#),
        ("dead-letters.retry", #"{"ids":[9]}"#), ("dead-letters.retry", #"{"ids":"some"}"#),
        ("dead-letters.discard", #"{"ids":[]}"#), ("dead-letters.discard", #"{"ids":["x"]}"#),
        ("workers.drain", "{}"), ("workers.drain", #"{"name":"nobody"}"#), ("shards.reidentify", #"{"id":"a"}"#),
        ("tail", #"{"events":1}"#), ("tail", #"{"guild":5}"#), ("tail", #"{"content":"yes"}"#), ("status", "[1]"),
    ]

    @Test(arguments: badRequests)
    func `What cannot be done is said, and the connection stays`(action: String, arguments: String) async throws {
        try await HubHarness.run { harness in
            let peer = try harness.operator()
            let result = try await ask(peer, action, arguments)
            #expect(result["ok"]?.bool == false)
            #expect((result["message"]?.string ?? "").count > 10)
            #expect(try await ask(peer, "status", ref: 2)["ok"]?.bool == true)
        }
    }

    @Test func `What is no request ends the connection`() async throws {
        try await HubHarness.run { harness in
            for (line, code) in [("nonsense", "malformed"), (#"{"op":"status"}"#, "unknown_op")] {
                let peer = try harness.operator()
                try peer.send(line)
                #expect(try await peer.frame("error")["code"]?.string == code)
                try await peer.end()
            }
        }
    }

    @Test func `The socket is the operator's own`() async throws {
        try await HubHarness.run { harness in
            var status = stat()
            #expect(stat(harness.directory.path("run/control.sock"), &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
        // Root may always.
        try await HubHarness.run({ $0.ownUID = getuid() + 1 }) { harness in
            let peer = try harness.operator()
            if getuid() == 0 {
                #expect(try await ask(peer, "status")["ok"]?.bool == true)
            } else {
                #expect(try await peer.frame("error")["code"]?.string == "forbidden")
            }
        }
    }
}
