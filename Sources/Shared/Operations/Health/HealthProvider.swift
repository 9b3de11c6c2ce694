/// What a health check found.
public struct HealthReport: Sendable, Equatable {
    /// Whether all is well: 200 or 503.
    public var isGood: Bool
    /// One line each: what is wrong, or how things are.
    public var lines: [String]

    /// Makes a report.
    public init(isGood: Bool, lines: [String]) {
        self.isGood = isGood
        self.lines = lines
    }
}

/// A page of the endpoint.
public struct HealthPage: Sendable {
    /// Its media type.
    public var type: String
    /// Its content.
    public var text: String
    /// Further headers.
    public var headers: [(name: String, value: String)]

    /// Makes a page.
    public init(type: String, text: String, headers: [(name: String, value: String)] = []) {
        self.type = type
        self.text = text
        self.headers = headers
    }
}

/// What the endpoint asks. Health and readiness are asked at each request; nothing is latched.
public struct HealthProvider: Sendable {
    /// Prometheus text (`MetricsText`).
    public var metrics: @Sendable () async -> String
    /// Whether the process works: what a restart could mend.
    public var health: @Sendable () async -> HealthReport
    /// Whether it does its job now: connected and serving.
    public var readiness: @Sendable () async -> HealthReport
    /// Further pages by their path.
    public var pages: [String: @Sendable () async -> HealthPage]

    /// Makes a provider.
    public init(
        metrics: @escaping @Sendable () async -> String, health: @escaping @Sendable () async -> HealthReport,
        readiness: @escaping @Sendable () async -> HealthReport,
        pages: [String: @Sendable () async -> HealthPage] = [:]
    ) {
        self.metrics = metrics
        self.health = health
        self.readiness = readiness
        self.pages = pages
    }
}
