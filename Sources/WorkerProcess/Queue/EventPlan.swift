internal import Shared

/// What is to be done about one event: parts of it, or nothing.
struct EventPlan: Sendable {
    /// Counted by the write-behind, together with others.
    var activity: ActivityEvent?
    /// A handler's run. It may be repeated, on this worker or another, and must then have no second effect.
    var work: (@Sendable () async throws -> Void)?
}

/// Turns events into plans.
protocol EventPlanner: Sendable {
    /// Names of the dispatches that are wanted.
    var wantedEvents: Set<String> { get }

    /// Called on the queue's event loop, in order, so it must not wait. `data` is void once it returns.
    /// - Throws: `EventProblem` if the event lacks what it must have.
    func plan(_ event: EventFrame, _ data: JSONValue) throws(EventProblem) -> EventPlan
}

/// An event that cannot be handled as it is.
struct EventProblem: Error, Equatable, CustomStringConvertible {
    /// Which field is missing or of the wrong kind; nothing of its content.
    let description: String
}
