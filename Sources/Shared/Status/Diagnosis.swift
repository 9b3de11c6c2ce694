/// What is wrong with a gateway, worked out from one status and nothing else, so that it is never stale.
public struct Diagnosis: Sendable, Equatable {
    /// What keeps events from being handled now.
    public private(set) var failures: [String] = []
    /// What somebody should look at.
    public private(set) var warnings: [String] = []

    /// Discord sends at least the answer to a heartbeat every 41 s or so; twice that and more is silence.
    static let longestIdleMilliseconds = 100_000
    /// A heartbeat that takes this long to be answered means trouble on the way.
    static let longestLatencyMilliseconds = 2000
    /// Events that wait longer than this are no longer a burst.
    static let longestWaitMilliseconds = 30_000
    /// How full the backlog may be before somebody should know, in percent.
    static let fullPercent = 75

    /// Examines the members of a status frame; what is missing or of another kind is passed over.
    public init(of status: JSON) {
        failures += (status["alarms"]?.elements ?? []).compactMap(\.string).map { Words.line($0) }
        for shard in status["shards"]?.elements ?? [] { examine(shard: shard) }
        if status["shards"]?.elements?.isEmpty ?? true { failures.append("no shard is running") }
        let workers = status["workers"]?.elements ?? []
        examine(queue: status["queue"] ?? [:], hasWorkers: !workers.isEmpty)
        for worker in workers { examine(worker: worker, version: status["version"]?.string) }
        examine(databases: workers)
    }

    private mutating func examine(shard: JSON) {
        let name = "shard \(shard["id"]?.int ?? -1)"
        let state = shard["state"]?.string ?? "in an unknown state"
        if state != "ready" {
            failures.append("\(name) is \(state)" + (shard["note"]?.string.map { ": \(Words.line($0))" } ?? ""))
            return
        }
        if let note = shard["note"]?.string { warnings.append("\(name): \(Words.line(note))") }
        if let idle = shard["idle_ms"]?.int, idle > Self.longestIdleMilliseconds {
            failures.append("\(name) has heard nothing from Discord for \(Words.duration(milliseconds: idle))")
        }
        if let latency = shard["latency_ms"]?.int, latency > Self.longestLatencyMilliseconds {
            warnings.append("\(name): Discord takes \(Words.duration(milliseconds: latency)) to answer a heartbeat")
        }
    }

    private mutating func examine(queue: JSON, hasWorkers: Bool) {
        let depth = queue["depth"]?.int ?? 0
        let oldest = queue["oldest_ms"]?.int ?? 0
        if !hasWorkers {
            failures.append("no worker is connected; \(Words.count(depth, "event")) wait")
        } else if oldest > Self.longestWaitMilliseconds {
            let waits = Words.duration(milliseconds: oldest)
            failures.append("the queue is behind: \(Words.count(depth, "event")), the oldest for \(waits)")
        }
        if let bytes = queue["bytes"]?.int, let limit = queue["limit_bytes"]?.int, limit > 0,
            bytes >= limit / 100 * Self.fullPercent
        {
            warnings.append("the backlog has \(Words.size(bytes)) of at most \(Words.size(limit)) (QUEUE_MAX_BYTES)")
        }
        if let letters = queue["dead_letters"]?.int, letters > 0 {
            warnings.append("\(Words.count(letters, "dead letter")): olimctl dead-letters list")
        }
        if let shed = queue["shed"]?.int, shed > 0 {
            warnings.append("\(Words.count(shed, "event was", "events were")) shed since the start, for want of room")
        }
        if let lost = queue["lost"]?.int, lost > 0 {
            warnings.append("\(Words.count(lost, "gap")) since the start, which Discord did not replay; see the log")
        }
    }

    private mutating func examine(worker: JSON, version: String?) {
        let name = "worker \(Words.line(worker["name"]?.string ?? "?"))"
        if let database = worker["report"]?["database"], database["ok"]?.bool == false {
            let engine = database["engine"]?.string ?? "database"
            let reason = (database["reason"] ?? database["error"])?.string.map { ": \(Words.line($0))" } ?? ""
            failures.append("\(name) cannot reach its \(engine) database\(reason)")
        }
        if let own = worker["version"]?.string, let version, own != version {
            warnings.append("\(name) is of version \(Words.line(own)), the gateway of \(Words.line(version))")
        }
    }

    private mutating func examine(databases workers: [JSON]) {
        let identities = workers.compactMap { $0["report"]?["database"]?["id"]?.string }
        if Set(identities).count > 1 {
            warnings.append("the workers do not share one database; see DATABASE_URL of each")
        }
    }
}
