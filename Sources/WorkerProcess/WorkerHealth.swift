internal import Shared
internal import Synchronization

/// What `/metrics`, `/healthz` and `/readyz` of a worker say, from before it has a database.
final class WorkerHealth: Sendable {
    /// A worker's parts, once there are all.
    struct Parts: Sendable {
        let client: QueueClient
        let services: Services
        let rest: DiscordRESTClient
    }

    private let parts = Mutex<Parts?>(nil)

    /// The database is migrated, and the queue's client about to connect.
    func began(_ parts: Parts) {
        self.parts.withLock { $0 = parts }
    }

    var provider: HealthProvider {
        HealthProvider(
            metrics: { await self.metrics().text() },
            // It answers, so it works; what it waits for is a matter of readiness.
            health: { HealthReport(isGood: true, lines: ["ok"]) },
            readiness: { await self.readiness() })
    }

    private func readiness() async -> HealthReport {
        guard let parts = parts.withLock({ $0 }) else {
            return HealthReport(isGood: false, lines: ["the database is not there yet, or being migrated"])
        }
        var lines: [String] = []
        if await !parts.client.isConnected { lines.append("not connected to the gateway") }
        do throws(StoreError) {
            try await parts.services.store.ping()
        } catch {
            lines.append("the database does not answer")
        }
        return HealthReport(isGood: lines.isEmpty, lines: lines.isEmpty ? ["ok"] : lines)
    }

    private func metrics() async -> WorkerMetrics {
        guard let parts = parts.withLock({ $0 }) else { return WorkerMetrics() }
        return WorkerMetrics(
            isConnected: await parts.client.isConnected, held: await parts.client.heldCount,
            capacity: parts.client.options.capacity, wantedEvents: parts.client.planner.wantedEvents,
            counters: parts.services.counters.current, rest: parts.rest.counters, pool: await parts.services.store.pool)
    }
}
