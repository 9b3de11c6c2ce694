internal import NIOCore
internal import Shared

/// What the hub counts beside the queue's own counters.
struct HubCounters {
    /// Connections refused or closed with an error, by its code.
    var refusals: [String: Int] = [:]
    /// Workers that answered no ping.
    var silentWorkers = 0
    var commands = 0
    var memberRequestsLimited = 0
    var deferralsTried = 0
    var deferred = 0
    var deferralsFailed = 0
    /// Gaps between sessions, events that an earlier gateway had and Discord did not send again, and such as could not be read from
    /// the journal.
    var lost = 0
    /// Writes of marks and notes that failed.
    var journalFailures = 0
}

/// What the queue shows of itself.
extension QueueHub {
    func sendStatus(to connection: PeerConnection) {
        // Who asks faster than it reads gets one answer once it has read the others.
        guard connection.pendingBytes < PeerConnection.maximumAnswerBytes else {
            connection.owesStatus = true
            owesStatus = true
            return
        }
        send(.status(status()), to: connection)
    }

    func payStatusDebts() {
        guard owesStatus else { return }
        owesStatus = false
        for connection in connections.values where connection.owesStatus && !connection.isClosing {
            connection.owesStatus = false
            sendStatus(to: connection)
        }
    }

    /// The members of a status frame.
    func status() -> JSON {
        [
            "version": .string(Version.current),
            "uptime_s": .integer(Int((NIODeadline.now() - startedAt).nanoseconds / 1_000_000_000)),
            "alarms": .array(alarms.map(JSON.string)),
            "journal": .string(identity.description),
            "durability": .string(store.durability.rawValue),
            "shards": .array(directory.shardStatuses().map(\.json)),
            "queue": queueStatus,
            "workers": .array(workerStatuses),
            "unwanted": .counts(queue.counters.unwanted),
            "shed": .counts(queue.counters.shed),
            "gaps": .array(gaps.map(\.json)),
            "refused": .counts(counters.refusals),
            "counters": .object(namedCounters.map { JSON.Member($0.name, .integer($0.value)) }),
        ]
    }

    private var queueStatus: JSON {
        let oldest = queue.oldestReceivedAt.map { max(0, WallClock.now() - $0) / 1000 }
        return [
            "depth": .integer(queue.depth),
            "bytes": .integer(queue.bytes),
            "limit_bytes": .integer(settings.queue.maximumBytes),
            "oldest_ms": .integer(Int(oldest ?? 0)),
            "in_flight": .integer(queue.inFlight),
            "keys": .integer(queue.keyCount),
            "in_memory": .integer(queue.countInMemory),
            "journal_bytes": .integer(store.journal?.diskBytes ?? 0),
            "journal_segments": .integer(store.journal?.segments.count ?? 0),
            "dead_letters": .integer(deadLetters.count),
            "shed": .integer(queue.counters.shed.values.reduce(0, +)),
            "lost": .integer(counters.lost),
            "intake": .string("\(gauge.intake)"),
        ]
    }

    private var workerStatuses: [JSON] {
        connections.values.sorted { $0.number < $1.number }.compactMap { connection in
            guard let worker = connection.worker, !connection.hasEnded, let hello = connection.hello else { return nil }
            return .compact([
                "name": .string(hello.worker),
                "pid": .integer(Int(connection.peer.pid)),
                "uid": .integer(Int(connection.peer.uid)),
                "version": .string(hello.version),
                "capacity": .integer(hello.capacity),
                "in_flight": .integer(queue.heldCount(of: worker)),
                "acked": .integer(queue.acknowledgedCount(of: worker)),
                "draining": .bool(connection.isDraining),
                "report": connection.report,
            ])
        }
    }

    /// Counters under the names of status and metrics.
    private var namedCounters: [(name: String, value: Int)] {
        let queue = queue.counters
        return [
            ("received", queue.received), ("duplicates", queue.duplicates), ("delivered", queue.delivered),
            ("redelivered", queue.redelivered), ("acked", queue.acknowledged),
            ("late_acks", queue.lateAcknowledgements), ("unknown_acks", queue.unknownAcknowledgements),
            ("nacks", queue.nacks), ("releases", queue.releases), ("ack_timeouts", queue.ackTimeouts),
            ("worker_deaths", queue.deaths), ("blamed_deaths", queue.blamedDeaths),
            ("dead_lettered", queue.deadLetters), ("unwanted", queue.unwanted.values.reduce(0, +)),
            ("shed", queue.shed.values.reduce(0, +)), ("lost", counters.lost),
            ("refused_connections", counters.refusals.values.reduce(0, +)),
            ("silent_workers", counters.silentWorkers), ("commands", counters.commands),
            ("member_requests_limited", counters.memberRequestsLimited), ("deferrals_tried", counters.deferralsTried),
            ("deferred", counters.deferred), ("deferrals_failed", counters.deferralsFailed),
            ("journal_failures", counters.journalFailures),
        ] + directory.sessionCounters()
    }

    // MARK: Metrics

    /// Those of the named counters that can also fall.
    private static let gauges: Set<String> = ["identifies_24h", "identifies_remaining"]

    /// Prometheus' text format for `/metrics`.
    nonisolated func metrics() -> String { assumeIsolated { $0.metricsText() } }

    private func metricsText() -> String {
        var text = PrometheusText()
        for (name, value) in namedCounters {
            let isGauge = Self.gauges.contains(name)
            text.add(isGauge ? "olim_\(name)" : "olim_\(name)_total", kind: isGauge ? "gauge" : "counter", value)
        }
        for (name, value) in queueStatus.members?.compactMap({ m in m.value.int.map { (m.key, $0) } }) ?? []
        where name != "shed" && name != "lost" {
            text.add("olim_queue_\(name)", kind: "gauge", value)
        }
        text.add("olim_workers", kind: "gauge", queue.workerCount)
        text.add("olim_journal_writable", kind: "gauge", store.refusal == nil ? 1 : 0)
        for (type, count) in queue.counters.unwanted.sorted(by: { $0.key < $1.key }) {
            text.add("olim_unwanted_events_total", kind: "counter", count, label: ("t", type))
        }
        for (type, count) in queue.counters.shed.sorted(by: { $0.key < $1.key }) {
            text.add("olim_shed_events_total", kind: "counter", count, label: ("t", type))
        }
        for shard in directory.shardStatuses() {
            let label = ("shard", "\(shard.id)")
            text.add("olim_shard_ready", kind: "gauge", shard.state == "ready" ? 1 : 0, label: label)
            if let latency = shard.latencyMilliseconds {
                text.add("olim_shard_latency_ms", kind: "gauge", latency, label: label)
            }
            if let idle = shard.idleMilliseconds { text.add("olim_shard_idle_ms", kind: "gauge", idle, label: label) }
        }
        return text.text
    }
}

/// Lines of Prometheus' text format, each name announced once.
private struct PrometheusText {
    private(set) var text = ""
    private var announced: Set<String> = []

    mutating func add(_ name: String, kind: String, _ value: Int, label: (name: String, value: String)? = nil) {
        if announced.insert(name).inserted { text += "# TYPE \(name) \(kind)\n" }
        let labels = label.map { "{\($0.name)=\"\(Self.escaped($0.value))\"}" } ?? ""
        text += "\(name)\(labels) \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        value.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }
}

extension JSON {
    /// Numbers by name, sorted so that two looks can be compared.
    fileprivate static func counts(_ counts: [String: Int]) -> JSON {
        .object(counts.sorted { $0.key < $1.key }.map { Member($0.key, .integer($0.value)) })
    }
}

extension SessionGap {
    fileprivate var json: JSON {
        [
            "shard": .integer(shard), "from": from.map { .integer(Int($0)) } ?? .null, "to": .integer(Int(to)),
            "reason": .string(reason),
        ]
    }
}

extension ShardStatus {
    fileprivate var json: JSON {
        var members: [JSON.Member] = [
            .init("id", .integer(id)), .init("state", .string(state)),
            .init("seq", sequence.map(JSON.integer) ?? .null),
            .init("latency_ms", latencyMilliseconds.map(JSON.integer) ?? .null),
            .init("idle_ms", idleMilliseconds.map(JSON.integer) ?? .null),
        ]
        if let note { members.append(.init("note", .string(note))) }
        return .object(members)
    }
}
