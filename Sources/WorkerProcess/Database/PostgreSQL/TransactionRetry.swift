/// Decides whether a transaction that failed is tried again.
///
/// Every call of the store may be: what it writes carries the event's id or is the same the second time, so that also a
/// COMMIT whose answer got lost does no harm.
struct TransactionRetry: Sendable {
    /// Serialization failures and deadlocks in a row before they become the caller's.
    static let conflictAttempts = 5
    /// Connections that may turn out broken in one call: a server's restart takes one, after which the pool drops the idle
    /// ones; a second is bad luck.
    static let lostConnections = 2
    /// No more attempts on a lost connection after this: an answer that did not come in seconds may not come again.
    static let patience: Duration = .seconds(3)

    enum Decision: Sendable, Equatable {
        case again(after: Duration)
        case giveUp
    }

    private var conflicts = 0
    private var losses = 0

    /// - Parameters:
    ///   - elapsed: since the call began.
    ///   - jitter: from 0 to 1, so that two workers in each other's way part.
    mutating func failed(_ error: PostgresError, elapsed: Duration, jitter: Double) -> Decision {
        if error.callsForAnotherConnection {
            losses += 1
            guard losses <= Self.lostConnections, elapsed < Self.patience else { return .giveUp }
            return .again(after: .zero)
        }
        guard error.kind == .conflict else { return .giveUp }
        conflicts += 1
        guard conflicts < Self.conflictAttempts else { return .giveUp }
        return .again(after: .milliseconds(5) * (1 << conflicts) * (0.5 + jitter))
    }
}
