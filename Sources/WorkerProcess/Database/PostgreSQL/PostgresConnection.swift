internal import Logging

/// One connection, on a thread of its own: everything libpq does blocks there and nowhere else.
///
/// Every call is a whole transaction, because the hop to the thread and back costs more than a statement.
actor PostgresConnection {
    private let executor: QueueExecutor
    private let limits: PostgresLimits
    private var handle: PostgresHandle?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(_ limits: PostgresLimits) {
        executor = QueueExecutor(label: "olim.postgresql")
        self.limits = limits
    }

    /// Connects.
    static func connect(
        _ location: PostgresLocation, limits: PostgresLimits, logger: Logger
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = PostgresConnection(limits)
        try await connection.open(location, logger)
        return connection
    }

    private func open(_ location: PostgresLocation, _ logger: Logger) throws(PostgresError) {
        handle = try PostgresHandle(location, limits: limits, logger: logger)
    }

    /// Runs `body` in a transaction: one statement commits by itself, several are put between BEGIN and COMMIT.
    func perform<Value: Sendable>(
        _ mode: PostgresSession.Mode, _ body: @Sendable (PostgresSession) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        // The server may have gone and come since the connection was last used: found out here, nothing was begun.
        guard let handle, !handle.isLost() else { throw .lost("the server had closed the connection") }
        let deadline: ContinuousClock.Instant? = mode == .migration ? .now + limits.migration + limits.grace : nil
        let session = PostgresSession(handle: handle, limits: limits, fixedDeadline: deadline)
        guard mode != .single else { return try body(session) }
        do throws(PostgresError) {
            try session.execute(begin(mode))
            let value = try body(session)
            try session.execute("COMMIT")
            return value
        } catch {
            if !error.isConnectionLost {
                do throws(PostgresError) {
                    try session.execute("ROLLBACK")
                } catch let rollback {
                    // Unusable then: the cause stays the first error.
                    var error = error
                    error.isConnectionLost = error.isConnectionLost || rollback.isConnectionLost
                    throw error
                }
            }
            throw error
        }
    }

    /// Has the server tell of notifications on a channel, which is a constant name.
    func listen(to channel: StaticString) throws(PostgresError) {
        guard let handle else { throw .lost("the connection is closed") }
        try handle.execute("LISTEN \(channel)", by: limits.deadline)
    }

    /// Waits for notifications; their payloads, none if none came in time. Blocks the connection's thread meanwhile.
    func notifications(within time: Duration) throws(PostgresError) -> [String] {
        guard let handle else { throw .lost("the connection is closed") }
        return try handle.notifications(within: time)
    }

    /// Says goodbye to the server.
    func close() {
        handle = nil
    }

    private func begin(_ mode: PostgresSession.Mode) -> String {
        guard mode == .migration else { return "BEGIN" }
        return "BEGIN; SET LOCAL statement_timeout = \(limits.migration.milliseconds)"
    }
}

/// A connection while a transaction has it.
struct PostgresSession {
    /// How much a call needs.
    enum Mode: Sendable {
        /// One statement, a transaction by itself.
        case single
        case transaction
        case migration
    }

    fileprivate let handle: PostgresHandle
    fileprivate let limits: PostgresLimits
    fileprivate let fixedDeadline: ContinuousClock.Instant?

    /// All rows of a statement's result.
    func rows<Input, Row>(_ statement: Statement<Input, Row>, _ input: Input) throws(PostgresError) -> [Row] {
        try handle.rows(statement, input, by: deadline)
    }

    /// Runs a statement that has no result.
    func run<Input>(_ statement: Statement<Input, Void>, _ input: Input) throws(PostgresError) {
        _ = try handle.rows(statement, input, by: deadline)
    }

    /// Runs constant text without parameters.
    func execute(_ sql: String) throws(PostgresError) {
        try handle.execute(sql, by: deadline)
    }

    /// What the server makes of a statement, for the test that compares.
    func describe(_ shape: StatementShape) throws(PostgresError) -> PostgresResult {
        try handle.describe(shape, by: deadline)
    }

    private var deadline: ContinuousClock.Instant { fixedDeadline ?? limits.deadline }
}
