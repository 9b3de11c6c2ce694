internal import CPostgreSQL
internal import Glibc
internal import Logging
internal import Shared

/// libpq's connection: sends, waits with a deadline, receives. Belongs to one `PostgresConnection` and blocks its thread.
final class PostgresHandle {
    private let connection: OpaquePointer
    private let location: PostgresLocation
    /// Retained by libpq's notice receiver, which lives as long as the connection.
    private let notices: NoticeLog
    private let logger: Logger
    private var prepared: Set<String> = []

    /// Connects, or says why not.
    init(_ location: PostgresLocation, limits: PostgresLimits, logger: Logger) throws(PostgresError) {
        self.location = location
        self.logger = logger
        notices = NoticeLog(logger: logger)
        connection = try Self.connect(location, limits: limits)
        PQsetNoticeReceiver(connection, NoticeLog.receive, Unmanaged.passUnretained(notices).toOpaque())
        guard PQsetnonblocking(connection, 1) == 0 else { throw lost("connect") }
        try execute("SET statement_timeout = \(limits.statement.milliseconds)", by: limits.deadline)
        try execute(
            "SET idle_in_transaction_session_timeout = \(limits.idleInTransaction.milliseconds)", by: limits.deadline)
    }

    deinit { PQfinish(connection) }

    /// Whether the server has closed the connection while nobody looked; costs one system call.
    func isLost() -> Bool {
        guard PQstatus(connection) == CONNECTION_OK else { return true }
        var poller = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, 0) > 0 else { return false }
        // Either a farewell such as 57P01, followed by the end, or a notice.
        guard PQconsumeInput(connection) == 1 else { return true }
        _ = PQisBusy(connection)
        return PQstatus(connection) != CONNECTION_OK
    }

    /// Runs a constant text without parameters, which may be several statements.
    func execute(_ sql: String, by deadline: ContinuousClock.Instant) throws(PostgresError) {
        let action = String(sql.prefix { $0 != "\n" && $0 != "(" }.prefix(60))
        guard PQsendQuery(connection, sql) == 1 else { throw lost(action) }
        _ = try result(of: action, by: deadline)
    }

    /// Runs a statement, preparing it when it is used for the first time.
    func rows<Input, Row>(
        _ statement: Statement<Input, Row>, _ input: Input, by deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> [Row] {
        let shape = statement.shape
        try prepare(shape, by: deadline)
        try sendPrepared(shape, statement.encode(input).map(PostgresText.encode))
        let result = try result(of: shape.name, by: deadline)
        let count = result.rowCount
        // Which event it was for comes with every log line of a handler. The values may be what members wrote.
        logger.debug("A statement was run", metadata: ["statement": "\(shape.name)", "rows": "\(count)"])
        guard count > 0 else { return [] }
        var rows: [Row] = []
        rows.reserveCapacity(result.rowCount)
        for row in 0..<result.rowCount {
            guard result.columnCount == shape.columns.count, let decoded = decode(statement, row: row, of: result)
            else {
                throw PostgresError(
                    sqlState: "42804", message: "\(shape.name) gave a row of other types than promised")
            }
            rows.append(decoded)
        }
        return rows
    }

    /// Prepares a statement under its name, once per connection.
    func prepare(_ shape: StatementShape, by deadline: ContinuousClock.Instant) throws(PostgresError) {
        guard !prepared.contains(shape.name) else { return }
        let types = shape.parameters.map(\.oid)
        guard PQsendPrepare(connection, shape.name, shape.sql, CInt(types.count), types) == 1 else {
            throw lost(shape.name)
        }
        _ = try result(of: "prepare \(shape.name)", by: deadline)
        prepared.insert(shape.name)
    }

    /// What the server makes of a prepared statement.
    func describe(_ shape: StatementShape, by deadline: ContinuousClock.Instant) throws(PostgresError) -> PostgresResult
    {
        try prepare(shape, by: deadline)
        guard PQsendDescribePrepared(connection, shape.name) == 1 else { throw lost(shape.name) }
        return try result(of: "describe \(shape.name)", by: deadline)
    }

    /// Waits for notifications (libpq, Asynchronous Notification) and gives their payloads.
    func notifications(within time: Duration) throws(PostgresError) -> [String] {
        var poller = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        if poll(&poller, 1, Int32(clamping: time.milliseconds)) > 0 {
            guard PQconsumeInput(connection) == 1 else { throw lost("listen") }
        }
        guard PQstatus(connection) == CONNECTION_OK else { throw lost("listen") }
        var payloads: [String] = []
        while let notification = PQnotifies(connection) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return payloads
    }

    private func decode<Input, Row>(
        _ statement: Statement<Input, Row>, row: Int, of result: borrowing PostgresResult
    ) -> Row? {
        var cells: [SQLCell] = []
        for (column, shape) in statement.shape.columns.enumerated() {
            guard let cell = PostgresText.decode(result.text(row: row, column: column), as: shape.type) else {
                return nil
            }
            cells.append(cell)
        }
        return statement.decode(cells)
    }

    private func sendPrepared(_ shape: StatementShape, _ values: [String?]) throws(PostgresError) {
        let copies = values.map { $0.map { strdup($0) } ?? nil }
        defer { copies.forEach { free($0) } }
        let pointers = copies.map { $0.map { UnsafePointer<CChar>($0) } }
        let sent = PQsendQueryPrepared(connection, shape.name, CInt(values.count), pointers, nil, nil, 0)
        guard sent == 1 else { throw lost(shape.name) }
    }
}

// MARK: - Waiting

extension PostgresHandle {
    /// Waits for the end of a command and gives its last result, or throws its first error.
    private func result(
        of action: String, by deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> PostgresResult {
        try flush(action, by: deadline)
        var last: OpaquePointer?
        while true {
            while PQisBusy(connection) == 1 {
                try wait(for: POLLIN, action, by: deadline)
                guard PQconsumeInput(connection) == 1 else {
                    PQclear(last)
                    throw lost(action)
                }
            }
            guard let next = PQgetResult(connection) else { break }
            // The first error of several statements is the cause; the server has run none after it.
            if let last, PQresultStatus(last) == PGRES_FATAL_ERROR {
                PQclear(next)
            } else {
                PQclear(last)
                last = next
            }
        }
        guard let last else { throw lost(action) }
        let result = PostgresResult(last)
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return result
        default:
            var error = result.error(during: action)
            error.message = location.redacted(error.message)
            if PQstatus(connection) != CONNECTION_OK { error.isConnectionLost = true }
            throw error
        }
    }

    private func flush(_ action: String, by deadline: ContinuousClock.Instant) throws(PostgresError) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                try wait(for: POLLIN | POLLOUT, action, by: deadline)
                guard PQconsumeInput(connection) == 1 else { throw lost(action) }
            default: throw lost(action)
            }
        }
    }

    /// Blocks until the socket is ready. The server's own statement timeout comes first unless the network is dead.
    private func wait(
        for events: Int32, _ action: String, by deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        var poller = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
        while true {
            let left = (deadline - .now).milliseconds
            // Also when the time is over: the process may have stood still while the answer came.
            let ready = poll(&poller, 1, Int32(clamping: max(0, left)))
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw .lost("\(action): poll failed with errno \(errno)") }
            guard left > 0 else { throw .lost("\(action): no answer in time, connection given up") }
        }
    }

    /// The connection's own error.
    private func lost(_ action: String) -> PostgresError {
        .lost("\(action): \(location.redacted(String(cString: PQerrorMessage(connection))))")
    }
}

// MARK: - Connecting

extension PostgresHandle {
    private static func connect(_ location: PostgresLocation, limits: PostgresLimits) throws(PostgresError)
        -> OpaquePointer
    {
        // What stands before `dbname` the URI may override, what stands after it it may not (libpq, PQconnectdbParams).
        let options: [(String, String)] = [
            ("connect_timeout", String(limits.connect.components.seconds)),
            ("fallback_application_name", "olim-worker"),
            // A peer that vanished is noticed within a minute, also while nothing is being sent.
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"),
            ("dbname", location.uri.exposed),
            ("client_encoding", "UTF8"),
        ]
        let keywords = CStrings(options.map(\.0))
        let values = CStrings(options.map(\.1))
        guard let connection = PQconnectdbParams(keywords.pointers, values.pointers, 1) else {
            throw .lost("connect: out of memory")
        }
        if PQstatus(connection) == CONNECTION_OK { return connection }
        defer { if PQstatus(connection) != CONNECTION_OK { PQfinish(connection) } }
        var error = connectError(connection, location)
        // libpq 15 keeps the SQLSTATE of a refused connection to itself, but writes it into the message if asked to be
        // verbose, which can be asked only of a connection that is there. So the server is asked again, if there is one.
        guard !error.message.contains("timeout expired") else { throw error }
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        PQreset(connection)
        if PQstatus(connection) == CONNECTION_OK {
            PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
            return connection
        }
        let verbose = String(cString: PQerrorMessage(connection))
        error.sqlState = sqlState(inVerbose: verbose)
        throw error
    }

    private static func connectError(_ connection: OpaquePointer, _ location: PostgresLocation) -> PostgresError {
        .lost(location.redacted(String(cString: PQerrorMessage(connection))))
    }

    /// Finds `FATAL:  28P01: …`, the last one if several hosts were tried.
    static func sqlState(inVerbose message: String) -> String? {
        message.matches(of: #/:  ([0-9A-Z]{5}): /#).last.map { String($0.output.1) }
    }
}

/// A NULL-terminated array of C strings.
private final class CStrings {
    let pointers: [UnsafePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { UnsafePointer(strdup($0)) } + [nil]
    }

    deinit { pointers.forEach { free(UnsafeMutablePointer(mutating: $0)) } }
}

/// Where a server's notices and warnings go.
private final class NoticeLog {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    static let receive: PQnoticeReceiver = { argument, result in
        guard let argument, let result else { return }
        let log = Unmanaged<NoticeLog>.fromOpaque(argument).takeUnretainedValue()
        func field(_ code: CChar) -> String? { PQresultErrorField(result, CInt(code)).map { String(cString: $0) } }
        let severity = field(PostgresResult.Field.severity) ?? "NOTICE"
        log.logger.log(
            level: severity == "WARNING" ? .warning : severity == "NOTICE" || severity == "INFO" ? .info : .debug,
            "PostgreSQL says",
            metadata: [
                "severity": "\(severity)", "message": "\(field(PostgresResult.Field.primaryMessage) ?? "")",
                "code": "\(field(PostgresResult.Field.sqlState) ?? "")",
            ])
    }
}
