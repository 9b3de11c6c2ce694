/// A condition did not come true in time.
public struct DeadlineExceeded: Error, CustomStringConvertible {
    /// What was waited for, and how long.
    public let description: String

    /// Names what was waited for.
    public init(_ what: String, after limit: Duration) {
        description = "\(what): not within \(limit)"
    }
}

/// Waits until a condition holds, asking every few milliseconds; throws `DeadlineExceeded` naming it otherwise.
public func eventually(
    _ what: String,
    within limit: Duration = .seconds(10),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    _ = try await eventually(what, within: limit, isolation: isolation) { try await condition() ? true : nil }
}

/// Waits until a value is there, asking every few milliseconds; throws `DeadlineExceeded` naming it otherwise.
public func eventually<Value>(
    _ what: String,
    within limit: Duration = .seconds(10),
    isolation: isolated (any Actor)? = #isolation,
    value: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    var pause = Duration.microseconds(200)
    while true {
        if let value = try await value() { return value }
        guard clock.now < deadline else { throw DeadlineExceeded(what, after: limit) }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(20))
    }
}
