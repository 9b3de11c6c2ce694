internal import DequeModule
internal import Shared

/// All sessions, live or waiting to be resumed, and who may start another (gateway.mdx, Identifying, Resuming,
/// Sharding). Without I/O or clock.
struct SessionDirectory {
    /// Guilds on one shard (gateway.mdx, Sharding).
    static let maximumGuildsPerShard = 2500

    /// One dispatch that was sent or waits for its session's return.
    struct Sent {
        var sequence: Int
        var event: EncodedEvent
    }

    /// What a session sent last. A class, so that a copied `Session` does not make the next append copy all of it.
    final class ReplayBuffer {
        fileprivate(set) var events: Deque<Sent> = []
    }

    /// One session.
    struct Session {
        let id: String
        let shard: Int
        let shardCount: Int
        let namesShard: Bool
        let intents: Intents
        /// The last `s` given out.
        var lastSequence = 0
        let buffer = ReplayBuffer()
        /// Nil while nobody is connected to it.
        var connection: Int?
        /// When the last connection ended; microseconds since 1970.
        var disconnectedAt: Int?
        /// When each guild's members were last asked for as a whole.
        var memberRequests: [Snowflake: Int] = [:]

        /// Whether events of that place come to it.
        func covers(_ guild: Snowflake?) -> Bool {
            guard let guild else { return shard == 0 }
            return guild.shard(of: shardCount) == shard
        }
    }

    /// What a session may be started with.
    struct Terms {
        var token: String
        var allowedIntents: Int
        var guilds: [Snowflake]
        var identifyInterval: Int
    }

    /// The answer to an Identify.
    enum IdentifyOutcome: Equatable {
        case accepted(session: String)
        /// Op 9 `false`.
        case tooFast(key: Int, wait: Int)
        case refused(code: Int, reason: String)
        /// The day's identifies are used up: the token is reset and everything ends.
        case exhausted
    }

    /// The answer to a Resume.
    enum ResumeOutcome: Equatable {
        /// The sequence numbers from which on is replayed, and the connection that had the session.
        case accepted(previous: Int?)
        case invalidSequence
        /// Op 9 `false`.
        case invalid(reason: String)
    }

    private(set) var sessions: [String: Session] = [:]
    /// Sessions in the order of their start.
    private(set) var order: [String] = []
    private var buckets: [Int: Int] = [:]
    /// Events kept per session.
    let bufferedEvents: Int

    init(bufferedEvents: Int) {
        self.bufferedEvents = bufferedEvents
    }

    /// Decides on an Identify.
    mutating func identify(
        _ request: IdentifyRequest, connection: Int, newID: String, terms: Terms, budget: inout IdentifyBudget,
        at now: Int
    ) -> IdentifyOutcome {
        if let refusal = Self.refusal(of: request, terms: terms) { return refusal }
        guard budget.spend(at: now) else { return .exhausted }
        let key = request.shard % max(1, budget.maxConcurrency)
        if let last = buckets[key], now - last < terms.identifyInterval {
            return .tooFast(key: key, wait: terms.identifyInterval - (now - last))
        }
        buckets[key] = now
        sessions[newID] = Session(
            id: newID, shard: request.shard, shardCount: request.shardCount, namesShard: request.namesShard,
            intents: Intents(rawValue: request.intents), connection: connection)
        order.append(newID)
        return .accepted(session: newID)
    }

    private static func refusal(of request: IdentifyRequest, terms: Terms) -> IdentifyOutcome? {
        guard request.token == terms.token else { return .refused(code: 4004, reason: "wrong token") }
        guard request.shardCount > 0, (0..<request.shardCount).contains(request.shard) else {
            return .refused(code: 4010, reason: "shard [\(request.shard), \(request.shardCount)]")
        }
        let guilds = terms.guilds.count { $0.shard(of: request.shardCount) == request.shard }
        guard guilds <= maximumGuildsPerShard else {
            return .refused(code: 4011, reason: "\(guilds) guilds on one shard")
        }
        guard request.intents >= 0, request.intents & ~Intents.all.rawValue == 0 else {
            return .refused(code: 4013, reason: "intents \(request.intents)")
        }
        let disallowed = request.intents & Intents.privileged.rawValue & ~terms.allowedIntents
        guard disallowed == 0 else { return .refused(code: 4014, reason: "disallowed intents \(disallowed)") }
        return nil
    }

    /// Decides on a Resume; if it is accepted, the session belongs to the new connection.
    mutating func resume(
        _ request: ResumeRequest, connection: Int, token: String, expiry: Int, at now: Int
    ) -> ResumeOutcome {
        guard request.token == token else { return .invalid(reason: "wrong token") }
        guard let session = sessions[request.session] else { return .invalid(reason: "unknown session") }
        if let ended = session.disconnectedAt, now - ended > expiry {
            remove(request.session)
            return .invalid(reason: "expired session")
        }
        guard (0...session.lastSequence).contains(request.sequence) else { return .invalidSequence }
        let oldest = session.buffer.events.first?.sequence ?? session.lastSequence + 1
        guard request.sequence + 1 >= oldest else {
            return .invalid(reason: "sequence \(request.sequence) is older than the buffer, which begins at \(oldest)")
        }
        sessions[request.session]?.connection = connection
        sessions[request.session]?.disconnectedAt = nil
        return .accepted(previous: session.connection)
    }

    /// What came after a sequence number, in order.
    func replay(of id: String, after sequence: Int) -> [Sent] {
        guard let session = sessions[id], let first = session.buffer.events.first?.sequence else { return [] }
        return Array(session.buffer.events.dropFirst(max(0, sequence + 1 - first)))
    }

    /// Gives an event its number in a session and keeps it for a replay.
    mutating func append(_ event: EncodedEvent, to id: String) -> Int? {
        guard let index = sessions.index(forKey: id) else { return nil }
        let sequence = sessions.values[index].lastSequence + 1
        sessions.values[index].lastSequence = sequence
        let buffer = sessions.values[index].buffer
        buffer.events.append(Sent(sequence: sequence, event: event))
        if buffer.events.count > bufferedEvents { buffer.events.removeFirst() }
        return sequence
    }

    /// Asks whether a guild's members may be requested as a whole, and notes that they were.
    /// - Returns: microseconds to wait, or nil if it may.
    mutating func requestAllMembers(of guild: Snowflake, in id: String, interval: Int, at now: Int) -> Int? {
        if let last = sessions[id]?.memberRequests[guild], now - last < interval { return interval - (now - last) }
        sessions[id]?.memberRequests[guild] = now
        return nil
    }

    /// A connection ended without ending its session.
    mutating func disconnect(_ id: String, connection: Int, at now: Int) {
        guard sessions[id]?.connection == connection else { return }
        sessions[id]?.connection = nil
        sessions[id]?.disconnectedAt = now
    }

    /// Ends a session for good.
    mutating func remove(_ id: String) {
        guard sessions.removeValue(forKey: id) != nil else { return }
        order.removeAll { $0 == id }
    }

    /// Ends what nobody came back to.
    /// - Returns: their ids.
    mutating func expire(after expiry: Int, at now: Int) -> [String] {
        let expired = order.filter { id in sessions[id]?.disconnectedAt.map { now - $0 > expiry } ?? false }
        for id in expired { remove(id) }
        return expired
    }
}
