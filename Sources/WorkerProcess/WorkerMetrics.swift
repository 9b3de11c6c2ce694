internal import Shared

/// What a worker has done, in Prometheus' text format. The gateway's metrics show the most important of it too, under `olim_worker_…`.
struct WorkerMetrics: Sendable {
    var isConnected = false
    var held = 0
    var capacity = 0
    /// The dispatches that this worker has handlers for: others are counted as one.
    var wantedEvents: Set<String> = []
    var counters = WorkerCounters.Values()
    var rest = RESTCounters()
    var pool: PoolUsage?

    func text(usage: ProcessUsage = .now()) -> String {
        var text = MetricsText()
        text.process("olim-worker", usage)
        writeQueue(&text)
        writeEvents(&text)
        writeDiscord(&text)
        writeDatabase(&text)
        return text.text
    }

    private func writeQueue(_ text: inout MetricsText) {
        text.gauge("olim_gateway_connected", "Whether events can come.", isConnected ? 1 : 0)
        text.counter(
            "olim_gateway_disconnections_total", "Connections to the gateway that ended.", counters.reconnects)
        text.gauge("olim_held_events", "Events in hand.", held)
        text.gauge("olim_held_events_limit", "WORKER_CAPACITY.", capacity)
    }

    private func writeEvents(_ text: inout MetricsText) {
        var events: [String: Int] = [:]
        for (name, count) in counters.events {
            events[wantedEvents.contains(name) ? name : "other", default: 0] += count
        }
        text.counter("olim_taken_events_total", "Events taken, by Discord's name.", samples("event", events))
        text.counter("olim_acknowledged_events_total", "Events finished.", counters.acknowledged)
        text.counter("olim_failed_events_total", "Events that failed.", counters.nacks)
        text.counter("olim_released_events_total", "Events put off.", counters.releases)
        text.counter("olim_malformed_events_total", "Events that lacked something.", counters.malformed)
        text.counter("olim_commands_total", "Commands run.", samples("command", counters.commands))
        text.counter("olim_apologies_total", "Interactions answered with an apology.", counters.apologies)
        text.counter("olim_late_interactions_total", "Interactions that came too late.", counters.tooLate)
        text.counter("olim_daily_runs_total", "Daily runs, by how they ended.", samples("state", counters.runs))
        text.histogram(
            "olim_handler_duration_seconds", "From a handler's begin to its end, waits included.", counters.handlers)
    }

    private func writeDiscord(_ text: inout MetricsText) {
        text.counter(
            "olim_rest_requests_total", "Requests to Discord; status none: no answer came.",
            rest.requests.sorted {
                ($0.key.routeClass.rawValue, $0.key.status) < ($1.key.routeClass.rawValue, $1.key.status)
            }
            .map { outcome, count in
                let status = outcome.status == 0 ? "none" : "\(outcome.status)"
                return .init(["class": outcome.routeClass.rawValue, "status": status], count)
            })
        text.counter(
            "olim_rest_limited_total", "Answers 429, by their scope.",
            RateLimitAnswer.Scope.allCases.map { .init(["scope": $0.rawValue], rest.limited[$0, default: 0]) })
        text.counter("olim_rest_retries_total", "Attempts after the first.", rest.retries)
        text.counter(
            "olim_rest_refused_total", "Calls that were not sent, because they could not have succeeded.", rest.refused)
        text.counter(
            "olim_refused_answers_total", "Answers to events that Discord refuses for good.", counters.pointless)
        text.counter(
            "olim_unclear_messages_total", "Messages of which it cannot be told whether they were sent.",
            counters.unclear)
    }

    private func writeDatabase(_ text: inout MetricsText) {
        text.counter(
            "olim_database_outages_total", "Times everything was given back, for want of the database.",
            counters.outages)
        text.gauge(
            "olim_database_connections", "Connections to PostgreSQL.",
            pool.map {
                [("idle", $0.idle), ("used", $0.used), ("connecting", $0.connecting)]
                    .map { .init(["state": $0.0], $0.1) }
            } ?? [])
        text.gauge("olim_database_waiting", "Calls that wait for one of those.", pool?.waiting)
    }

    private func samples(_ label: String, _ counts: [String: Int]) -> [MetricsText.Sample] {
        counts.sorted { $0.key < $1.key }.map { .init([label: $0.key], $0.value) }
    }
}
