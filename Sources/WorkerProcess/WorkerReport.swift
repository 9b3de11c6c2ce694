internal import Shared

/// What a worker reports every 10 s: what the gateway cannot know.
struct WorkerReport: Sendable {
    let services: Services
    let rest: RESTCounters

    func json() async -> JSON {
        ["database": await database(), "tasks": await tasks(), "metrics": await metrics]
    }

    /// What of the daily runs is to come, under way, and went wrong lately. Of the database, so all workers report the same.
    private func tasks() async -> JSON {
        do {
            let counts = try await services.store.runCounts()
            let troubles = try await services.store.runTroubles(limit: Self.troubles)
            return [
                "counts": .array(
                    counts.map { ["task": .string($0.task), "state": .string($0.state), "count": .integer($0.count)] }),
                "troubles": .array(
                    troubles.map {
                        [
                            "guild": .string("\($0.key.guild)"), "task": .string($0.key.task),
                            "date": .string("\($0.key.date)"), "state": .string($0.state),
                            "reason": .string($0.reason.cut(toUTF16: 200)),
                        ]
                    }),
            ]
        } catch {
            return [:]
        }
    }

    /// So many of the latest.
    private static let troubles = 20

    private var metrics: JSON {
        get async {
            var members = services.counters.current.json.members ?? []
            members.append(.init("rest", rest.json))
            if let pool = await services.store.pool { members.append(.init("pool", pool.json)) }
            return .object(members)
        }
    }

    /// Which database this is, so that workers on different ones can be told apart, and whether it answers.
    private func database() async -> JSON {
        do throws(StoreError) {
            try await services.store.ping()
            let identity = try await services.store.identity
            return ["id": .string(identity.id), "engine": .string(identity.engine), "ok": true]
        } catch {
            return ["ok": false, "reason": .string(error.description)]
        }
    }
}
