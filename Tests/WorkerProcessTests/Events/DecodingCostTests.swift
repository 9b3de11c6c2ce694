import NIOCore
import Shared
import Testing

@testable import WorkerProcess

/// Prints what an ordinary message costs the worker, for measuring in a release build; how fast a machine is gates nothing.
@Suite struct DecodingCostTests {
    @Test func `an ordinary message is planned from its line`() throws {
        let messages = (0..<200).map { number in
            Samples.message(
                "moin zusammen, das ist Nachricht \(number) 👋",
                id: Snowflake(1_534_992_209_336_991_765 + UInt64(number)))
        }
        let lines = messages.enumerated().map { number, message in
            var line = ByteBuffer()
            var event = Samples.frame("MESSAGE_CREATE", id: Int64(number + 1))
            event.data = ByteBuffer(string: message.text)
            line.writeFrame(.event(event))
            return line.getSlice(at: 0, length: line.readableBytes - 1) ?? line
        }
        let services = Services.fake(FakeDiscord(), FakeStore())
        let planner = EventHandlers.standard(services)
        var decoder = GatewayFrameDecoder()
        let rounds = 5
        var counted = 0
        var decoding = Duration.zero
        var planning = Duration.zero
        for _ in 0..<rounds {
            for line in lines {
                let start = ContinuousClock.now
                guard case .event(let event) = try decoder.decode(line), let data = decoder.eventData else {
                    Issue.record("no event")
                    return
                }
                let middle = ContinuousClock.now
                if try planner.plan(event, data).activity != nil { counted += 1 }
                planning += .now - middle
                decoding += middle - start
            }
        }
        #expect(counted == rounds * lines.count)
        let bytes = lines.map(\.readableBytes).reduce(0, +) / lines.count
        let events = Double(rounds * lines.count)
        print(
            "decoding \(decoding / events) and planning \(planning / events) per message of \(bytes) bytes",
            "(with two readings of the clock)")
    }
}
