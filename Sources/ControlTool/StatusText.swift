internal import Shared

/// A status for people: what is wrong first.
enum StatusText {
    /// - Parameter isStyled: with a terminal's colours.
    static func text(_ status: JSON, isStyled: Bool = false) -> String {
        func styled(_ style: (String) -> String, _ text: String) -> String { isStyled ? style(text) : text }
        let diagnosis = Diagnosis(of: status)
        var lines = [styled(Style.bold, heading(status, diagnosis))]
        lines += diagnosis.failures.map { styled(Style.red, "  ✗ \($0)") }
        lines += diagnosis.warnings.map { styled(Style.yellow, "  ! \($0)") }
        for section in sections(of: status) where !section.lines.isEmpty {
            lines += ["", styled(Style.bold, section.title)] + section.lines.map { "  \($0)" }
        }
        return lines.joined(separator: "\n")
    }

    /// Tables below their titles; one of which there is nothing to tell has no lines.
    static func sections(of status: JSON) -> [(title: String, lines: [String])] {
        [
            ("Shards", shards(status["shards"]?.elements ?? [], status["counters"] ?? [:])),
            ("Queue", queue(status["queue"] ?? [:], rates: status["rates"], status["counters"] ?? [:])),
            ("Workers", workers(status["workers"]?.elements ?? [])),
            ("Daily tasks", TaskReports.counts(status["workers"]?.elements ?? [])),
        ]
    }

    static func heading(_ status: JSON, _ diagnosis: Diagnosis) -> String {
        let uptime = Words.duration(milliseconds: (status["uptime_s"]?.int ?? 0) * 1000)
        let version = Words.line(status["version"]?.string ?? "?")
        let found = diagnosis.failures.count + diagnosis.warnings.count
        let verdict = found == 0 ? "all is well" : Words.count(found, "thing") + " to look at"
        return "olim-gateway \(version), up \(uptime): \(verdict)"
    }

    private static func shards(_ shards: [JSON], _ counters: JSON) -> [String] {
        guard !shards.isEmpty else { return [] }
        var table = TextTable("id", "state", "sequence", "heartbeat", "last heard")
        for shard in shards {
            table.add(
                number(shard["id"]), Words.line(shard["state"]?.string ?? "?"), number(shard["seq"]),
                duration(shard["latency_ms"]), shard["idle_ms"]?.int == nil ? "–" : duration(shard["idle_ms"]) + " ago")
        }
        guard let left = counters["identifies_remaining"]?.int else { return table.lines }
        let spent = counters["identifies_24h"]?.int.map { ", \($0) in the last 24 hours" } ?? ""
        return table.lines + ["identifies left today: \(left)\(spent)"]
    }

    private static func queue(_ queue: JSON, rates: JSON?, _ counters: JSON) -> [String] {
        var state = "\(Words.count(queue["depth"]?.int ?? 0, "event")) waiting or in flight"
        state += " (\(number(queue["in_flight"])) in flight, \(Words.size(queue["bytes"]?.int ?? 0))"
        if let oldest = queue["oldest_ms"]?.int, oldest > 0 {
            state += ", the oldest for \(Words.duration(milliseconds: oldest))"
        }
        let shown = ["received", "delivered", "redelivered", "acked", "nacks", "releases", "unwanted", "deferred"]
            .compactMap { name in counters[name]?.int.map { "\(name) \($0)" } }
        var lines = [state + ")"]
        if let classes = classes(queue["classes"]) { lines.append("by key: \(classes)") }
        if let rates {
            let paces = [("received", "received"), ("delivered", "delivered"), ("acked", "done")]
                .compactMap { name, word in rates[name]?.double.map { "\(word) \($0)" } }
            lines.append("per second: " + paces.joined(separator: ", "))
        }
        return lines + (shown.isEmpty ? [] : ["since the start: " + shown.joined(separator: ", ")])
    }

    /// What waits or is in flight of each class of keys; nil if nothing does.
    private static func classes(_ classes: JSON?) -> String? {
        let shown = (classes?.members ?? []).compactMap { member -> String? in
            guard let depth = member.value["depth"]?.int, depth > 0 else { return nil }
            let name = member.key == "unread" ? "not read yet" : Words.line(member.key)
            guard let oldest = member.value["oldest_ms"]?.int else { return "\(name) \(depth)" }
            return "\(name) \(depth) (the oldest for \(Words.duration(milliseconds: oldest)))"
        }
        return shown.isEmpty ? nil : shown.joined(separator: ", ")
    }

    private static func workers(_ workers: [JSON]) -> [String] {
        guard !workers.isEmpty else { return [] }
        var table = TextTable(
            "name", "pid", "uid", "version", "in flight", "per second", "acknowledged", "database", "")
        for worker in workers {
            table.add(
                Words.line(worker["name"]?.string ?? "?"), number(worker["pid"]), number(worker["uid"]),
                Words.line(worker["version"]?.string ?? "?"),
                "\(number(worker["in_flight"])) of \(number(worker["capacity"]))",
                worker["rate"]?.double.map { "\($0)" } ?? "–", number(worker["acked"]),
                database(worker["report"]?["database"]), worker["draining"]?.bool == true ? "draining" : "")
        }
        return table.lines
    }

    private static func database(_ database: JSON?) -> String {
        guard let database else { return "–" }
        let engine = Words.line(database["engine"]?.string ?? "?")
        return database["ok"]?.bool == false ? "\(engine) (down)" : engine
    }

    private static func number(_ value: JSON?) -> String { value?.int.map { "\($0)" } ?? "–" }

    private static func duration(_ value: JSON?) -> String {
        value?.int.map { Words.duration(milliseconds: $0) } ?? "–"
    }
}
