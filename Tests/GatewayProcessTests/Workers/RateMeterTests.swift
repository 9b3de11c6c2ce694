import NIOCore
import Testing

@testable import GatewayProcess

@Suite struct RateMeterTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `A steady counter has its pace, a burst is spread over ten seconds, and silence ends it`() {
        var meter = RateMeter()
        #expect(meter.perSecond(5, now: start) == 0)
        for second in 0...30 { meter.note(second * 7, now: start + .seconds(Int64(second))) }
        #expect(meter.perSecond(30 * 7, now: start + .seconds(30)) == 7)
        for second in 31...40 { meter.note(310, now: start + .seconds(Int64(second))) }
        #expect(meter.perSecond(310, now: start + .seconds(40)) == 10)
        for second in 41...60 { meter.note(310, now: start + .seconds(Int64(second))) }
        #expect(meter.perSecond(310, now: start + .seconds(60)) == 0)
    }

    @Test func `A moment is too short for a rate`() {
        var meter = RateMeter()
        meter.note(0, now: start)
        #expect(meter.perSecond(100, now: start + .milliseconds(100)) == 0)
        #expect(meter.perSecond(100, now: start + .milliseconds(500)) == 200)
    }
}
