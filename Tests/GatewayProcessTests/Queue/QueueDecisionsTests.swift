internal import NIOCore
internal import Shared
internal import Testing

@testable internal import GatewayProcess

@Suite struct DeferralPolicyTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let wall: Int64 = 1_764_000_000_000_000

    private func head(
        _ kind: InteractionHead.Kind = .command, _ name: String = "config", hasMessage: Bool = false, age: Int64 = 0
    ) -> InteractionHead {
        let created = UInt64(wall / 1000 - age) - Snowflake.epochMilliseconds
        return InteractionHead(id: Snowflake(created << 22), token: "t", kind: kind, name: name, hasMessage: hasMessage)
    }

    private static let lists: (ephemeral: Set<String>, immediate: Set<String>) = (["config"], ["feedback", "form:"])

    static let kinds: [(kind: InteractionHead.Kind, name: String, message: Bool, answer: String)] = [
        (.command, "config", false, "5 ephemeral"), (.command, "ping", false, "5"),
        (.command, "config welcome", false, "5 ephemeral"), (.command, "configure", false, "5"),
        (.command, "feedback", false, "none"), (.command, "feedback more", false, "5"),
        (.component, "button", true, "6"), (.component, "form:1", true, "none"),
        (.modalSubmit, "m", true, "6"), (.modalSubmit, "m", false, "5"),
        (.autocomplete, "config", false, "none"),
    ]

    @Test(arguments: kinds)
    func `Each kind is deferred as Discord allows`(
        kind: InteractionHead.Kind, name: String, message: Bool, answer: String
    ) {
        let call = DeferralPolicy.call(
            for: head(kind, name, hasMessage: message), event: EventID(1), lists: Self.lists)
        #expect(call.map { "\($0.type)\($0.isEphemeral ? " ephemeral" : "")" } ?? "none" == answer)
    }

    @Test func `Of a command that nobody knows only the caller sees the answer`() {
        let call = DeferralPolicy.call(for: head(.command, "ping"), event: EventID(1), lists: nil)
        #expect(call?.isEphemeral == true)
    }

    @Test(
        arguments: [
            (after: 1500, age: 0, due: 1500), (after: 1500, age: 500, due: 1500), (after: 1500, age: 1200, due: 1100),
            (after: 1500, age: 2400, due: 0), (after: 1500, age: 2500, due: nil), (after: 1500, age: 60_000, due: nil),
            (after: 1500, age: 900_000, due: 1500),
            (after: 100, age: 0, due: 100), (after: 1500, age: -3000, due: 1500), (after: 2500, age: 0, due: 2300),
        ] as [(after: Int64, age: Int64, due: Int64?)])
    func `It is due after the time set, sooner if it is old already, never if it is too old`(
        after: Int64, age: Int64, due: Int64?
    ) {
        var policy = DeferralPolicy(after: .milliseconds(after))
        policy.received(head(age: age), as: EventID(1), now: now, wall: wall)
        #expect(policy.nextDeadline == due.map { now + .milliseconds($0) })
        guard let due else { return }
        #expect(policy.due(now: now + .milliseconds(due - 1), lists: nil).isEmpty)
        #expect(policy.due(now: now + .milliseconds(due), lists: nil).count == 1)
        #expect(policy.nextDeadline == nil)
    }

    @Test func `What is done before is not called`() {
        var policy = DeferralPolicy(after: .milliseconds(1500))
        policy.received(head(), as: EventID(1), now: now, wall: wall)
        policy.finished(EventID(1))
        #expect(policy.nextDeadline == nil)
        #expect(policy.due(now: now + .seconds(2), lists: nil).isEmpty)
    }

    @Test func `With no time set nothing is deferred`() {
        var policy = DeferralPolicy(after: nil)
        policy.received(head(), as: EventID(1), now: now, wall: wall)
        #expect(policy.nextDeadline == nil)
    }

    @Test func `A late turn of the loop does not call when it is too late`() {
        var policy = DeferralPolicy(after: .milliseconds(1500))
        policy.received(head(), as: EventID(1), now: now, wall: wall)
        #expect(policy.due(now: now + .milliseconds(2600), lists: nil).isEmpty)
    }

    @Test(arguments: [
        (204, "", DeferralPolicy.Outcome.deferred), (200, "{}", .deferred),
        (400, #"{"code":40060,"message":"x"}"#, .deferred),
        (404, #"{"code":10062}"#, .refused("status 404, code 10062")),
        (429, "", .refused("status 429")), (500, "", .ambiguous), (502, "<html>", .ambiguous),
    ])
    func `Answers are read for what they may have done`(status: Int, body: String, outcome: DeferralPolicy.Outcome) {
        #expect(InteractionCallback.outcome(status: status, body: ByteBuffer(string: body)) == outcome)
    }
}

@Suite struct MemberRequestsTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func request(_ ref: Int, guild: UInt64 = 1, nonce: String? = nil, after: Int64 = 1000)
        -> MemberRequests.Request
    {
        .init(
            connection: 1, ref: ref, shard: 0, guild: Snowflake(guild), nonce: nonce,
            deadline: now + .milliseconds(after))
    }

    @Test func `A refusal finds its request by nonce, else the youngest of the guild`() {
        var requests = MemberRequests()
        requests.sent(request(1, nonce: "a"))
        requests.sent(request(2, nonce: "b"))
        requests.sent(request(3))
        #expect(requests.limited(shard: 0, guild: Snowflake(1), nonce: "a")?.ref == 1)
        #expect(requests.limited(shard: 0, guild: Snowflake(2), nonce: nil) == nil)
        #expect(requests.limited(shard: 1, guild: Snowflake(1), nonce: nil) == nil)
        #expect(requests.limited(shard: 0, guild: Snowflake(1), nonce: nil)?.ref == 3)
    }

    @Test func `Members that arrive, or time, make it certain`() {
        var requests = MemberRequests()
        requests.sent(request(1))
        requests.sent(request(2, guild: 2))
        #expect(requests.answered(shard: 0, guild: Snowflake(1))?.ref == 1)
        #expect(requests.due(now: now + .milliseconds(999)).isEmpty)
        #expect(requests.due(now: now + .milliseconds(1000)).map(\.ref) == [2])
        #expect(requests.isEmpty)
    }

    @Test(arguments: [
        (#"{"op":8,"d":{"guild_id":"5","nonce":"n"}}"#, "5 n"), (#"{"op":8,"d":{"guild_id":"5"}}"#, "5 -"),
        (#"{"op":3,"d":{"guild_id":"5"}}"#, "none"), (#"{"op":8,"d":{}}"#, "none"), (#"{"op":8}"#, "none"),
    ])
    func `Only member requests have a target`(payload: String, target: String) throws {
        let found = MemberRequests.target(of: try JSON(ofText: payload))
        #expect(found.map { "\($0.guild) \($0.nonce ?? "-")" } ?? "none" == target)
    }
}

@Suite struct IntakeGaugeTests {
    @Test func `It closes at the limit, resumes below three quarters, opens below half, and warns once`() {
        var gauge = IntakeGauge(maximumBytes: 100)
        let steps: [(bytes: Int, changes: [IntakeGauge.Change])] = [
            (60, []), (89, []), (90, [.warning]), (95, []), (100, [.intake(.nothing)]), (80, []),
            (74, [.intake(.resumed)]), (80, []), (60, []), (49, [.intake(.everything)]), (60, []),
            (120, [.warning, .intake(.nothing)]), (10, [.intake(.everything)]),
        ]
        for step in steps { #expect(gauge.update(bytes: step.bytes) == step.changes, "\(step.bytes)") }
    }
}

@Suite struct QueueCheckpointTests {
    @Test func `What the session's own file calls finished is not taken again from an older checkpoint`() {
        let checkpoint = QueueCheckpoint(
            journal: "j", lastID: EventID(9), endedInOrder: false, isOfMemory: true,
            shards: [
                .init(
                    shard: 0, session: "s", contiguous: 16, finished: [],
                    pending: [
                        .init(
                            sequence: 17, id: EventID(9), receivedAt: 5, wasDelivered: true, isDeferred: false,
                            failures: 0, deaths: 0)
                    ])
            ], wishes: [])
        var ledger = SequenceLedger(restoring: checkpoint)
        ledger.finish(shard: 0, session: "another", upTo: 30)
        ledger.finish(shard: 0, session: "s", upTo: 18)
        #expect(ledger.durableSequence(shard: 0, session: "s") == 18)
        #expect(ledger.admit(shard: 0, session: "s", sequence: 17, isResumed: false) == .duplicate)
        ledger.begin(shard: 0, session: "t")
        #expect(ledger.takeLosses().isEmpty)
    }

    @Test func `Behind a RESUMED that is replayed itself, events may still have been delivered before`() {
        // Received before the kill: 2, which nobody finished, the RESUMED 3, and 4, which the checkpoint was too late for.
        let checkpoint = QueueCheckpoint(
            journal: "j", lastID: EventID(9), endedInOrder: false, isOfMemory: true,
            shards: [
                .init(
                    shard: 0, session: "s", contiguous: 1, finished: [3...3],
                    pending: [
                        .init(
                            sequence: 2, id: EventID(9), receivedAt: 5, wasDelivered: true, isDeferred: false,
                            failures: 0, deaths: 0)
                    ])
            ], wishes: [])
        var ledger = SequenceLedger(restoring: checkpoint)
        func admit(_ sequence: Int, isResumed: Bool = false) -> SequenceLedger.Admission {
            ledger.admit(shard: 0, session: "s", sequence: sequence, isResumed: isResumed)
        }
        func mayBeRepeated(_ admission: SequenceLedger.Admission) -> Bool? {
            if case .new(_, let mayBeRepeated) = admission { mayBeRepeated } else { nil }
        }
        #expect(mayBeRepeated(admit(2)) == nil)
        #expect(admit(3, isResumed: true) == .finishedBefore)
        #expect(mayBeRepeated(admit(4)) == true)
        #expect(mayBeRepeated(admit(5, isResumed: true)) == false)
        #expect(mayBeRepeated(admit(6)) == false)
    }

    @Test func `A checkpoint is read as it was written`() throws {
        let checkpoint = QueueCheckpoint(
            journal: "j", lastID: EventID(1_764_000_000_000_000), endedInOrder: true, isOfMemory: true,
            shards: [
                .init(
                    shard: 3, session: "s\"x", contiguous: 7, finished: [9...9, 12...20],
                    pending: [
                        .init(
                            sequence: 8, id: EventID(5), receivedAt: 6, wasDelivered: true, isDeferred: false,
                            failures: 2,
                            deaths: 1)
                    ]),
                .init(shard: 4, session: "t", contiguous: nil, finished: [], pending: []),
            ],
            wishes: [
                .init(name: "w", wish: .init(events: ["A"], ephemeral: ["e"], immediate: ["i"]), leftAt: 9),
                .init(name: "v", wish: .init(), leftAt: 1),
            ])
        #expect(QueueCheckpoint(try JSON(ofText: checkpoint.json.text)) == checkpoint)
    }

    @Test(arguments: ["{}", "[]", #"{"format":2}"#])
    func `What is none is not taken for one`(text: String) throws {
        #expect(QueueCheckpoint(try JSON(ofText: text)) == nil)
    }

    @Test(arguments: ["guild:1", "channel:2", "interaction:3", "user:4", "shard:0"])
    func `A key is read as it is shown`(text: String) {
        #expect(QueueKey(text)?.description == text)
    }

    @Test(arguments: ["guild", "guild:", "guild:x", "planet:1", "guild:1:2", "guild:-1"])
    func `What is no key is none`(text: String) {
        #expect(QueueKey(text) == nil)
    }
}
