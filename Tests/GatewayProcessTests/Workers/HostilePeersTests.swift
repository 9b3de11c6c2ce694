import NIOCore
import Shared
import TestKit
import Testing

@testable import GatewayProcess

/// Peers that the gateway lets connect and that do their worst: a worker beside them goes on.
@Suite(.timeLimit(.minutes(2))) struct HostilePeersTests {
    private func chunk(_ bytes: Int) -> [UInt8] { Array(repeating: UInt8(ascii: "x"), count: bytes) }

    @Test func `Lines that never end fill no more than the room there is for all of them`() async throws {
        try await HubHarness.run({ $0.maximumUnfinishedBytes = 1 << 20 }) { harness in
            let (worker, _) = try await harness.worker()
            let small = try harness.peer()
            try small.send(bytes: chunk(100 << 10))
            let large = try harness.peer()
            try large.send(bytes: chunk(1 << 20))
            let error = try await large.frame("error")
            #expect(error["code"]?.string == "busy")
            #expect(error["message"]?.string?.contains("unfinished lines") == true)
            try await large.end()
            // Its room is free again, and the one with the shorter line was left in peace.
            let next = try harness.peer()
            try next.send(bytes: chunk(800 << 10))
            try next.send("")
            #expect(try await next.frame("error")["code"]?.string == "malformed")
            try small.send("")
            #expect(try await small.frame("error")["code"]?.string == "malformed")
            try await harness.dispatch()
            #expect(try await worker.frame("event")["seq"]?.int == 1)
        }
    }

    @Test func `Who asks and does not read is not answered each time, and holds up nobody`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker()
            let greedy = try harness.peer()
            for _ in 0..<2000 { try greedy.send(#"{"op":"status"}"#) }
            for sequence in 1...20 {
                try await harness.dispatch()
                let event = try await worker.frame("event")
                #expect(event["seq"]?.int == sequence)
                try worker.send(#"{"op":"ack","ids":[\#(try #require(event["id"]?.int))]}"#)
            }
            // Answers that were written before it read, and one for all that it asked for meanwhile.
            try greedy.send(HubHarness.hello("greedy"))
            var answers = 0
            while try await greedy.frame()["op"]?.string != "welcome" { answers += 1 }
            #expect(answers > 0 && answers < 2000)
        }
    }

    @Test func `Ids that were never delivered, however many, change nothing`() async throws {
        try await HubHarness.run { harness in
            let (worker, _) = try await harness.worker("a")
            let (liar, _) = try await harness.worker("b")
            try await harness.dispatch()
            let ids = (1...100_000).map(String.init).joined(separator: ",")
            for op in ["ack", "extend"] { try liar.send(#"{"op":"\#(op)","ids":[\#(ids)]}"#) }
            try await harness.eventually("they are counted") {
                $0["counters"]?["unknown_acks"]?.int ?? 0 >= 100_000
            }
            let status = try await harness.status()
            #expect(status["queue"]?["depth"]?.int == 1)
            worker.close()
            liar.close()
        }
    }
}
