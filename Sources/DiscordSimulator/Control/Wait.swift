internal import Shared

/// A request that is answered when something has happened.
struct Wait {
    /// One thing that must hold.
    struct Condition {
        var counter: Counter
        var bound: Int
        var isUpper: Bool
        /// Only messages of that channel, or with that text in them.
        var channel: Snowflake?
        var text: String?

        func holds(in simulator: Simulator) -> Bool {
            let value = simulator.count(counter, channel: channel, text: text)
            return isUpper ? value <= bound : value >= bound
        }
    }

    var conditions: [Condition]
    /// Microseconds since 1970.
    var deadline: Int
    /// Told once, whether it came true.
    var answer: (Bool) -> Void
}

/// Numbers that can be waited for.
enum Counter: String, CaseIterable {
    /// Messages that the bot sent, answers to interactions too.
    case messages
    /// Interactions that the user sees answered (deferred is not answered).
    case answers
    /// Interactions that have an accepted first answer, be it a deferral.
    case callbacks
    /// Accepted Identifies and Resumes.
    case identifies, resumes
    /// Sessions with a connection, and without one but not expired.
    case sessions, waiting
    /// Connections ever made, and open now.
    case connections, open
    case heartbeats, closes, violations
    /// Registered commands, of all scopes.
    case commands
    /// REST requests.
    case requests
    /// 1 once a flood was sent whole and none is going on.
    case flood
}

extension Simulator {
    /// The present value of a counter.
    func count(_ counter: Counter, channel: Snowflake? = nil, text: String? = nil) -> Int {
        let ledger = gateway.ledger
        switch counter {
        case .messages:
            if channel == nil, text == nil { return ledger.botMessages.count }
            return ledger.botMessages.count { entry in
                guard channel == nil || entry.channel == channel else { return false }
                guard let text else { return true }
                return world.messages[entry.id]?.json["content"]?.string?.contains(text) ?? false
            }
        case .answers: return world.interactions.values.count(where: \.isAnswered)
        case .callbacks: return world.interactions.values.count { $0.callbackType != nil }
        case .identifies: return ledger.identifies.count { $0.outcome == "accepted" }
        case .resumes: return ledger.resumes.count { $0.outcome == "accepted" }
        case .sessions: return gateway.liveSessions.count
        case .waiting: return gateway.directory.sessions.count - gateway.liveSessions.count
        case .connections: return ledger.connections
        case .open: return gateway.connections.count
        case .heartbeats: return ledger.heartbeats
        case .closes: return ledger.closes.count
        case .violations: return ledger.violations.count
        case .commands: return rest.handlers.commandBook.values.reduce(0) { $0 + $1.count }
        case .requests: return rest.statistics.requests.values.reduce(0, +)
        case .flood: return gateway.flood == nil && gateway.lastFlood != nil ? 1 : 0
        }
    }

    /// All counters.
    var counters: JSON {
        .object(Counter.allCases.map { .init($0.rawValue, .integer(count($0))) })
    }
}
