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
}
