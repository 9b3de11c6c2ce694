internal import Shared

/// The status as anyone may see it who can read the metrics: what `olimctl status` shows, less what is for the operator alone. Workers'
/// reports stay out but for whether their database answers, and so do process ids, users and the reasons of failed tasks.
enum PublicStatus {
    /// `/status.json`: with what is wrong in words.
    static func of(_ status: JSON) -> JSON {
        let workers = (status["workers"]?.elements ?? []).map(trimmed)
        // Whether all are on one database is said, which one it is not.
        let diagnosis = Diagnosis(of: status.replacing("workers", .array(workers)))
        return .compact([
            "version": status["version"], "uptime_s": status["uptime_s"],
            "problems": [
                "failures": .array(diagnosis.failures.map(JSON.string)),
                "warnings": .array(diagnosis.warnings.map(JSON.string)),
            ],
            "shards": status["shards"] ?? .array([]), "queue": status["queue"] ?? [:],
            "workers": .array(workers.map(shown)), "counters": status["counters"] ?? [:],
        ])
    }

    /// A worker with so much of its report as the diagnosis needs.
    private static func trimmed(_ worker: JSON) -> JSON {
        let database = worker["report"]?["database"]
        let report: JSON = .compact([
            "id": database?["id"]?.string.map(JSON.string), "engine": database?["engine"]?.string.map(JSON.string),
            "ok": database?["ok"]?.bool.map(JSON.bool),
        ])
        return .compact([
            "name": worker["name"], "version": worker["version"], "capacity": worker["capacity"],
            "in_flight": worker["in_flight"], "acked": worker["acked"], "draining": worker["draining"],
            "report": database == nil ? nil : ["database": report],
        ])
    }

    private static func shown(_ worker: JSON) -> JSON {
        var members = (worker.members ?? []).filter { $0.key != "report" }
        if let database = worker["report"]?["database"] {
            let engine = Words.line(database["engine"]?.string ?? "database", atMost: 32)
            members.append(
                .init("database", ["engine": .string(engine), "ok": .bool(database["ok"]?.bool ?? true)]))
        }
        return .object(members)
    }
}

extension JSON {
    fileprivate func replacing(_ name: String, _ value: JSON) -> JSON {
        .object((members ?? []).map { $0.key == name ? .init(name, value) : $0 })
    }
}
