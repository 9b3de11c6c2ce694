internal import Shared

/// What a worker reports every 10 s: what the gateway cannot know.
struct WorkerReport: Sendable {
    let services: Services
    let rest: RESTCounters

    func json() async -> JSON {
        ["database": await database(), "tasks": [:], "metrics": metrics]
    }

    var metrics: JSON {
        var members = services.counters.current.json.members ?? []
        members.append(.init("rest", rest.json))
        return .object(members)
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
