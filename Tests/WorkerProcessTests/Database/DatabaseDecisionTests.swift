import Shared
import Testing

@testable import WorkerProcess

@Suite struct ActivityBatchTests {
    private static func event(_ key: String, _ id: Int64, member: UInt64 = 1, day: Int = 1) -> ActivityEvent {
        ActivityEvent(key: key, event: EventID(id), guild: Snowflake(9), member: Snowflake(member), day: day)
    }

    private static func total(_ member: UInt64, _ day: Int32, _ messages: Int64) -> ActivityBatch.Total {
        .init(guild: Snowflake(9), member: Snowflake(member), day: day, messages: messages)
    }

    static let cases: [(events: [ActivityEvent], cursors: [String: EventID], expected: ActivityBatch.Changes)] = [
        ([], [:], .init()),
        ([event("a", 1)], [:], .init(totals: [total(1, 1, 1)], cursors: [.init(key: "a", event: EventID(1))])),
        ([event("a", 1)], ["a": EventID(1)], .init()),
        (
            [event("a", 1)], ["b": EventID(5)],
            .init(totals: [total(1, 1, 1)], cursors: [.init(key: "a", event: EventID(1))])
        ),
        (
            [event("b", 4), event("a", 3, member: 2), event("a", 2), event("a", 3, member: 2), event("b", 5, day: 2)],
            ["a": EventID(2), "b": EventID(3)],
            .init(
                totals: [total(1, 1, 1), total(1, 2, 1), total(2, 1, 1)],
                cursors: [.init(key: "a", event: EventID(3)), .init(key: "b", event: EventID(5))])
        ),
        (
            [event("a", 7), event("a", 6)], ["a": EventID(5)],
            .init(totals: [total(1, 1, 2)], cursors: [.init(key: "a", event: EventID(7))])
        ),
    ]

    @Test(arguments: cases.indices)
    func `only what is beyond the cursor counts, once`(index: Int) {
        let (events, cursors, expected) = Self.cases[index]
        #expect(ActivityBatch(events).changes(after: cursors) == expected)
    }

    @Test func `keys are locked in the order of their bytes, each once`() {
        let keys = ["guild:10", "guild:9", "Z", "a", "ä", "guild:9"]
        #expect(ActivityBatch(keys.map { Self.event($0, 1) }).keys == ["Z", "a", "guild:10", "guild:9", "ä"])
    }

    @Test(arguments: [
        (["a", "b", "a", "b"], ["a", "a"], ["b", "b"]), (["b", "a", "c", "a"], ["a", "a"], ["b", "c"]),
        (["a", "a", "a"], ["a", "a", "a"], []), (["a", "b", "b", "b", "b"], ["a", "b", "b", "b", "b"], []),
        (["d", "c", "b", "a"], ["b", "a"], ["d", "c"]), (["a"], ["a"], []), ([], [], []),
    ])
    func `halves share no key, and keep the order within one`(keys: [String], first: [String], second: [String]) {
        let halves = ActivityBatch(keys.enumerated().map { Self.event($0.element, Int64($0.offset)) }).halves
        for (half, expected) in [(halves.0, first), (halves.1, second)] {
            let kept = keys.enumerated().filter { expected.contains($0.element) }
            let whole = ActivityBatch(kept.map { Self.event($0.element, Int64($0.offset)) })
            #expect(half.spans == whole.spans)
            #expect(half.changes(after: [:]) == whole.changes(after: [:]))
        }
    }
}

@Suite struct MigrationPlanTests {
    @Test(arguments: [
        ([1, 2], [:], MigrationPlan.apply([1, 2])), ([1, 2], [1: 1], .apply([2])), ([1, 2], [1: 1, 2: 2], .apply([])),
        ([1, 2], [2: 2], .apply([1])), ([1, 2], [1: 1, 2: 2, 3: 3], .refuse(found: 3)), ([], [:], .apply([])),
        ([1, 2], [1: 1, 2: 2, 3: 2], .apply([])), ([1, 2], [1: 1, 2: 2, 3: 2, 4: 1], .apply([])),
        ([1, 2], [1: 1, 2: 2, 3: 2, 4: 3], .refuse(found: 4)), ([1, 2], [1: 1, 2: 2, 3: 3, 4: 1], .refuse(found: 3)),
    ])
    func `what is missing is applied, and refused what this release cannot use`(
        known: [Int], applied: [Int: Int], plan: MigrationPlan
    ) {
        #expect(MigrationPlan(known: known, applied: applied) == plan)
    }
}

@Suite struct LegacySnowflakeTests {
    @Test(arguments: [
        (SQLCell.null, LegacySnowflake.none), (.text(""), .none), (.text(" \r\n"), .none), (.text("0"), .none),
        (.text("00"), .none), (.integer(0), .none), (.integer(5), .id(5)), (.integer(-5), .junk),
        (.text(" 81384788765712384\n"), .id(81_384_788_765_712_384)), (.text("<#5>"), .junk), (.text("-5"), .junk),
        (.text("5.0"), .junk), (.text("9223372036854775807"), .id(.max)), (.text("9223372036854775808"), .junk),
        (.text("٣"), .junk), (.boolean(true), .junk),
    ])
    func `ids are told from none and from junk`(cell: SQLCell, expected: LegacySnowflake) {
        #expect(LegacySnowflake(cell) == expected)
    }
}

@Suite struct PostgresTextTests {
    @Test(arguments: [
        (SQLCell.null, String?.none), (.integer(-5), "-5"), (.text("ä'\\"), "ä'\\"), (.boolean(true), "t"),
        (.array([]), "{}"), (.array([.integer(1), .integer(-2)]), "{1,-2}"),
        (.array([.text("a,b"), .text("\"\\"), .text("NULL"), .text("")]), #"{"a,b","\"\\","NULL",""}"#),
    ])
    func `parameters are written as PostgreSQL reads them`(cell: SQLCell, text: String?) {
        #expect(PostgresText.encode(cell) == text)
    }

    @Test(
        arguments: [
            (nil, SQLType.bigint, SQLCell.null), ("5", .bigint, .integer(5)), ("5", .text, .text("5")),
            ("t", .boolean, .boolean(true)), ("f", .boolean, .boolean(false)), ("x", .boolean, nil),
            ("5.5", .bigint, nil),
        ] as [(String?, SQLType, SQLCell?)])
    func `columns are read by their type`(text: String?, type: SQLType, cell: SQLCell?) {
        #expect(PostgresText.decode(text, as: type) == cell)
    }
}

@Suite struct PostgresErrorTests {
    @Test(arguments: [
        ("08006", StoreError.Kind.unavailable), ("57P01", .unavailable), ("57P03", .unavailable),
        ("53300", .unavailable),
        ("53100", .unavailable), ("58030", .unavailable), ("25006", .unavailable), ("57014", .unavailable),
        ("55P03", .unavailable), ("40001", .conflict), ("40P01", .conflict), ("28P01", .misconfigured),
        ("28000", .misconfigured), ("3D000", .misconfigured), ("42P01", .misconfigured), ("42501", .misconfigured),
        ("23505", .rejected), ("22P02", .rejected), ("42601", .rejected), ("XX000", .rejected), ("P0001", .rejected),
    ])
    func `an SQLSTATE says what is to be done`(state: String, kind: StoreError.Kind) {
        #expect(PostgresError(sqlState: state, message: "").kind == kind)
    }

    @Test(arguments: [
        ("connection to server at \"::1\", port 5432 failed: Connection refused", StoreError.Kind.unavailable),
        ("could not translate host name \"db\" to address: Temporary failure in name resolution", .unavailable),
        ("SSL error: certificate verify failed", .misconfigured),
        ("root certificate file \"/x\" does not exist", .misconfigured),
        ("server certificate for \"a\" does not match host name \"b\"", .misconfigured),
        ("server does not support SSL, but SSL was required", .misconfigured),
    ])
    func `libpq's own refusals do too`(message: String, kind: StoreError.Kind) {
        #expect(PostgresError.lost(message).kind == kind)
    }

    @Test func `the SQLSTATE is found in a verbose message, of the last host if there are several`() {
        let message = """
            connection to server at "a", port 1 failed: FATAL:  57P03: the database system is starting up
            LOCATION:  ProcessStartupPacket, postmaster.c:2414
            connection to server at "b", port 1 failed: FATAL:  28P01: password authentication failed for user "u"
            LOCATION:  auth_failed, auth.c:329
            """
        #expect(PostgresHandle.sqlState(inVerbose: message) == "28P01")
        #expect(PostgresHandle.sqlState(inVerbose: "connection refused") == nil)
    }
}

@Suite struct TransactionRetryTests {
    @Test func `conflicts are tried five times, ever later`() {
        var retry = TransactionRetry()
        let deadlock = PostgresError(sqlState: "40P01", message: "")
        let decisions = (0..<5).map { _ in retry.failed(deadlock, elapsed: .seconds(60), jitter: 0.5) }
        #expect(
            decisions == [10, 20, 40, 80].map { .again(after: .milliseconds($0)) } + [TransactionRetry.Decision.giveUp])
    }

    @Test func `a lost connection is replaced twice, and not after long`() {
        var retry = TransactionRetry()
        let lost = PostgresError.lost("gone")
        #expect(retry.failed(lost, elapsed: .zero, jitter: 0) == .again(after: .zero))
        #expect(retry.failed(lost, elapsed: .zero, jitter: 0) == .again(after: .zero))
        #expect(retry.failed(lost, elapsed: .zero, jitter: 0) == .giveUp)
        var late = TransactionRetry()
        #expect(late.failed(lost, elapsed: TransactionRetry.patience, jitter: 0) == .giveUp)
    }

    @Test(arguments: ["23505", "28P01", "57014", "53300"])
    func `nothing else is tried again`(state: String) {
        var retry = TransactionRetry()
        #expect(retry.failed(PostgresError(sqlState: state, message: ""), elapsed: .zero, jitter: 0) == .giveUp)
    }
}
