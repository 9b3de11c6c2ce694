import Shared
import Testing

@testable import DiscordSimulator

@Suite struct GatewayServerSessionTests {
    private static let start = 1_764_000_000_000_000
    private static let identify: JSON = [
        "op": 2,
        "d": [
            "token": "t", "intents": 33283, "shard": [0, 1],
            "properties": ["os": "linux", "browser": "olim", "device": "olim"],
        ],
    ]

    private static func session(live: Bool = false, heartbeatCloseCode: Int? = 4009) -> GatewayServerSession {
        var session = GatewayServerSession(
            limits: TimeLimits(), heartbeatCloseCode: heartbeatCloseCode, at: start)
        if live { session.becomeLive() }
        return session
    }

    private static func code(_ actions: [GatewayServerSession.Action]) -> Int? {
        for case .close(let code, _) in actions { return code }
        return nil
    }

    private static func receive(
        _ payload: JSON?, live: Bool, byteCount: Int = 100, lastSequence: Int? = 5
    ) -> [GatewayServerSession.Action] {
        var session = session(live: live)
        return session.receive(payload, byteCount: byteCount, lastSequence: lastSequence, at: start + 1)
    }

    // MARK: - Opening

    @Test(
        arguments: [
            ("10", "json", nil, nil), ("10", "json", "zlib-stream", nil), ("10", "json", "zstd-stream", nil),
            ("9", "json", nil, 4012), (nil, "json", nil, 4012), ("10", "etf", nil, 4002), ("10", "json", "gzip", 4002),
        ] as [(String?, String?, String?, Int?)])
    func `the URL's parameters decide whether Hello comes`(
        version: String?, encoding: String?, compress: String?, code: Int?
    ) {
        var session = Self.session()
        let actions = session.open(.init(version: version, encoding: encoding, compress: compress))
        #expect(Self.code(actions) == code)
        #expect(actions.contains(.hello) == (code == nil))
    }

    @Test func `a URL without an encoding is served and reported`() {
        var session = Self.session()
        let actions = session.open(.init(version: "10", encoding: nil, compress: nil))
        #expect(actions == [.report("the URL names no encoding"), .hello])
    }

    // MARK: - Frames

    /// State, payload, close code.
    @Test(
        arguments: [
            (false, nil, 4002), (false, .array([]), 4002), (false, ["d": 1], 4001), (false, ["op": 0, "d": nil], 4001),
            (false, ["op": 7, "d": nil], 4001), (false, ["op": 99, "d": nil], 4001), (false, ["op": "2"], 4001),
            (false, ["op": 3, "d": .object([])], 4003), (false, ["op": 4, "d": .object([])], 4003),
            (false, ["op": 8, "d": .object([])], 4003), (false, ["op": 31, "d": .object([])], 4003),
            (false, ["op": 1, "d": nil], nil), (false, ["op": 1, "d": "5"], 4001), (false, ["op": 1], 4001),
            (false, ["op": 2, "d": nil], 4001), (false, ["op": 2, "d": ["token": "t", "intents": "1"]], 4001),
            (false, ["op": 2, "d": ["token": "t", "intents": 1]], 4001),
            (false, ["op": 2, "d": ["token": "t", "intents": 1, "properties": .object([]), "shard": [0]]], 4001),
            (false, GatewayServerSessionTests.identify, nil), (true, GatewayServerSessionTests.identify, 4005),
            (false, ["op": 6, "d": ["token": "t", "session_id": "s"]], 4001),
            (false, ["op": 6, "d": ["token": "t", "session_id": "s", "seq": 5]], nil),
            (true, ["op": 6, "d": ["token": "t", "session_id": "s", "seq": 5]], 4005),
            (true, ["op": 3, "d": ["since": nil, "activities": [], "status": "online", "afk": false]], nil),
            (true, ["op": 3, "d": ["since": nil, "activities": [], "status": "away", "afk": false]], 4001),
            (true, ["op": 8, "d": ["guild_id": "1", "query": "", "limit": 0]], nil),
            (true, ["op": 8, "d": ["guild_id": 1, "user_ids": ["2", "3"]]], nil),
            (true, ["op": 8, "d": ["guild_id": "1", "query": ""]], 4001), (true, ["op": 8, "d": ["query": ""]], 4001),
            (true, ["op": 4, "d": ["guild_id": "1", "channel_id": nil, "self_mute": false, "self_deaf": false]], nil),
            (true, ["op": 4, "d": ["guild_id": "1"]], 4001),
        ] as [(Bool, JSON?, Int?)])
    func `a payload in that state closes with that code`(live: Bool, payload: JSON?, code: Int?) {
        #expect(Self.code(Self.receive(payload, live: live)) == code)
    }

    @Test func `4096 bytes are taken, one more is not`() {
        let heartbeat: JSON = ["op": 1, "d": nil]
        #expect(Self.code(Self.receive(heartbeat, live: false, byteCount: 4096)) == nil)
        #expect(Self.code(Self.receive(heartbeat, live: false, byteCount: 4097)) == 4002)
    }

    @Test func `an Identify is read whole`() {
        let request = IdentifyRequest(token: "t", intents: 33283, shard: 0, shardCount: 1, namesShard: true)
        #expect(Self.receive(Self.identify, live: false) == [.identify(request)])
    }

    @Test func `an Identify without its properties' members is taken and reported`() {
        let payload: JSON = ["op": 2, "d": ["token": "t", "intents": 1, "properties": .object([])]]
        let reports = Self.receive(payload, live: false).count { if case .report = $0 { true } else { false } }
        #expect(reports == 3)
    }

    /// Sequence sent, whether it is reported where 5 was the last.
    @Test(arguments: [(nil, false), (5, false), (1, false), (6, true), (0, true), (-1, true)] as [(Int?, Bool)])
    func `a heartbeat is answered, a made-up sequence reported`(sequence: Int?, isReported: Bool) {
        let actions = Self.receive(["op": 1, "d": sequence.map(JSON.integer) ?? .null], live: true)
        #expect(actions.first == .noteHeartbeat(sequence: sequence))
        #expect(actions.last == .acknowledge)
        #expect((actions.count == 3) == isReported)
    }

    // MARK: - Limits

    @Test func `the 121st payload of a minute closes with 4008, heartbeats counted`() {
        var session = Self.session(live: true)
        for number in 0..<120 {
            let actions = session.receive(
                ["op": 1, "d": nil], byteCount: 20, lastSequence: 1, at: Self.start + number * 1000)
            #expect(Self.code(actions) == nil)
        }
        let last = session.receive(["op": 1, "d": nil], byteCount: 20, lastSequence: 1, at: Self.start + 59_000_000)
        #expect(Self.code(last) == 4008)
        #expect(
            session.receive(["op": 1, "d": nil], byteCount: 20, lastSequence: 1, at: Self.start + 59_000_001).isEmpty)
    }

    @Test func `120 payloads a minute go on for ever`() {
        var session = Self.session(live: true)
        for number in 0..<600 {
            let actions = session.receive(
                ["op": 1, "d": nil], byteCount: 20, lastSequence: 1, at: Self.start + number * 500_001)
            #expect(Self.code(actions) == nil)
        }
    }

    @Test func `the sixth presence in 20 s is reported`() {
        var session = Self.session(live: true)
        let presence: JSON = ["op": 3, "d": ["since": nil, "activities": [], "status": "idle", "afk": false]]
        let reports = (0..<6).map { number in
            session.receive(presence, byteCount: 50, lastSequence: 1, at: Self.start + number)
                .contains(.report("more than 5 presence updates in 20 s"))
        }
        #expect(reports == [false, false, false, false, false, true])
    }

    // MARK: - Time

    @Test(arguments: [4009, nil]) func `heartbeats that stop end the connection, not before the tolerance`(code: Int?) {
        var session = Self.session(live: true, heartbeatCloseCode: code)
        let deadline = Self.start + 41_250_000 + 10_000_000
        #expect(session.tick(at: deadline).isEmpty)
        #expect(session.tick(at: deadline + 1000).last == .close(code: code, reason: "heartbeats stopped"))
        #expect(session.tick(at: deadline + 2000).isEmpty)
    }

    @Test func `a heartbeat starts the deadline anew`() {
        var session = Self.session(live: true)
        _ = session.receive(["op": 1, "d": nil], byteCount: 20, lastSequence: 1, at: Self.start + 40_000_000)
        #expect(session.tick(at: Self.start + 90_000_000).isEmpty)
    }

    @Test func `who neither identifies nor resumes is closed`() {
        var session = Self.session()
        _ = session.receive(["op": 1, "d": nil], byteCount: 20, lastSequence: nil, at: Self.start + 40_000_000)
        #expect(Self.code(session.tick(at: Self.start + 60_000_001)) == 4003)
    }

    @Test func `after the server ended the session another Identify is welcome`() {
        var session = Self.session(live: true)
        session.becomeIdle()
        #expect(Self.code(session.receive(Self.identify, byteCount: 100, lastSequence: nil, at: Self.start + 1)) == nil)
    }
}
