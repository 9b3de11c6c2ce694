internal import Shared

/// The connected workers in the metrics: what the gateway knows of each, and what each reports of itself.
///
/// Workers of one name are one series, their numbers added up: as doubles, which no number that a worker makes up can overflow. There are
/// as many series as workers, times the few labels named here.
struct ReportedWorkers {
    private let names: [String]
    private let workers: [String: [JSON]]

    /// The workers of a status frame.
    init(_ workers: [JSON]) {
        self.workers = Dictionary(grouping: workers) { $0["name"]?.string ?? "" }
        names = self.workers.keys.sorted()
    }

    func write(to text: inout MetricsText) {
        writeConnections(to: &text)
        writeDatabases(to: &text)
        writeRequests(to: &text)
        writeHandlers(to: &text)
        writeTasks(to: &text)
    }

    private func writeConnections(to text: inout MetricsText) {
        text.gauge("olim_worker_connections", "Connections of workers of that name.", samples { _ in 1 })
        text.gauge(
            "olim_worker_in_flight_events", "Events that the worker has.", samples { $0["in_flight"]?.double })
        text.gauge(
            "olim_worker_capacity_events", "Events that it takes at once.", samples { $0["capacity"]?.double })
        text.counter(
            "olim_worker_acknowledged_total", "Events that it has finished since it connected.",
            samples { $0["acked"]?.double })
        text.gauge(
            "olim_worker_draining", "Whether it finishes what it has and goes.",
            samples { $0["draining"]?.bool == true ? 1 : 0 })
    }

    private func writeDatabases(to text: inout MetricsText) {
        text.gauge(
            "olim_worker_database_up", "Whether all workers of that name reach their database.",
            names.compactMap { name in
                let answers = (workers[name] ?? []).compactMap { $0["report"]?["database"]?["ok"]?.bool }
                guard !answers.isEmpty else { return nil }
                return .init(["worker": name], answers.allSatisfy { $0 } ? 1 : 0)
            })
        text.gauge(
            "olim_databases", "Different databases that the workers report; more than one is a mistake.",
            Set(workers.values.joined().compactMap { $0["report"]?["database"]?["id"]?.string }).count)
        let states = ["idle", "used", "connecting"]
        text.gauge(
            "olim_worker_database_connections", "Its connections to the database (DATABASE_POOL_SIZE at most).",
            states.flatMap { state in samples("state", state) { $0["report"]?["metrics"]?["pool"]?[state]?.double } })
        text.gauge(
            "olim_worker_database_waiting", "Calls that wait for one of those connections.",
            samples { $0["report"]?["metrics"]?["pool"]?["waiting"]?.double })
    }

    private func writeRequests(to text: inout MetricsText) {
        func rest(_ worker: JSON) -> JSON? { worker["report"]?["metrics"]?["rest"] }
        let classes = ["bot", "callback", "interaction"]
        text.counter(
            "olim_worker_rest_requests_total",
            "Its requests to Discord, by the first digit of the answer's status; 429 and no answer by themselves.",
            names.flatMap { name in
                classes.flatMap { routes in
                    AnswerClass.allCases.map { answer in
                        let count = (workers[name] ?? []).map { answer.count(in: rest($0)?["requests"]?[routes]) }
                        return .init(
                            ["worker": name, "class": routes, "code": answer.rawValue], count.reduce(0, +))
                    }
                }
            })
        text.counter(
            "olim_worker_rest_retries_total", "Attempts after the first.", samples { rest($0)?["retries"]?.double })
        text.counter(
            "olim_worker_rest_refused_total", "Calls that were not sent, because they could not have succeeded.",
            samples { rest($0)?["refused"]?.double })
    }

    private func writeHandlers(to text: inout MetricsText) {
        func metrics(_ worker: JSON) -> JSON? { worker["report"]?["metrics"] }
        text.counter(
            "olim_worker_handler_runs_total", "Handlers that it has run.",
            samples { metrics($0)?["handlers"]?["runs"]?.double })
        text.counter(
            "olim_worker_handler_seconds_total", "Time from a handler's begin to its end, waits included.",
            samples { metrics($0)?["handlers"]?["seconds"]?.double })
        text.counter(
            "olim_worker_failed_total", "Events that it said have failed.", samples { metrics($0)?["nacks"]?.double })
        text.counter(
            "olim_worker_outages_total", "Times it gave everything back, for want of its database.",
            samples { metrics($0)?["outages"]?.double })
    }

    /// The tasks are of the database, so every worker reports the same: the one that reports most counts.
    private func writeTasks(to text: inout MetricsText) {
        let counts =
            workers.values.joined().compactMap { $0["report"]?["tasks"]?["counts"]?.elements }.max {
                $0.count < $1.count
            } ?? []
        var totals: [String: Double] = [:]
        for count in counts {
            guard let state = count["state"]?.string, Self.runStates.contains(state) else { continue }
            totals[state, default: 0] += max(0, count["count"]?.double ?? 0)
        }
        text.gauge(
            "olim_daily_runs", "Daily runs by their state; those done, failed and skipped are of the last 24 hours.",
            Self.runStates.map { .init(["state": $0], totals[$0, default: 0]) })
    }

    private static let runStates = ["planned", "due", "running", "posted", "done", "failed", "skipped"]

    /// A value of each name that has one, that of its workers added up.
    private func samples(_ value: (JSON) -> Double?) -> [MetricsText.Sample] {
        names.compactMap { name in
            sum(name, value).map { .init(["worker": name], $0) }
        }
    }

    private func samples(
        _ label: String, _ labelled: String, _ value: (JSON) -> Double?
    ) -> [MetricsText.Sample] {
        names.compactMap { name in
            sum(name, value).map { .init(["worker": name, label: labelled], $0) }
        }
    }

    private func sum(_ name: String, _ value: (JSON) -> Double?) -> Double? {
        let values = (workers[name] ?? []).compactMap(value).filter { $0.isFinite && $0 >= 0 }
        return values.isEmpty ? nil : values.reduce(0, +)
    }
}

/// What came of requests, in few words.
private enum AnswerClass: String, CaseIterable {
    case success = "2xx"
    case redirection = "3xx"
    case clientError = "4xx"
    case limited = "429"
    case serverError = "5xx"
    case unanswered = "none"

    /// How many there are among counts by status, of which 0 stands for no answer.
    func count(in statuses: JSON?) -> Double {
        (statuses?.members ?? []).reduce(0) { sum, member in
            guard let status = Int(member.key), Self.of(status) == self else { return sum }
            return sum + max(0, member.value.double ?? 0)
        }
    }

    private static func of(_ status: Int) -> AnswerClass? {
        switch status {
        case 0: .unanswered
        case 200..<300: .success
        case 300..<400: .redirection
        case 429: .limited
        case 400..<500: .clientError
        case 500..<600: .serverError
        default: nil
        }
    }
}
