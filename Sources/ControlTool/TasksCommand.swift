internal import ArgumentParser
internal import Shared

struct TasksCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "tasks",
        abstract: "Show the daily tasks: what is to come, due, running, done or failed, and why.",
        discussion: """
            As the workers report it every ten seconds, for each database that they use. What has ended is counted for a day.
            """)

    @OptionGroup var options: ControlOptions

    func perform() throws(ControlFailure) -> String {
        let result = try options.connect().request("status")
        let databases = TaskReports.byDatabase(result.value["status"]?["workers"]?.elements ?? [])
        return options.json
            ? JSON.array(databases.map { ["database": .string($0.database), "tasks": $0.tasks] }).text
            : TaskReports.text(databases)
    }
}

/// What workers report of daily runs.
enum TaskReports {
    private static let states = ["planned", "due", "running", "posted", "done", "failed", "skipped"]

    /// One report for each database: workers that share one report the same.
    static func byDatabase(_ workers: [JSON]) -> [(database: String, tasks: JSON)] {
        var reports: [(database: String, tasks: JSON)] = []
        for worker in workers {
            guard let report = worker["report"], let tasks = report["tasks"], tasks["counts"] != nil else { continue }
            let engine = report["database"]?["engine"]?.string ?? "?"
            let database = "\(engine) \(report["database"]?["id"]?.string ?? "?")"
            if !reports.contains(where: { $0.database == database }) { reports.append((database, tasks)) }
        }
        return reports
    }

    /// What has become of each task's runs, in all databases; nothing where there is no run.
    static func counts(_ workers: [JSON]) -> [String] {
        let all = byDatabase(workers).flatMap { $0.tasks["counts"]?.elements ?? [] }
        return all.isEmpty ? [] : counts(ofAll: all)
    }

    static func text(_ databases: [(database: String, tasks: JSON)]) -> String {
        guard !databases.isEmpty else { return "no worker has reported any tasks yet" }
        return databases.map { database, tasks in
            var lines = databases.count > 1 ? [Words.line(database)] : []
            lines += counts(ofAll: tasks["counts"]?.elements ?? [])
            lines += troubles(tasks["troubles"]?.elements ?? [])
            return lines.joined(separator: "\n")
        }
        .joined(separator: "\n\n")
    }

    private static func counts(ofAll counts: [JSON]) -> [String] {
        guard !counts.isEmpty else { return ["no runs: no server has a daily post"] }
        var table = TextTable("task", "planned", "due", "running", "posted", "done", "failed", "skipped")
        let names = counts.compactMap { $0["task"]?.string }.reduce(into: [String]()) { names, name in
            if !names.contains(name) { names.append(name) }
        }
        for name in names {
            let cells = states.map { state in
                let found = counts.filter { $0["task"]?.string == name && $0["state"]?.string == state }
                return "\(found.reduce(0) { $0 &+ ($1["count"]?.int ?? 0) })"
            }
            table.add([Words.line(name)] + cells)
        }
        return table.lines
    }

    private static func troubles(_ troubles: [JSON]) -> [String] {
        guard !troubles.isEmpty else { return [] }
        var table = TextTable("server", "task", "date", "state", "reason")
        for trouble in troubles {
            table.add(
                ["guild", "task", "date", "state"].map { Words.line(trouble[$0]?.string ?? "?") }
                    + [Words.line(trouble["reason"]?.string ?? "", atMost: 100)])
        }
        return ["", "lately failed or skipped"] + table.lines
    }
}
