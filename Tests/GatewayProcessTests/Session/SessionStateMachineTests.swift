import NIOCore
import Shared
import TestKit
import Testing

@testable import GatewayProcess

/// A state machine with its own clock and randomness.
struct MachineBench {
    static let session = ResumableSession(id: "s", resumeURL: "wss://resume")

    var machine: SessionStateMachine
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var random = SeededGenerator(seed: 1)

    init(session: ResumableSession? = nil, limits: SessionStateMachine.Limits = SessionStateMachine.Limits()) {
        machine = SessionStateMachine(session: session, limits: limits)
    }

    @discardableResult
    mutating func handle(_ events: SessionEvent...) -> [SessionAction] {
        events.flatMap { machine.handle($0, now: now, using: &random) }
    }

    /// Jumps to the next deadline.
    @discardableResult
    mutating func reachDeadline() -> [SessionAction] {
        guard let deadline = machine.nextDeadline else { return [] }
        now = max(now, deadline)
        return handle(.deadline)
    }

    var waits: TimeAmount? {
        if case .waiting(let until) = machine.phase { until - now } else { nil }
    }

    static let hello = SessionEvent.hello(interval: .milliseconds(41250))

    static func connecting() -> MachineBench {
        var bench = MachineBench()
        bench.handle(.start, .permitGranted)
        return bench
    }

    static func awaitingHello() -> MachineBench {
        var bench = connecting()
        bench.handle(.connected)
        return bench
    }

    static func identifying() -> MachineBench {
        var bench = awaitingHello()
        bench.handle(hello)
        return bench
    }

    static func resuming() -> MachineBench {
        var bench = MachineBench(session: session)
        bench.handle(.start)
        bench.reachDeadline()
        bench.handle(.connected, hello)
        return bench
    }

    static func ready() -> MachineBench {
        var bench = identifying()
        bench.handle(.ready(session))
        return bench
    }
}

struct SessionStateMachineTests {
    @Test func `A new session asks for a permit before it connects, identifies at Hello and is live at READY`() {
        var bench = MachineBench()
        #expect(bench.handle(.start) == [.requestPermit])
        #expect(bench.handle(.permitGranted) == [.connect(.general)])
        #expect(bench.handle(.connected) == [])
        #expect(bench.handle(MachineBench.hello) == [.identify])
        #expect(bench.handle(.ready(MachineBench.session)) == [.live(resumed: false)])
        #expect(bench.machine.isReady)
    }

    @Test func `A session read back from disk is resumed on its own URL, without a permit`() {
        var bench = MachineBench(session: MachineBench.session)
        #expect(bench.handle(.start) == [])
        #expect(bench.reachDeadline() == [.connect(.resume(url: "wss://resume"))])
        #expect(bench.handle(.connected) == [])
        #expect(bench.handle(MachineBench.hello) == [.resume(session: "s")])
        #expect(bench.handle(.resumed) == [.live(resumed: true)])
    }

    enum After: Sendable {
        case resumes, identifies
        case ends(ProcessExit)
    }

    @Test(
        arguments: [
            (nil, After.resumes), (1000, .resumes), (1001, .resumes), (1006, .resumes), (4000, .resumes),
            (4001, .identifies), (4002, .resumes), (4003, .identifies), (4004, .ends(.rejected)), (4005, .identifies),
            (4006, .resumes), (4007, .identifies), (4008, .resumes), (4009, .identifies), (4010, .ends(.configuration)),
            (4011, .ends(.configuration)), (4012, .ends(.configuration)), (4013, .ends(.rejected)),
            (4014, .ends(.rejected)), (4999, .resumes),
        ] as [(UInt16?, After)])
    func `Each close code on a live session has its consequence`(code: UInt16?, after: After) {
        var bench = MachineBench.ready()
        let actions = bench.handle(.disconnected(code: code))
        switch after {
        case .resumes:
            #expect(actions == [])
            #expect(bench.reachDeadline() == [.connect(.resume(url: "wss://resume"))])
        case .identifies:
            #expect(actions.count == 1)
            guard case .forget(session: "s", reason: _, byOperator: _) = actions.first else {
                Issue.record("the session should be forgotten, not \(actions)")
                return
            }
            #expect(bench.reachDeadline() == [.requestPermit])
        case .ends(let exit):
            #expect(actions == [.ended(.fatal(code: code ?? 0, exit: exit))])
            #expect(bench.machine.nextDeadline == nil)
            #expect(bench.handle(.start, .permitGranted, .connected) == [])
        }
    }

    @Test(
        arguments: [
            (nil, nil), (1000, nil), (4000, nil), (4003, nil), (4009, nil), (4004, .rejected), (4010, .configuration),
            (4011, .configuration), (4012, .configuration), (4013, .rejected), (4014, .rejected),
        ] as [(UInt16?, ProcessExit?)])
    func `Each close code after Identify leads back to the permit or ends`(code: UInt16?, exit: ProcessExit?) {
        var bench = MachineBench.identifying()
        let actions = bench.handle(.disconnected(code: code))
        if let exit {
            #expect(actions == [.ended(.fatal(code: code ?? 0, exit: exit))])
        } else {
            #expect(actions == [])
            #expect(bench.reachDeadline() == [.requestPermit])
        }
    }

    @Test func `4008 makes the next attempt wait longer`() throws {
        var bench = MachineBench.ready()
        bench.handle(.disconnected(code: 4008))
        #expect(try #require(bench.waits) >= .seconds(10))
        var other = MachineBench.ready()
        other.handle(.disconnected(code: 4000))
        #expect(try #require(other.waits) <= .milliseconds(500))
    }

    @Test func `Op 7 closes with 4000 and resumes, live, in the replay, and instead of Hello`() {
        for (make, target) in [
            (MachineBench.ready, SessionAction.connect(.resume(url: "wss://resume"))),
            (MachineBench.resuming, .connect(.resume(url: "wss://resume"))),
        ] {
            var bench = make()
            #expect(bench.handle(.reconnectRequested) == [.close(code: 4000)])
            #expect(bench.reachDeadline() == [target])
        }
        var bench = MachineBench.awaitingHello()
        #expect(bench.handle(.reconnectRequested) == [.close(code: 4000), .withdrawPermit])
        #expect(bench.reachDeadline() == [.requestPermit])
    }

    @Test func `Op 9 with true resumes after one to five seconds`() throws {
        var bench = MachineBench.ready()
        #expect(bench.handle(.invalidSession(resumable: true)) == [.close(code: 4000)])
        let wait = try #require(bench.waits)
        #expect(wait >= .seconds(1) && wait <= .seconds(5))
        #expect(bench.reachDeadline() == [.connect(.resume(url: "wss://resume"))])
    }

    @Test func `Op 9 with false forgets the session and identifies on the general URL after one to five seconds`()
        throws
    {
        for make in [MachineBench.ready, MachineBench.resuming] {
            var bench = make()
            let actions = bench.handle(.invalidSession(resumable: false))
            #expect(
                actions == [
                    .close(code: 4000),
                    .forget(session: "s", reason: "Discord says the session is invalid", byOperator: false),
                ])
            let wait = try #require(bench.waits)
            #expect(wait >= .seconds(1) && wait <= .seconds(5))
            #expect(bench.reachDeadline() == [.requestPermit])
            #expect(bench.handle(.permitGranted) == [.connect(.general)])
        }
    }

    @Test func `Op 9 after Identify waits and identifies again`() throws {
        var bench = MachineBench.identifying()
        #expect(bench.handle(.invalidSession(resumable: false)) == [.close(code: 4000)])
        #expect(try #require(bench.waits) >= .seconds(1))
        #expect(bench.reachDeadline() == [.requestPermit])
    }

    @Test func `A resume that Discord does not answer is tried again, at last on the general URL`() {
        var bench = MachineBench.resuming()
        for target in [
            SessionAction.Target.resume(url: "wss://resume"), .resume(url: "wss://resume"), .general, .general,
        ] {
            var actions: [SessionAction]
            repeat {
                actions = bench.reachDeadline()
                bench.handle(.heartbeatAcknowledged)
            } while actions == [.heartbeat]
            #expect(actions.starts(with: [.close(code: 4000), .warn("no answer to RESUME in time")]))
            #expect(bench.reachDeadline() == [.connect(target)])
            #expect(bench.handle(.connected, MachineBench.hello) == [.resume(session: "s")])
        }
    }

    @Test func `A replay that goes on is not cut off, however long it takes`() {
        var bench = MachineBench.resuming()
        for _ in 0..<20 {
            bench.now = bench.now + .seconds(50)
            bench.handle(.heartbeatAcknowledged)
            bench.machine.replayed(now: bench.now)
            #expect(!bench.handle(.deadline).contains(.close(code: 4000)))
        }
        #expect(bench.machine.isResuming)
    }

    @Test func `No Hello in time is a failure to connect`() {
        var bench = MachineBench.awaitingHello()
        #expect(bench.reachDeadline() == [.close(code: 4000), .warn("no Hello in time"), .withdrawPermit])
        #expect(bench.reachDeadline() == [.requestPermit])
    }

    @Test
    func `A resume URL that does not connect is given up after three tries for the same session on the general URL`() {
        var bench = MachineBench(session: MachineBench.session)
        bench.handle(.start)
        for attempt in 1...3 {
            #expect(bench.reachDeadline() == [.connect(.resume(url: "wss://resume"))])
            let actions = bench.handle(.disconnected(code: nil))
            #expect(actions.isEmpty == (attempt < 3))
        }
        #expect(bench.reachDeadline() == [.connect(.general)])
        #expect(bench.handle(.connected) == [])
        #expect(bench.handle(MachineBench.hello) == [.resume(session: "s")])
    }

    @Test func `The first beat comes at random within the interval, the others an interval apart`() throws {
        var firsts: Set<Int64> = []
        for seed in 0..<20 as Range<UInt64> {
            var bench = MachineBench.awaitingHello()
            bench.random = SeededGenerator(seed: seed)
            bench.handle(MachineBench.hello)
            let first = try #require(bench.machine.nextDeadline) - bench.now
            #expect(first >= .zero && first < .milliseconds(41250))
            firsts.insert(first.nanoseconds)
            #expect(bench.reachDeadline() == [.heartbeat])
            bench.handle(.heartbeatAcknowledged)
            #expect(bench.machine.nextDeadline == bench.now + .milliseconds(41250))
        }
        #expect(firsts.count > 15)
    }

    @Test
    func `A beat that is not acknowledged until the next one makes a zombie, which is closed with 4000 and resumed`() {
        var bench = MachineBench.ready()
        #expect(bench.reachDeadline() == [.heartbeat])
        let actions = bench.reachDeadline()
        #expect(actions.first == .close(code: 4000))
        #expect(bench.reachDeadline() == [.connect(.resume(url: "wss://resume"))])
    }

    @Test func `A beat that Discord asks for goes at once and neither moves the timer nor starts a wait`() {
        var bench = MachineBench.ready()
        let next = bench.machine.nextDeadline
        #expect(bench.handle(.heartbeatRequested) == [.heartbeat])
        #expect(bench.machine.nextDeadline == next)
        #expect(bench.reachDeadline() == [.heartbeat])
    }

    @Test func `Beats go on between Identify and READY`() {
        var bench = MachineBench.identifying()
        #expect(bench.reachDeadline() == [.heartbeat])
        bench.handle(.heartbeatAcknowledged)
        #expect(bench.reachDeadline() == [.heartbeat])
        #expect(bench.machine.phase == .identifying)
    }

    @Test func `After a gap an acknowledgement gets as much more time, a beat that is due goes`() {
        var bench = MachineBench.ready()
        bench.reachDeadline()
        let due = bench.machine.nextDeadline
        bench.machine.extend(by: .seconds(100))
        #expect(bench.machine.nextDeadline == due.map { $0 + .seconds(100) })
        bench.handle(.heartbeatAcknowledged)
        let next = bench.machine.nextDeadline
        bench.machine.extend(by: .seconds(100))
        #expect(bench.machine.nextDeadline == next)

        var waiting = MachineBench.awaitingHello()
        let hello = waiting.machine.nextDeadline
        waiting.machine.extend(by: .seconds(7))
        #expect(waiting.machine.nextDeadline == hello.map { $0 + .seconds(7) })
    }

    @Test func `Something unreadable closes with 4000 and resumes; three times at one point it costs the session`() {
        var bench = MachineBench.ready()
        for _ in 1...2 {
            #expect(bench.handle(.unreadable(sequence: 7)) == [.close(code: 4000)])
            #expect(bench.reachDeadline() == [.connect(.resume(url: "wss://resume"))])
            bench.handle(.connected, MachineBench.hello, .resumed)
        }
        #expect(bench.handle(.unreadable(sequence: 9)) == [.close(code: 4000)])
        bench.reachDeadline()
        for _ in 1...2 {
            bench.handle(.connected, MachineBench.hello, .resumed)
            let actions = bench.handle(.unreadable(sequence: 9))
            if actions.count == 1 { bench.reachDeadline() }
        }
        #expect(bench.machine.session == nil)
        #expect(bench.reachDeadline() == [.requestPermit])
    }

    @Test func `Waits grow with failures up to a minute and start over after a session that lasted`() throws {
        var bench = MachineBench(session: MachineBench.session)
        bench.handle(.start)
        var longest = TimeAmount.zero
        for failure in 1...12 {
            bench.reachDeadline()
            bench.handle(.disconnected(code: nil))
            let wait = try #require(bench.waits)
            #expect(wait <= .seconds(60))
            if failure >= 9 { #expect(wait >= .seconds(30)) }
            longest = max(longest, wait)
        }
        #expect(longest > .seconds(30))
        bench.reachDeadline()
        bench.handle(.connected, MachineBench.hello, .resumed)
        bench.now = bench.now + .seconds(31)
        bench.handle(.disconnected(code: nil))
        #expect(try #require(bench.waits) <= .milliseconds(500))
    }

    @Test func `A session that dies as soon as it is live does not reset the waits`() throws {
        var bench = MachineBench.ready()
        for _ in 1...10 {
            bench.handle(.reconnectRequested)
            bench.reachDeadline()
            bench.handle(.connected, MachineBench.hello, .resumed)
        }
        bench.handle(.reconnectRequested)
        #expect(try #require(bench.waits) >= .seconds(30))
    }

    @Test func `Shutdown closes with 4000 and keeps the session`() {
        var bench = MachineBench.ready()
        #expect(bench.handle(.shutdown) == [.close(code: 4000), .ended(.shutdown)])
        #expect(bench.machine.session == MachineBench.session)
        #expect(bench.handle(.disconnected(code: nil), .deadline) == [])
        var waiting = MachineBench()
        waiting.handle(.start)
        #expect(waiting.handle(.shutdown) == [.withdrawPermit, .ended(.shutdown)])
    }

    @Test func `A new session on request waits for its permit while the old one goes on`() {
        var bench = MachineBench.ready()
        #expect(bench.handle(.reidentify) == [.requestPermit])
        #expect(bench.handle(.reidentify) == [])
        #expect(bench.machine.isReady)
        let actions = bench.handle(.permitGranted)
        #expect(actions.first == .forget(session: "s", reason: "an operator asked for a new session", byOperator: true))
        #expect(actions.dropFirst() == [.close(code: 4000), .connect(.general)])
        #expect(bench.handle(.connected) == [])
        #expect(bench.handle(MachineBench.hello) == [.identify])
    }

    @Test func `A full queue closes the session resumably, half room resumes it, and only more room begins one anew`() {
        var bench = MachineBench.ready()
        #expect(bench.handle(.intake(.nothing)) == [.close(code: 4000)])
        #expect(bench.machine.nextDeadline == nil)
        #expect(bench.handle(.intake(.resumed)) == [.connect(.resume(url: "wss://resume"))])
        bench.handle(.connected, MachineBench.hello)
        bench.handle(.invalidSession(resumable: false))
        #expect(bench.reachDeadline() == [])
        #expect(bench.machine.phase == .held)
        #expect(bench.handle(.intake(.everything)) == [.requestPermit])
    }

    @Test func `An unused permit goes back when the connection fails`() {
        var bench = MachineBench.connecting()
        #expect(bench.handle(.disconnected(code: nil)) == [.withdrawPermit])
    }
}
