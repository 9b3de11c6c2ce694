internal import Shared

/// What `/metrics`, `/healthz` and `/readyz` of a worker say.
struct WorkerHealth: Sendable {
    let client: QueueClient
    let services: Services
    let rest: DiscordRESTClient

    var provider: HealthProvider {
        HealthProvider(
            metrics: { await metrics() },
            // It answers, so it works; what it waits for is a matter of readiness.
            health: { HealthReport(isGood: true, lines: ["ok"]) },
            readiness: { await readiness() })
    }

    private func readiness() async -> HealthReport {
        var lines: [String] = []
        if await !client.isConnected { lines.append("not connected to the gateway") }
        do throws(StoreError) {
            try await services.store.ping()
        } catch {
            lines.append("the database does not answer")
        }
        return HealthReport(isGood: lines.isEmpty, lines: lines.isEmpty ? ["ok"] : lines)
    }

    private func metrics() async -> String {
        let values = services.counters.current
        var text = PrometheusText()
        text.gauge(
            "olim_worker_connected", "Whether there is a connection to the gateway.", await client.isConnected ? 1 : 0)
        text.gauge("olim_worker_held_events", "Events in hand.", await client.heldCount)
        text.counters("olim_worker_events_total", "Events received, by type.", "type", values.events)
        text.counters("olim_worker_commands_total", "Commands run.", "command", values.commands)
        text.counter("olim_worker_acknowledged_total", "Events acknowledged.", values.acknowledged)
        text.counter("olim_worker_nacks_total", "Events that failed.", values.nacks)
        text.counter("olim_worker_releases_total", "Events put off.", values.releases)
        text.counter("olim_worker_outages_total", "Times everything was given back.", values.outages)
        text.counter("olim_worker_malformed_total", "Events that lacked something.", values.malformed)
        text.counter("olim_worker_refused_total", "Answers that Discord refuses for good.", values.pointless)
        text.counter(
            "olim_worker_unclear_total", "Messages of which it cannot be told whether they were sent.", values.unclear)
        text.counter("olim_worker_apologies_total", "Interactions answered with an apology.", values.apologies)
        text.counter("olim_worker_late_interactions_total", "Interactions that came too late.", values.tooLate)
        text.counter("olim_worker_reconnects_total", "Connections to the gateway that ended.", values.reconnects)
        let requests = rest.counters.requests.map {
            ("\($0.key.routeClass.rawValue)\",status=\"\($0.key.status)", $0.value)
        }
        text.counters(
            "olim_rest_requests_total", "Requests to Discord, by class of route and status.", "class",
            Dictionary(requests) { $0 + $1 })
        return text.text
    }
}

/// Writes Prometheus' text format, version 0.0.4.
struct PrometheusText {
    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ value: Int) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n\(name) \(value)\n"
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n\(name) \(value)\n"
    }

    mutating func counters(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) counter\n"
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { text += "\(name){\(label)=\"\(key)\"} \(value)\n" }
    }
}
