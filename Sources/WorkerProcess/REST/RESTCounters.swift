internal import Shared

/// What REST has done since the process started, for reports and metrics.
struct RESTCounters: Sendable, Equatable {
    /// A class of routes and an answer's status; 0 where no answer came.
    struct Outcome: Sendable, Hashable {
        let routeClass: Route.Class
        let status: Int
    }

    /// Requests sent, by class of route and status.
    var requests: [Outcome: Int] = [:]
    /// Answers 429, by scope.
    var limited: [RateLimitAnswer.Scope: Int] = [:]
    /// Attempts after the first, those after a 429 included.
    var retries = 0
    /// Calls refused without a request: remembered refusals, waits that would be too long, a rejected token.
    var refused = 0

    /// As a member of the worker's report: `{"requests":{"bot":{"200":7}},"limited":{"user":1},"retries":1,"refused":0}`.
    var json: JSON {
        let classes = Route.Class.allCases.map { routeClass in
            let statuses = requests.filter { $0.key.routeClass == routeClass }.sorted { $0.key.status < $1.key.status }
            return JSON.Member(
                routeClass.rawValue,
                .object(statuses.map { JSON.Member("\($0.key.status)", .integer($0.value)) }))
        }
        let scopes = RateLimitAnswer.Scope.allCases.map { JSON.Member($0.rawValue, .integer(limited[$0, default: 0])) }
        return [
            "requests": .object(classes), "limited": .object(scopes), "retries": .integer(retries),
            "refused": .integer(refused),
        ]
    }
}
