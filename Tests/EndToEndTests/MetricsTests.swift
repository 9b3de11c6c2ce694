import Foundation
import Shared
import TestKit
import Testing

/// What `METRICS_LISTEN` serves, with the real programs.
@Suite(.timeLimit(.minutes(3))) struct MetricsTests {
    @Test func `gateway and worker are measured, and say when they are ready`() async throws {
        let stack = try await Stack()
        let gateway = stack.pages("gateway")
        let worker = stack.pages("w1")
        _ = try await stack.gateway(stack.metrics(at: "gateway"))
        #expect(try await gateway.get("/healthz").status == "200")
        try await eventually("the gateway is ready") { try await gateway.get("/readyz").status == "200" }

        _ = try await stack.worker("w1", stack.metrics(at: "w1"))
        #expect(try await worker.get("/healthz").status == "200")
        try await eventually("the worker is ready") { try await worker.get("/readyz").status == "200" }
        try await stack.control.post("/simulator/messages", ["content": "!ping"])
        try await eventually("it is answered", within: .seconds(30)) { try await !stack.botMessages().isEmpty }
        try await stack.waitUntilDone()

        let shown: MetricsPage = try await eventually("a report has come", within: .seconds(30)) {
            let page = try MetricsPage(try await gateway.get("/metrics").text)
            return page.values("olim_worker_handler_runs_total", ["worker": "w1"]).first ?? 0 >= 1 ? page : nil
        }
        #expect(shown.values("olim_shard_ready", ["shard": "0"]) == [1])
        #expect(shown.values("olim_shard_state", ["shard": "0", "state": "ready"]) == [1])
        #expect(shown.values("olim_events_acknowledged_total").first ?? 0 >= 1)
        #expect(shown.values("olim_worker_database_up", ["worker": "w1"]) == [1])
        #expect(shown.values("olim_workers") == [1])

        let own = try MetricsPage(try await worker.get("/metrics").text)
        #expect(own.values("olim_gateway_connected") == [1])
        #expect(own.values("olim_commands_total", ["command": "ping (text)"]) == [1])
        #expect(own.values("olim_rest_requests_total", ["class": "bot", "status": "200"]).first ?? 0 >= 1)
        #expect(own.values("olim_handler_duration_seconds_count").first ?? 0 >= 1)
        #expect(own.values("process_cpu_seconds_total").first ?? 0 > 0)
        try expectAllIsDocumented(shown, own)
    }

    /// What an operator copies must name nothing that is not there, and what is there must be explained.
    private func expectAllIsDocumented(_ gateway: MetricsPage, _ worker: MetricsPage) throws {
        let known = gateway.names.union(worker.names)
        for file in ["deploy/monitoring/alerts.yaml", "deploy/monitoring/dashboard.json"] {
            let named = try Self.metrics(in: file)
            #expect(named.count > 10, "\(file) names metrics")
            #expect(named.subtracting(known) == [], "\(file)")
        }
        let families = Set((gateway.families + worker.families).map(\.name))
        let documented = try Self.metrics(in: "docs/operations.md")
        #expect(documented.subtracting(families) == [], "docs/operations.md explains what is not there")
        #expect(families.subtracting(documented) == [], "docs/operations.md does not explain")
    }

    /// The names in a file that look like metrics.
    private static func metrics(in file: String) throws -> Set<String> {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
        return Set(text.matches(of: /\b(olim|process)_[a-z0-9_]+/).map { String($0.output.0) })
    }

    @Test func `what is missing for readiness is said`() async throws {
        let stack = try await Stack()
        let pages = stack.pages("w1")
        // A server that is not there is waited for.
        let waiting = try ChildProcess(
            "olim-worker",
            environment: stack.merged(stack.metrics(at: "w1"))
                .merging(["DATABASE_URL": "postgresql://127.0.0.1:1/olim"]) { $1 },
            in: stack.directory.path)
        try await waiting.waitForLine(containing: "The database is not to be had")
        #expect(try await pages.get("/healthz").status == "200")
        let page = try await pages.get("/readyz")
        #expect(page.status == "503" && page.text == "the database is not there yet, or being migrated\n")
        _ = try MetricsPage(try await pages.get("/metrics").text)
        waiting.signal(15)
        #expect(try await waiting.waitForTermination() == .exited(0), "\(waiting.tail)")

        let alone = try ChildProcess(
            "olim-worker", environment: stack.merged(stack.metrics(at: "w1")), in: stack.directory.path)
        try await alone.waitForLine(containing: "No connection to the gateway")
        try await eventually("it says so") { try await pages.get("/readyz").text == "not connected to the gateway\n" }
    }
}
