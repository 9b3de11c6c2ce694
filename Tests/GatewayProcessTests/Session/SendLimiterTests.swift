import NIOCore
import TestKit
import Testing

@testable import GatewayProcess

struct SendLimiterTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func `Commands stop before the reserve, heartbeats always go`() {
        var limiter = SendLimiter()
        for _ in 0..<110 { #expect(limiter.send(.command, now: Self.start) == .now) }
        #expect(limiter.send(.command, now: Self.start) == .notBefore(Self.start + .seconds(61)))
        for _ in 0..<10 { #expect(limiter.send(.vital, now: Self.start) == .now) }
        #expect(limiter.send(.command, now: Self.start + .seconds(61)) == .now)
    }

    @Test(arguments: [(milliseconds: 41_250, commands: 110), (3000, 91), (1000, 51), (400, 1)])
    func `Short heartbeats take their room from commands`(milliseconds: Int, commands: Int) {
        var limiter = SendLimiter()
        limiter.heartbeatInterval = .milliseconds(Int64(milliseconds))
        for _ in 0..<commands { #expect(limiter.send(.command, now: Self.start) == .now) }
        #expect(limiter.send(.command, now: Self.start) == .notBefore(Self.start + .seconds(61)))
        #expect(limiter.send(.vital, now: Self.start) == .now)
    }

    @Test func `Five presences go in twenty seconds`() {
        var limiter = SendLimiter()
        for second in 0..<5 {
            #expect(limiter.send(.presence, now: Self.start + .seconds(Int64(second))) == .now)
        }
        #expect(limiter.send(.presence, now: Self.start + .seconds(5)) == .notBefore(Self.start + .seconds(21)))
        #expect(limiter.send(.command, now: Self.start + .seconds(5)) == .now)
        #expect(limiter.send(.presence, now: Self.start + .seconds(21)) == .now)
    }

    @Test func `No window of sixty seconds ever holds more than 120 frames`() {
        var limiter = SendLimiter()
        var random = SeededGenerator(seed: 4)
        var now = Self.start
        var sent: [NIODeadline] = []
        for _ in 0..<5000 {
            now = now + .milliseconds(.random(in: 0...800, using: &random))
            let kind: SendLimiter.Kind = Int.random(in: 0..<60, using: &random) == 0 ? .vital : .command
            if limiter.send(kind, now: now) == .now { sent.append(now) }
            #expect(sent.suffix(200).filter { now - $0 < .seconds(60) }.count <= 120)
        }
        #expect(sent.count > 1000)
    }
}
