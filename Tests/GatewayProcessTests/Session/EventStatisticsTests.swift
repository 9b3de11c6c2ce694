import NIOCore
import Testing

@testable import GatewayProcess

struct EventStatisticsTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func statistics(events: Int, every pause: TimeAmount) -> (EventStatistics, NIODeadline) {
        var statistics = EventStatistics()
        var now = start
        for _ in 0..<events {
            statistics.note("MESSAGE_CREATE", slot: 3, now: now)
            now = now + pause
        }
        return (statistics, now - pause)
    }

    @Test func `A kind of event that came often and comes no more is reported`() {
        let (statistics, last) = Self.statistics(events: 1000, every: .seconds(2))
        #expect(statistics.silences(now: last + .minutes(29)).isEmpty)
        #expect(statistics.silences(now: last + .minutes(31)) == [.init(type: "MESSAGE_CREATE", since: last)])
    }

    @Test func `What came rarely, or seldom at all, may be silent`() {
        let (rare, lastRare) = Self.statistics(events: 1000, every: .minutes(5))
        #expect(rare.silences(now: lastRare + .hours(12)).isEmpty)
        let (few, lastFew) = Self.statistics(events: 49, every: .seconds(1))
        #expect(few.silences(now: lastFew + .hours(12)).isEmpty)
    }

    @Test func `Another name in the same slot starts over`() {
        var (statistics, last) = Self.statistics(events: 1000, every: .seconds(2))
        statistics.note("TYPING_START", slot: 3, now: last)
        #expect(statistics.silences(now: last + .hours(1)).isEmpty)
        var names = EventNames()
        let bytes = Array("MESSAGE_CREATE".utf8)
        let first = bytes.withUnsafeBytes { names.name($0) }
        let second = bytes.withUnsafeBytes { names.name($0) }
        #expect(first.name.text == "MESSAGE_CREATE")
        #expect(first.slot == second.slot)
    }
}
