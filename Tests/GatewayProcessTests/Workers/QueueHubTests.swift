internal import Glibc
internal import NIOCore
internal import Shared
internal import Synchronization
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

@Suite(.serialized) struct QueueHubTests {
    // MARK: Hello

    @Test func `A worker is welcomed and gets an event as Discord sent it`() async throws {
        try await HubHarness.run { harness in
            let (worker, welcome) = try await harness.worker()
            #expect(welcome["protocol"]?.int == 1)
            #expect(welcome["version"]?.string == Version.current)
            #expect(welcome["journal"]?.string?.count == 36)
            #expect(welcome["application_id"]?.string == "7")
            #expect(welcome["user_id"] == .null)
            #expect(welcome["shards"] == ["ids": [0, 1], "count": 2])
            #expect(welcome["workers"]?.int == 1)

            let data = #"{"id":"1","n":12345678901234567890,"s":"\u0041\ud83d\ude00😀","x":1.0}"#
            try await harness.dispatch(d: data)
            let line = String(buffer: try await worker.line())
            #expect(line.hasSuffix(#","d":"# + data + "}"))
            let event = try JSON(ofText: line)
            #expect(event["op"]?.string == "event")
            #expect(event["attempt"]?.int == 1)
            #expect(event["shard"]?.int == 0)
            #expect(event["seq"]?.int == 1)
            #expect(event["t"]?.string == "MESSAGE_CREATE")
            #expect(event["key"]?.string == "guild:1")
            #expect(event["redelivered"] == nil)
            let sent = try #require(event["sent_at"]?.int), received = try #require(event["received_at"]?.int)
            #expect(received <= sent && received > 1_700_000_000_000_000)

            let id = try #require(event["id"]?.int)
            try worker.send(#"{"op":"ack","ids":[\#(id)]}"#)
            try await harness.eventually("the acknowledgement") { $0["queue"]?["depth"]?.int == 0 }
            #expect(try await harness.durable() == 1)
        }
    }

    @Test func `A frame may come in pieces, and several at once`() async throws {
        try await HubHarness.run { harness in
            let peer = try harness.peer()
            let hello = Array((HubHarness.hello() + "\n" + #"{"op":"status"}"# + "\n").utf8)
            for byte in hello { try peer.send(bytes: [byte]) }
            #expect(try await peer.frame()["op"]?.string == "welcome")
            #expect(try await peer.frame()["op"]?.string == "status")
        }
    }

    @Test func `A worker of a later release that still speaks this protocol is welcome`() async throws {
        try await HubHarness.run { harness in
            let worker = try harness.peer()
            try worker.send(
                #"{"op":"hello","protocol":3,"protocol_min":1,"later":{},"worker":"new","version":"9","capacity":1}"#)
            #expect(try await worker.frame("welcome")["protocol"]?.int == 1)
            try await harness.dispatch()
            let event = try await worker.frame("event")
            try worker.send(#"{"op":"ack","later":true,"ids":[\#(try #require(event["id"]?.int))]}"#)
            try await harness.eventually("the acknowledgement") { $0["queue"]?["depth"]?.int == 0 }
        }
    }

    @Test func `All other workers are told how many share the load`() async throws {
        try await HubHarness.run { harness in
            let (first, _) = try await harness.worker("a")
            let (second, welcome) = try await harness.worker("b")
            #expect(welcome["workers"]?.int == 2)
            #expect(try await first.frame() == ["op": "members", "workers": 2])
            second.close()
            #expect(try await first.frame() == ["op": "members", "workers": 1])
        }
    }

    // MARK: Errors

    static let refused: [(frames: [String], code: String)] = [
        (["nonsense"], "malformed"),
        (["[1]"], "malformed"),
        ([#"{"no":"op"}"#], "malformed"),
        ([#"{"op":"hello","protocol":1,"worker":"w 1","version":"1","capacity":1}"#], "malformed"),
        ([#"{"op":"hello","protocol":1,"worker":"w1","version":"1","capacity":0}"#], "malformed"),
        ([#"{"op":"hello","protocol":1,"worker":"w1","version":"1","capacity":65537}"#], "malformed"),
        ([#"{"op":"hello","protocol":1,"worker":"w1","version":"1"}"#], "malformed"),
        ([#"{"op":"dance"}"#], "unknown_op"),
        ([#"{"op":"hello","protocol":2}"#], "unsupported_protocol"),
        ([#"{"op":"hello","protocol":0}"#], "unsupported_protocol"),
        ([#"{"op":"hello","protocol":3,"protocol_min":2}"#], "unsupported_protocol"),
        ([#"{"op":"ack","ids":[1]}"#], "unexpected"),
        ([#"{"op":"pong"}"#], "unexpected"),
        ([#"{"op":"drain"}"#], "unexpected"),
        ([HubHarness.hello(), HubHarness.hello()], "unexpected"),
        ([HubHarness.hello(), #"{"op":"ack","ids":"all"}"#], "malformed"),
        ([HubHarness.hello(), #"{"op":"ack","ids":[1.5]}"#], "malformed"),
        ([HubHarness.hello(), #"{"op":"event","id":1}"#], "unknown_op"),
    ]

    @Test(arguments: refused)
    func `A bad frame is answered and the connection closed`(frames: [String], code: String) async throws {
        try await HubHarness.run { harness in
            let (bystander, _) = try await harness.worker("bystander")
            let peer = try harness.peer()
            for frame in frames { try peer.send(frame) }
            let error = try await peer.frame("error")
            #expect(error["code"]?.string == code)
            #expect((error["message"]?.string ?? "").count > 10)
            try await peer.end()
            try await harness.dispatch()
            #expect(try await bystander.frame("event")["seq"]?.int == 1)
        }
    }

    @Test func `A line above 16 MiB is too long`() async throws {
        try await HubHarness.run { harness in
            let peer = try harness.peer()
            let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            for _ in 0..<17 { try peer.send(bytes: chunk) }
            #expect(try await peer.frame("error")["code"]?.string == "too_long")
            try await peer.end()
        }
    }

    @Test func `A guest who says nothing is sent away, a tool is not`() async throws {
        try await HubHarness.run({ $0.helloDeadline = .milliseconds(300) }) { harness in
            let guest = try harness.peer()
            let tool = try harness.peer()
            try tool.send(#"{"op":"status"}"#)
            #expect(try await guest.frame("error")["code"]?.string == "hello_timeout")
            try await guest.end()
            _ = try await tool.frame("status")
            try tool.send(#"{"op":"status"}"#)
            _ = try await tool.frame("status")
        }
    }

    @Test func `Who is not listed is forbidden`() async throws {
        try await HubHarness.run({ $0.allowedUIDs = [getuid() + 1] }) { harness in
            let peer = try harness.peer()
            #expect(try await peer.frame("error")["code"]?.string == "forbidden")
            try await peer.end()
        }
    }

    @Test func `Past the limit of connections the gateway is busy`() async throws {
        try await HubHarness.run({ $0.maximumConnections = 2 }) { harness in
            let (first, _) = try await harness.worker("a")
            let (second, _) = try await harness.worker("b")
            let third = try harness.peer()
            #expect(try await third.frame("error")["code"]?.string == "busy")
            try await third.end()
            second.close()
            _ = try await first.frame("members")
            _ = try await first.frame("members")
            try await eventually("room again") {
                let next = try harness.peer()
                try next.send(#"{"op":"status"}"#)
                return try await next.frame()["op"]?.string == "status"
            }
        }
    }

    @Test func `Acknowledgements behind a bad frame still count`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            try worker.send("nonsense\n" + #"{"op":"ack","ids":[\#(id)]}"#)
            #expect(try await worker.frame("error")["code"]?.string == "malformed")
            worker.close()
            let (second, _) = try await harness.worker("w2")
            try await harness.dispatch()
            #expect(try await second.frame("event")["seq"]?.int == 2)
        }
    }

    // MARK: Ends of connections

    @Test func `What a dead worker had acknowledged is not delivered again, the rest is`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            for _ in 0..<3 { try await harness.dispatch() }
            var ids: [Int] = []
            for _ in 0..<3 { ids.append(try #require(try await worker.frame("event")["id"]?.int)) }
            // The worker dies with unread events in its socket, right after its acknowledgement.
            for _ in 0..<200 { try await harness.dispatch(key: QueueKey(keyClass: .guild, number: 2)) }
            try worker.send(#"{"op":"ack","ids":[\#(ids[0]),\#(ids[1])]}"#)
            worker.close()
            let (second, _) = try await harness.worker("w2", capacity: 300)
            var first: [Int: JSON] = [:]
            for _ in 0..<201 {
                let event = try await second.frame("event")
                first[try #require(event["id"]?.int)] = event
            }
            #expect(first[ids[0]] == nil && first[ids[1]] == nil)
            #expect(first[ids[2]]?["redelivered"]?.bool == true)
            #expect(first[ids[2]]?["attempt"]?.int == 1)
        }
    }

    @Test func `A worker that answers no ping is taken for dead`() async throws {
        try await HubHarness.run({
            $0.pingInterval = .milliseconds(100)
            $0.pongDeadline = .milliseconds(600)
        }) { harness in
            let (silent, _) = try await harness.worker("silent")
            try await harness.dispatch()
            _ = try await silent.frame("event")
            let (second, _) = try await harness.worker("second")
            var event = JSON.null
            while event["op"]?.string != "event" {
                event = try JSON(ofText: try await second.line())
                if event["op"]?.string == "ping" { try second.send(#"{"op":"pong"}"#) }
            }
            #expect(event["redelivered"]?.bool == true)
            #expect(event["attempt"]?.int == 1)
            try await silent.end()
        }
    }

    @Test func `What was finished while the connection was lost is not delivered again`() async throws {
        try await HubHarness.run { harness in
            let (worker, welcome) = try await harness.worker()
            let journal = try #require(welcome["journal"]?.string)
            try await harness.dispatch()
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            worker.close()
            try await harness.eventually("the worker's end") { $0["workers"]?.elements?.isEmpty ?? false }
            let (other, _) = try await harness.worker("w1", capacity: 16, #""journal":"\#(journal)","done":[\#(id)]"#)
            let event = try await other.frame("event")
            #expect(event["seq"]?.int == 2)
        }
    }

    @Test func `Of another journal nothing is believed`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            worker.close()
            try await harness.eventually("the worker's end") { $0["workers"]?.elements?.isEmpty ?? false }
            let (other, _) = try await harness.worker("w1", capacity: 16, #""journal":"x","done":[\#(id)]"#)
            #expect(try await other.frame("event")["id"]?.int == id)
        }
    }

    // MARK: Answers

    @Test func `A nack comes back with what followed it, and again after a backoff`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            for _ in 0..<3 { try await harness.dispatch() }
            var ids: [Int] = []
            for _ in 0..<3 { ids.append(try #require(try await worker.frame("event")["id"]?.int)) }
            try worker.send(#"{"op":"nack","ids":[\#(ids[1])],"reason":"no"}"#)
            let returned = try await worker.frame()
            #expect(returned == ["op": "returned", "ids": [.integer(ids[1]), .integer(ids[2])]])
            let again = try await worker.frame("event")
            #expect(again["id"]?.int == ids[1])
            #expect(again["attempt"]?.int == 2)
            #expect(again["redelivered"]?.bool == true)
            let next = try await worker.frame("event")
            #expect(next["id"]?.int == ids[2])
            #expect(next["attempt"]?.int == 1)
        }
    }

    @Test func `An event that is not acknowledged in time comes back, unless it is extended`() async throws {
        try await HubHarness.run({ $0.queue.ackTimeout = .milliseconds(400) }) { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            try await harness.dispatch(key: QueueKey(keyClass: .guild, number: 2))
            let first = try #require(try await worker.frame("event")["id"]?.int)
            let second = try #require(try await worker.frame("event")["id"]?.int)
            let returned = try await eventually("the return") {
                try worker.send(#"{"op":"extend","ids":[\#(second)]}"#)
                return try worker.framesSoFar().first
            }
            #expect(returned == ["op": "returned", "ids": [.integer(first)]])
            try worker.send(#"{"op":"ack","ids":[\#(second)]}"#)
            let again = try await worker.frame("event")
            #expect(again["id"]?.int == first)
            #expect(again["attempt"]?.int == 2)
        }
    }

    @Test func `Released events go to another worker at once, and their own takes only interactions`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker("a")
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            let (other, _) = try await harness.worker("b")
            try worker.send(#"{"op":"release","ids":"all","retry_after_ms":60000,"reason":"database down"}"#)
            #expect(try await worker.frame("returned")["ids"] == [.integer(id)])
            let event = try await other.frame("event")
            #expect(event["id"]?.int == id)
            #expect(event["attempt"]?.int == 1)
            other.close()
            try await harness.dispatch("INTERACTION_CREATE", key: QueueKey(keyClass: .interaction, number: 5))
            #expect(try await worker.frame("event")["key"]?.string == "interaction:5")
        }
    }

    @Test func `After draining no event follows`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            try worker.send(#"{"op":"drain"}"#)
            #expect(try await worker.frame()["op"]?.string == "draining")
            try await harness.dispatch()
            try worker.send(#"{"op":"ack","ids":[\#(id)]}"#)
            try worker.send(#"{"op":"status"}"#)
            #expect(try await worker.frame()["op"]?.string == "status")
            worker.close()
            let (second, _) = try await harness.worker("w2")
            let event = try await second.frame("event")
            #expect(event["seq"]?.int == 2)
            #expect(event["redelivered"] == nil)
        }
    }

    @Test func `Goodbye is said, acknowledgements still count, newcomers are sent away`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try await harness.dispatch()
            let id = try #require(try await worker.frame("event")["id"]?.int)
            let hub = harness.hub
            let going = Task { await hub.goodbye(reason: "update", timeout: .seconds(10)) }
            #expect(try await worker.frame() == ["op": "goodbye", "reason": "update"])
            try await harness.dispatch()
            let newcomer = try harness.peer()
            #expect(try await newcomer.frame("error")["code"]?.string == "shutting_down")
            try worker.send(#"{"op":"ack","ids":[\#(id)]}"#)
            await going.value
            #expect(try worker.framesSoFar().isEmpty)
            #expect(try await harness.durable() == 2, "what came meanwhile is in the journal")
        }
    }

    // MARK: Flow

    @Test func `No more than a mebibyte is written ahead to a worker that does not read`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker("w", capacity: 5000)
            let data = #"{"x":"\#(String(repeating: "y", count: 10_000))"}"#
            for number in 0..<1000 {
                try await harness.dispatch(key: QueueKey(keyClass: .guild, number: UInt64(number)), d: data)
            }
            let inFlight = try #require(try await harness.status()["queue"]?["in_flight"]?.int)
            // What the socket itself holds comes on top of what is written ahead.
            #expect(inFlight > 50 && inFlight < 200, "\(inFlight)")
            for _ in 0..<1000 { _ = try await worker.frame("event") }
        }
    }

    @Test func `An event of four mebibytes passes`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker("w", capacity: 1, #""capacity_bytes":1000"#)
            let data = #"{"x":"\#(String(repeating: "y", count: 4 << 20))"}"#
            try await harness.dispatch(d: data)
            let event = try await worker.frame("event")
            #expect(event["d"]?["x"]?.string?.utf8.count == 4 << 20)
        }
    }

    // MARK: Commands

    @Test func `A payload goes to its shard, and what came of it comes back`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try worker.send(#"{"op":"command","ref":4,"shard":1,"payload":{"op":3,"d":{"afk":false}}}"#)
            #expect(try await worker.frame() == ["op": "command_result", "ref": 4, "ok": true])
            let sent = harness.shards.state.withLock { $0.sent.map { "\($0.shard) \($0.payload)" } }
            #expect(sent == [#"1 {"op":3,"d":{"afk":false}}"#])
            try worker.send(#"{"op":"command","ref":5,"shard":9,"payload":{"op":3,"d":{}}}"#)
            let refused = try await worker.frame()
            #expect(refused["ok"]?.bool == false)
            #expect(refused["message"]?.string == "this gateway does not hold shard 9")
            try worker.send(#"{"op":"command","ref":6,"shard":0,"payload":{"op":2,"d":{}}}"#)
            #expect(try await worker.frame()["ok"]?.bool == false)
        }
    }

    @Test(arguments: [#"{"op":3}"#, #"{"op":3,"d":null}"#, #"{"op":4,"d":[]}"#, #"{"op":8,"d":"x"}"#])
    func `A payload that Discord would end the session over is not sent`(payload: String) async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try worker.send(#"{"op":"command","ref":7,"shard":0,"payload":\#(payload)}"#)
            let refused = try await worker.frame()
            #expect(refused["ok"]?.bool == false)
            #expect(refused["message"]?.string == "the payload has no object \"d\"")
            #expect(harness.shards.state.withLock { $0.sent.isEmpty })
        }
    }

    @Test func `A member request that Discord refuses has failed`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            try worker.send(
                #"{"op":"command","ref":1,"shard":0,"payload":{"op":8,"d":{"guild_id":"5","nonce":"n"}}}"#)
            try await eventually("the request at the session") { harness.shards.state.withLock { !$0.sent.isEmpty } }
            let hub = harness.hub
            try await hub.eventLoop.submit {
                hub.memberRequestLimited(shard: 0, guild: Snowflake(5), nonce: "n", retryAfter: 12.5)
            }.get()
            let result = try await worker.frame()
            #expect(result["ref"]?.int == 1 && result["ok"]?.bool == false)
            #expect(result["message"]?.string?.contains("12.5") ?? false)
            // Without a refusal it succeeds, once its doubt is over.
            try worker.send(#"{"op":"command","ref":2,"shard":0,"payload":{"op":8,"d":{"guild_id":"5"}}}"#)
            #expect(try await worker.frame() == ["op": "command_result", "ref": 2, "ok": true])
        }
    }

    // MARK: Status

    @Test func `Status names everything, without hello, as often as wanted`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker("w1", capacity: 7)
            try worker.send(#"{"op":"report","database":{"ok":true},"tasks":{},"metrics":{}}"#)
            try await harness.dispatch()
            _ = try await worker.frame("event")
            let tool = try harness.peer()
            for _ in 0..<3 {
                try tool.send(#"{"op":"status"}"#)
                let status = try await tool.frame("status")
                #expect(status["version"]?.string == Version.current)
                #expect(status["uptime_s"]?.int != nil)
                #expect(
                    status["shards"]?.elements?.first
                        == [
                            "id": 0, "state": "ready", "seq": 5, "latency_ms": 40, "idle_ms": 100, "seq_age_ms": 700,
                        ])
                for name in ["depth", "bytes", "oldest_ms", "in_flight", "dead_letters", "shed", "lost"] {
                    #expect(status["queue"]?[name]?.int != nil, "\(name)")
                }
                let shown = try #require(status["workers"]?.elements?.first)
                #expect(shown["name"]?.string == "w1" && shown["version"]?.string == "9")
                #expect(shown["pid"]?.int == Int(getpid()) && shown["uid"]?.int == Int(getuid()))
                #expect(shown["capacity"]?.int == 7 && shown["in_flight"]?.int == 1 && shown["acked"]?.int == 0)
                #expect(shown["report"]?["database"]?["ok"]?.bool == true)
                #expect(status["counters"]?["delivered"]?.int == 1)
                #expect(status["counters"]?["identifies"]?.int == 3)
            }
            #expect(try await harness.status()["queue"]?["classes"]?["guild"]?["depth"] == 1)
        }
    }
}
