internal import Shared
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

struct GatewayMetricsTests {
    /// What a gateway with two workers says.
    private static let status: JSON = [
        "version": "1",
        "shards": [
            ["id": 0, "state": "ready", "seq": 5, "latency_ms": 41, "idle_ms": 250, "seq_age_ms": 1500],
            ["id": 1, "state": "waiting", "seq": nil, "latency_ms": nil, "idle_ms": nil, "seq_age_ms": nil],
        ],
        "queue": [
            "depth": 7, "bytes": 900, "limit_bytes": 1000, "oldest_ms": 1250, "in_flight": 2, "keys": 3,
            "in_memory": 6, "journal_bytes": 4096, "journal_segments": 1, "journal_writable": true, "dead_letters": 4,
            "classes": ["guild": ["depth": 5, "oldest_ms": 1250], "unread": ["depth": 2]],
        ],
        "counters": [
            "received": 100, "acked": 90, "identifies": 1, "identifies_remaining": 990, "journal_sync_us": 1_500_000,
        ],
        "workers": [worker("w1", acked: 60, database: "A"), worker("w2", acked: 30, database: "A")],
    ]

    private static func worker(_ name: String, acked: Int, database: String, ok: Bool = true) -> JSON {
        [
            "name": .string(name), "pid": 1, "uid": 2, "version": "1", "capacity": 16, "in_flight": 1,
            "acked": .integer(acked), "draining": false,
            "report": [
                "database": ["id": .string(database), "engine": "sqlite", "ok": .bool(ok)],
                "tasks": ["counts": [["task": "digest", "state": "done", "count": 3]]],
                "metrics": [
                    "nacks": 1, "handlers": ["runs": 10, "seconds": 2.5],
                    "pool": ["idle": 3, "used": 1, "connecting": 0, "waiting": 0],
                    "rest": ["requests": ["bot": ["200": 7, "204": 1, "404": 2, "429": 3, "0": 4]], "retries": 5],
                ],
            ],
        ]
    }

    private func page(_ status: JSON) throws -> MetricsPage { try MetricsPage(GatewayMetrics.text(of: status)) }

    @Test func `a status is told in base units`() throws {
        let page = try page(Self.status)
        #expect(page.values("olim_shard_ready") == [1, 0])
        #expect(page.values("olim_shard_state", ["shard": "1", "state": "waiting"]) == [1])
        #expect(page.values("olim_shard_state").reduce(0, +) == 2)
        #expect(page.values("olim_shard_heartbeat_latency_seconds") == [0.041])
        #expect(page.values("olim_shard_sequence_age_seconds", ["shard": "0"]) == [1.5])
        #expect(page.values("olim_queue_events", ["class": "guild"]) == [5])
        #expect(page.values("olim_queue_events").reduce(0, +) == 7)
        #expect(page.values("olim_queue_oldest_seconds") == [1.25])
        #expect(page.values("olim_dead_letters") == [4])
        #expect(page.values("olim_events_received_total") == [100])
        #expect(page.values("olim_events_acknowledged_total") == [90])
        #expect(page.values("olim_identifies_remaining") == [990])
        #expect(page.values("olim_journal_sync_seconds_total") == [1.5])
        #expect(page.values("olim_workers") == [2])
        #expect(page.values("olim_build_info", ["program": "olim-gateway", "version": Version.current]) == [1])
        #expect(page.values("process_resident_memory_bytes").first ?? 0 > 0)
    }

    @Test func `workers are told by name, with what they report`() throws {
        let page = try page(Self.status)
        #expect(page.values("olim_worker_acknowledged_total", ["worker": "w2"]) == [30])
        #expect(page.values("olim_worker_database_up") == [1, 1])
        #expect(page.values("olim_databases") == [1])
        #expect(page.values("olim_worker_handler_seconds_total", ["worker": "w1"]) == [2.5])
        #expect(page.values("olim_worker_database_connections", ["worker": "w1", "state": "idle"]) == [3])
        func requests(_ code: String) -> [Double] {
            page.values("olim_worker_rest_requests_total", ["worker": "w1", "class": "bot", "code": code])
        }
        #expect(["2xx", "4xx", "429", "none", "5xx"].map(requests) == [[8], [2], [3], [4], [0]])
        #expect(page.values("olim_daily_runs", ["state": "done"]) == [3])
    }

    @Test func `workers of one name are one series, and as well as the worst of them`() throws {
        var status = Self.status
        status.replace(
            "workers",
            [
                Self.worker("w", acked: 1, database: "A"), Self.worker("w", acked: 2, database: "B", ok: false),
            ])
        let page = try page(status)
        #expect(page.values("olim_worker_acknowledged_total") == [3])
        #expect(page.values("olim_worker_connections") == [2])
        #expect(page.values("olim_worker_database_up") == [0])
        #expect(page.values("olim_databases") == [2])
    }

    /// A report is a worker's own word. None may make the page unreadable, or longer than its workers are many.
    @Test func `what a worker makes up neither breaks nor lengthens the page`() throws {
        var status = Self.status
        let huge: JSON = .integer(.max)
        func odd(_ number: Int) -> JSON {
            [
                "name": .string("w\"\n\\\(number)"), "capacity": huge, "in_flight": huge, "acked": huge,
                "report": [
                    "database": ["id": 7, "ok": "yes"],
                    "tasks": ["counts": [["state": "made up", "count": huge], ["state": "done", "count": huge], 3]],
                    "metrics": [
                        "nacks": [], "handlers": "none", "pool": ["idle": .double(.infinity), "used": huge],
                        "rest": [
                            "requests": [
                                "bot": ["200": huge, "201": huge, "9999": 1, "x": 1, "0": 1], "made_up": ["200": 1],
                            ]
                        ],
                        "made_up": ["1": 1],
                    ],
                ],
            ]
        }
        status.replace("workers", [odd(1), odd(1), odd(2)])
        let page = try page(status)
        #expect(Set(page.families.flatMap(\.samples).compactMap { $0.labels["worker"] }).count == 2)
        #expect(page.names.allSatisfy { !$0.contains("made") })
        let lines = GatewayMetrics.text(of: status).split(separator: "\n").count
        #expect(lines < 400, "\(lines) lines")
    }

    @Test func `a gateway that has just begun is told, too`() throws {
        let page = try page([:])
        #expect(page.values("olim_workers") == [0] && page.values("olim_shard_ready").isEmpty)
    }
}

extension JSON {
    fileprivate mutating func replace(_ name: String, _ value: JSON) {
        self = .object((members ?? []).map { $0.key == name ? .init(name, value) : $0 })
    }
}
