internal import Shared

/// A gateway's status in Prometheus' text format.
///
/// Made of the same status that `olimctl` shows and of nothing else, so that the two never disagree. What workers report is their word:
/// only known members are read, and no text of theirs but their name becomes a label.
struct GatewayMetrics {
    private var text = MetricsText()
    private let status: JSON

    /// Describes a status frame.
    static func text(of status: JSON, usage: ProcessUsage = .now()) -> String {
        var metrics = GatewayMetrics(status: status)
        metrics.text.process("olim-gateway", usage)
        metrics.writeShards()
        metrics.writeSessions()
        metrics.writeQueue()
        metrics.writeEvents()
        metrics.writeJournal()
        metrics.writeWorkers()
        let workers = ReportedWorkers(status["workers"]?.elements ?? [])
        workers.write(to: &metrics.text)
        return metrics.text.text
    }

    private init(status: JSON) {
        self.status = status
    }

    // MARK: Sessions

    private mutating func writeShards() {
        let shards = status["shards"]?.elements ?? []
        func samples(_ value: (JSON) -> Double?) -> [MetricsText.Sample] {
            shards.compactMap { shard in
                value(shard).map { .init(["shard": "\(shard["id"]?.int ?? 0)"], $0) }
            }
        }
        text.gauge(
            "olim_shard_ready", "Whether the shard's session is live: READY or RESUMED has come.",
            samples { $0["state"] == "ready" ? 1 : 0 })
        text.gauge(
            "olim_shard_state", "Whether the shard is in that state.",
            shards.flatMap { shard in
                ShardStatus.states.map { state in
                    .init(
                        ["shard": "\(shard["id"]?.int ?? 0)", "state": state],
                        shard["state"]?.string == state ? 1 : 0)
                }
            })
        text.gauge(
            "olim_shard_heartbeat_latency_seconds", "From the last heartbeat to its acknowledgement.",
            samples { $0["latency_ms"]?.seconds })
        text.gauge(
            "olim_shard_last_frame_age_seconds", "Since Discord sent anything on the shard.",
            samples { $0["idle_ms"]?.seconds })
        text.gauge(
            "olim_shard_sequence", "Discord's number of the last dispatch received on the shard.",
            samples { $0["seq"]?.double })
        text.gauge(
            "olim_shard_sequence_age_seconds", "Since that number last grew.", samples { $0["seq_age_ms"]?.seconds })
    }

    private mutating func writeSessions() {
        count("identifies", "olim_session_identifies_total", "Sessions begun anew.")
        count("resumes", "olim_session_resumes_total", "Attempts to resume a session.")
        count("sessions_lost", "olim_sessions_lost_total", "Sessions that Discord did not resume.")
        count("connections", "olim_discord_connections_total", "Connections to Discord that were begun.")
        count("payload_bytes", "olim_discord_received_bytes_total", "Bytes of payloads from Discord, decompressed.")
        count("unreadable_payloads", "olim_discord_unreadable_payloads_total", "Payloads that could not be read.")
        text.gauge(
            "olim_identifies_remaining", "Sessions that may still be begun in Discord's present day; unknown at first.",
            counter("identifies_remaining"))
        text.gauge("olim_identifies_last_day", "Sessions begun in the last 24 hours.", counter("identifies_24h"))
    }

    // MARK: The queue

    private mutating func writeQueue() {
        let queue = status["queue"] ?? [:]
        let classes = queue["classes"]?.members ?? []
        text.gauge(
            "olim_queue_events", "Unfinished events, by the class of their key; unread ones are in the journal only.",
            classes.map { .init(["class": $0.key], $0.value["depth"]?.int ?? 0) })
        text.gauge(
            "olim_queue_oldest_seconds", "Age of the oldest unfinished event in memory, by the class of its key.",
            classes.compactMap { member in
                member.value["oldest_ms"]?.seconds.map { .init(["class": member.key], $0) }
            })
        text.gauge("olim_queue_bytes", "Size of all unfinished events.", queue["bytes"]?.int)
        text.gauge("olim_queue_limit_bytes", "QUEUE_MAX_BYTES.", queue["limit_bytes"]?.int)
        text.gauge("olim_queue_in_flight_events", "Events that a worker has.", queue["in_flight"]?.int)
        text.gauge("olim_queue_keys", "Keys with unfinished events.", queue["keys"]?.int)
        text.gauge("olim_queue_memory_events", "Unfinished events in memory.", queue["in_memory"]?.int)
        text.gauge(
            "olim_dead_letters", "Events that failed too often and wait for an operator.", queue["dead_letters"]?.int)
    }

    private mutating func writeEvents() {
        count("received", "olim_events_received_total", "Dispatches taken from Discord.")
        count("duplicates", "olim_events_duplicate_total", "Dispatches that Discord sent again and that were dropped.")
        count("unwanted", "olim_events_unwanted_total", "Dispatches that no worker wants.")
        count("shed", "olim_events_shed_total", "Presences and typing dropped for want of room.")
        count("lost", "olim_events_lost_total", "Gaps that Discord did not replay, and events that could not be read.")
        count("delivered", "olim_events_delivered_total", "Events handed to a worker, each time counted.")
        count("redelivered", "olim_events_redelivered_total", "Of those, the ones handed out before.")
        count("acked", "olim_events_acknowledged_total", "Events finished by a worker.")
        count("nacks", "olim_events_failed_total", "Events that a worker said have failed.")
        count("releases", "olim_events_released_total", "Events given back through no fault of theirs.")
        count("ack_timeouts", "olim_events_timed_out_total", "Events taken back after QUEUE_ACK_TIMEOUT.")
        count("dead_lettered", "olim_events_dead_lettered_total", "Events that failed too often.")
        count("deferred", "olim_interactions_deferred_total", "Interactions that the gateway deferred.")
        count("deferrals_failed", "olim_interaction_deferrals_failed_total", "Deferrals that did not succeed.")
    }

    private mutating func writeJournal() {
        let queue = status["queue"] ?? [:]
        text.gauge("olim_journal_bytes", "Size of the journal's files.", queue["journal_bytes"]?.int)
        text.gauge("olim_journal_segments", "The journal's files.", queue["journal_segments"]?.int)
        text.gauge(
            "olim_journal_writable", "Whether events can be written to the journal.",
            queue["journal_writable"]?.bool.map { $0 ? 1 : 0 })
        count("journal_syncs", "olim_journal_syncs_total", "Syncs of the journal (QUEUE_DURABILITY=fsync).")
        text.counter(
            "olim_journal_sync_seconds_total", "Time that those took.",
            counter("journal_sync_us").map { Double($0) / 1e6 } ?? 0)
        count("journal_failures", "olim_journal_failures_total", "Reads and writes of the journal that failed.")
    }

    private mutating func writeWorkers() {
        text.gauge("olim_workers", "Workers connected.", status["workers"]?.elements?.count ?? 0)
        count("worker_deaths", "olim_worker_deaths_total", "Connections of workers that broke.")
        count("silent_workers", "olim_silent_workers_total", "Workers that answered no ping.")
        count("refused_connections", "olim_queue_refused_connections_total", "Connections to the queue refused.")
    }

    private func counter(_ name: String) -> Int? { status["counters"]?[name]?.int }

    private mutating func count(_ member: String, _ name: String, _ help: String) {
        text.counter(name, help, counter(member) ?? 0)
    }
}

extension JSON {
    /// Milliseconds as seconds.
    var seconds: Double? { double.map { $0 / 1000 } }
}
