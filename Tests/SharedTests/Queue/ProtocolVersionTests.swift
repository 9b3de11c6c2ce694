import NIOCore
import Shared
import Testing

@Suite struct ProtocolVersionTests {
    @Test(
        arguments: [
            (worker: 1...1, gateway: 1...1, agreed: 1),
            (worker: 1...2, gateway: 1...1, agreed: 1),
            (worker: 1...1, gateway: 1...2, agreed: 1),
            (worker: 1...2, gateway: 1...2, agreed: 2),
            (worker: 2...3, gateway: 1...2, agreed: 2),
            (worker: 2...3, gateway: 1...1, agreed: nil),
            (worker: 1...1, gateway: 2...3, agreed: nil),
        ] as [(ClosedRange<Int>, ClosedRange<Int>, Int?)])
    func `the highest version that both speak holds`(
        worker: ClosedRange<Int>, gateway: ClosedRange<Int>, agreed: Int?
    ) {
        #expect(QueueProtocol.agreed(worker, gateway) == agreed)
    }

    @Test func `a worker that speaks several versions says the lowest, too`() throws {
        let hello = WorkerFrame.hello(WorkerHello(protocolVersions: 1...2, worker: "w", version: "1", capacity: 1))
        var line = ByteBuffer()
        line.writeFrame(hello)
        #expect(
            String(buffer: line)
                == #"{"op":"hello","protocol":2,"protocol_min":1,"worker":"w","version":"1","capacity":1}"# + "\n")
        var decoder = WorkerFrameDecoder()
        #expect(try decoder.decode(line) == hello)
    }
}
