internal import Shared

/// What happened, for the report: everything a test may want to know afterwards, and everything that Discord would have
/// objected to. Times are microseconds since 1970.
struct Ledger: Sendable {
    /// One Identify.
    struct Identify: Sendable {
        var at: Int
        var shard: [Int]
        var intents: Int
        /// `accepted`, `too_fast` or a close code.
        var outcome: String
        var session: String?
        var isResumeURL: Bool
        var compress: String?
    }

    /// One Resume.
    struct Resume: Sendable {
        var at: Int
        var session: String
        var sequence: Int
        /// `accepted`, `invalid_sequence` or why it is not possible.
        var outcome: String
        var replayed: Int
        var isResumeURL: Bool
        var compress: String?
    }

    /// The end of one connection.
    struct Close: Sendable {
        var at: Int
        var session: String?
        /// Nil if there was no close frame.
        var code: Int?
        var reason: String
        var isByClient: Bool
    }

    /// Something that Discord would reject or that its pages forbid.
    struct Violation: Sendable {
        var at: Int
        var what: String
    }

    /// A message the bot sent.
    struct BotMessage: Sendable {
        var id: Snowflake
        var channel: Snowflake
        var nonce: JSON?
        var content: String
        var at: Int
        /// Whether it answers an interaction.
        var isAnswer: Bool
    }

    var connections = 0
    var heartbeats = 0
    /// `d` of the last heartbeat.
    var lastHeartbeat: Int?
    var identifies: [Identify] = []
    var resumes: [Resume] = []
    var closes: [Close] = []
    var violations: [Violation] = []
    /// Payloads by opcode.
    var payloads: [Int: Int] = [:]
    var botMessages: [BotMessage] = []
    /// Dispatches put into sessions, by the name of the event.
    var dispatched: [String: Int] = [:]

    /// Dispatches put into sessions.
    var dispatches: Int { dispatched.values.reduce(0, +) }

    /// Entries kept of violations; a client that goes wrong in a loop must not fill the memory.
    static let keptViolations = 1000

    mutating func violate(_ what: String, at now: Int) {
        if violations.count < Self.keptViolations { violations.append(Violation(at: now, what: what)) }
    }
}

extension Ledger {
    /// The gateway's part of the report.
    var json: [JSON.Member] {
        [
            .init("connections", .integer(connections)), .init("heartbeats", .integer(heartbeats)),
            .init("last_heartbeat", lastHeartbeat.map(JSON.integer) ?? .null),
            .init("dispatches", .integer(dispatches)),
            .init(
                "dispatched", .object(dispatched.sorted { $0.key < $1.key }.map { .init($0.key, .integer($0.value)) })),
            .init("identifies", .array(identifies.map(\.json))),
            .init("resumes", .array(resumes.map(\.json))), .init("closes", .array(closes.map(\.json))),
            .init(
                "payloads", .object(payloads.sorted { $0.key < $1.key }.map { .init("\($0.key)", .integer($0.value)) })),
            .init("violations", .array(violations.map { ["at": .integer($0.at), "what": .string($0.what)] })),
        ]
    }
}

extension Ledger.Identify {
    fileprivate var json: JSON {
        [
            "at": .integer(at), "shard": .array(shard.map(JSON.integer)), "intents": .integer(intents),
            "outcome": .string(outcome), "session": .text(session), "resume_url": .bool(isResumeURL),
            "compress": .text(compress),
        ]
    }
}

extension Ledger.Resume {
    fileprivate var json: JSON {
        [
            "at": .integer(at), "session": .string(session), "seq": .integer(sequence), "outcome": .string(outcome),
            "replayed": .integer(replayed), "resume_url": .bool(isResumeURL), "compress": .text(compress),
        ]
    }
}

extension Ledger.Close {
    fileprivate var json: JSON {
        [
            "at": .integer(at), "session": .text(session), "code": code.map(JSON.integer) ?? .null,
            "reason": .string(reason), "by": .string(isByClient ? "client" : "server"),
        ]
    }
}

extension Ledger.BotMessage {
    /// The message's entry in the report.
    var json: JSON {
        [
            "id": .id(id), "channel": .id(channel), "nonce": nonce ?? .null, "content": .string(content),
            "at": .integer(at), "answer": .bool(isAnswer),
        ]
    }
}
