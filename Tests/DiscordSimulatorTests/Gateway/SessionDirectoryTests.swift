import NIOCore
import Shared
import Testing

@testable import DiscordSimulator

@Suite struct SessionDirectoryTests {
    private static let start = 1_764_000_000_000_000
    private static let terms = SessionDirectory.Terms(
        token: "right", allowedIntents: 1 << 1 | 1 << 15, guilds: [], identifyInterval: 5_000_000)

    private var directory = SessionDirectory(bufferedEvents: 10)
    private var budget = IdentifyBudget(total: 3, maxConcurrency: 2)

    private mutating func identify(
        token: String = "right", intents: Int = 33283, shard: Int = 0, of count: Int = 4,
        terms: SessionDirectory.Terms = terms, id: String = "s1", at offset: Int = 0
    ) -> SessionDirectory.IdentifyOutcome {
        let request = IdentifyRequest(token: token, intents: intents, shard: shard, shardCount: count)
        return directory.identify(
            request, connection: 1, newID: id, terms: terms, budget: &budget, at: Self.start + offset)
    }

    private static func code(_ outcome: SessionDirectory.IdentifyOutcome) -> Int? {
        if case .refused(let code, _) = outcome { code } else { nil }
    }

    /// Token, intents, shard, count, close code.
    @Test(
        arguments: [
            ("right", 33283, 0, 1, nil), ("right", 0, 3, 4, nil), ("Bot right", 33283, 0, 1, 4004),
            ("", 33283, 0, 1, 4004), ("right", 33283, 1, 1, 4010), ("right", 33283, -1, 1, 4010),
            ("right", 33283, 0, 0, 4010), ("right", 1 << 17, 0, 1, 4013), ("right", -1, 0, 1, 4013),
            ("right", 1 << 8, 0, 1, 4014), ("right", 1 << 8 | 1 << 40, 0, 1, 4013),
        ] as [(String, Int, Int, Int, Int?)])
    func `an Identify is refused with that code`(
        token: String, intents: Int, shard: Int, count: Int, code: Int?
    ) {
        var copy = self
        let outcome = copy.identify(token: token, intents: intents, shard: shard, of: count)
        #expect(Self.code(outcome) == code)
        #expect((outcome == .accepted(session: "s1")) == (code == nil))
        #expect(copy.budget.remaining(at: Self.start) == (code == nil ? 2 : 3))
    }

    @Test func `more than 2500 guilds on a shard need sharding`() {
        var copy = self
        var terms = Self.terms
        terms.guilds = (0...2500).map { Snowflake(UInt64($0) << 22) }
        #expect(Self.code(copy.identify(shard: 0, of: 1, terms: terms)) == 4011)
        #expect(Self.code(copy.identify(shard: 0, of: 2, terms: terms)) == nil)
    }

    @Test func `a bucket takes one Identify per interval, other buckets are free`() {
        var copy = self
        copy.budget = IdentifyBudget(total: 100, maxConcurrency: 2)
        #expect(copy.identify(shard: 0) == .accepted(session: "s1"))
        #expect(copy.identify(shard: 1, id: "s2") == .accepted(session: "s2"))
        #expect(copy.identify(shard: 2, id: "s3", at: 4_000_000) == .tooFast(key: 0, wait: 1_000_000))
        #expect(copy.identify(shard: 2, id: "s3", at: 5_000_000) == .accepted(session: "s3"))
    }

    @Test func `when the day's identifies are used up the next one ends everything`() {
        var copy = self
        for number in 0..<3 { _ = copy.identify(id: "s\(number)", at: number * 5_000_000) }
        #expect(copy.identify(id: "s4", at: 20_000_000) == .exhausted)
        #expect(copy.budget.resetAfter(at: Self.start + 20_000_000) == 86_380_000)
        #expect(copy.identify(id: "s5", at: 86_400_000_001) == .accepted(session: "s5"))
    }

    // MARK: - Resuming

    private static func event(_ number: Int) -> EncodedEvent {
        EncodedEvent(name: "E", guild: nil, d: ByteBuffer(string: "\(number)"))
    }

    /// A directory with a session that had so many events, and lost its connection.
    private func disconnected(events: Int) -> SessionDirectory {
        var copy = self
        _ = copy.identify()
        for number in 1...events { #expect(copy.directory.append(Self.event(number), to: "s1") == number) }
        copy.directory.disconnect("s1", connection: 1, at: Self.start)
        return copy.directory
    }

    private static func resume(
        _ directory: inout SessionDirectory, _ sequence: Int, session: String = "s1", token: String = "right",
        at offset: Int = 0
    ) -> SessionDirectory.ResumeOutcome {
        directory.resume(
            ResumeRequest(token: token, session: session, sequence: sequence), connection: 2, token: "right",
            expiry: 90_000_000, at: start + offset)
    }

    /// Sequence, what is replayed; nil is 4007.
    @Test(arguments: [(5, []), (3, [4, 5]), (0, [1, 2, 3, 4, 5]), (6, nil), (-1, nil)] as [(Int, [Int]?)])
    func `what came after the sequence is replayed in order`(sequence: Int, replay: [Int]?) {
        var directory = disconnected(events: 5)
        let outcome = Self.resume(&directory, sequence)
        #expect(outcome == (replay == nil ? .invalidSequence : .accepted(previous: nil)))
        if let replay { #expect(directory.replay(of: "s1", after: sequence).map(\.sequence) == replay) }
    }

    @Test func `a replay has the original bytes`() {
        let directory = disconnected(events: 5)
        let bytes = directory.replay(of: "s1", after: 4).map { String(buffer: $0.event.payload(sequence: $0.sequence)) }
        #expect(bytes == [#"{"t":"E","s":5,"op":0,"d":5}"#])
    }

    @Test func `what is older than the buffer is not replayed`() {
        var directory = disconnected(events: 25)
        #expect(Self.resume(&directory, 15) == .accepted(previous: nil))
        guard case .invalid = Self.resume(&directory, 14) else {
            Issue.record("a gap of one event was overlooked")
            return
        }
    }

    @Test func `events that come while nobody is connected wait for the resume`() {
        var directory = disconnected(events: 2)
        _ = directory.append(Self.event(3), to: "s1")
        #expect(Self.resume(&directory, 2) == .accepted(previous: nil))
        #expect(directory.replay(of: "s1", after: 2).map(\.sequence) == [3])
    }

    @Test func `a session is gone after its time, with a wrong token, or by another name`() {
        for (session, token, offset) in [("s1", "right", 90_000_001), ("s1", "wrong", 0), ("s2", "right", 0)] {
            var directory = disconnected(events: 1)
            guard case .invalid = Self.resume(&directory, 1, session: session, token: token, at: offset) else {
                Issue.record("\(session) with \(token) after \(offset) µs was resumed")
                continue
            }
        }
    }

    @Test func `a resume takes a live session from its connection`() {
        var copy = self
        _ = copy.identify()
        _ = copy.directory.append(Self.event(1), to: "s1")
        #expect(Self.resume(&copy.directory, 1) == .accepted(previous: 1))
        copy.directory.disconnect("s1", connection: 1, at: Self.start)
        #expect(copy.directory.sessions["s1"]?.connection == 2)
    }

    @Test func `expiry ends only those without a connection`() {
        var directory = disconnected(events: 1)
        #expect(directory.expire(after: 90_000_000, at: Self.start + 90_000_000).isEmpty)
        #expect(directory.expire(after: 90_000_000, at: Self.start + 90_000_001) == ["s1"])
    }

    // MARK: - Coverage

    @Test func `a guild's events go to its shard, all others to shard 0`() {
        var copy = self
        _ = copy.identify(shard: 2, of: 16)
        let session = copy.directory.sessions["s1"]
        // reference.mdx's worked example: shard 6 of 16.
        #expect(session?.covers(Snowflake(888_832_427_022_221_319)) == false)
        #expect(session?.covers(nil) == false)
        #expect(session?.covers(Snowflake(2 << 22)) == true)
    }

    @Test func `all members may be asked for once per interval and guild`() {
        var copy = self
        _ = copy.identify()
        let guild = Snowflake(1)
        func ask(_ guild: Snowflake, _ offset: Int) -> Int? {
            copy.directory.requestAllMembers(of: guild, in: "s1", interval: 30_000_000, at: Self.start + offset)
        }
        #expect(ask(guild, 0) == nil)
        #expect(ask(guild, 10_000_000) == 20_000_000)
        #expect(ask(Snowflake(2), 10_000_000) == nil)
        #expect(ask(guild, 30_000_000) == nil)
    }
}
