/// How long things take and last, in microseconds; tests shorten them.
struct TimeLimits: Equatable, Sendable {
    /// From an interaction to its first answer (receiving-and-responding.mdx: three seconds).
    var interactionAnswer = 3_000_000
    /// How long an interaction's token lives (receiving-and-responding.mdx: fifteen minutes).
    var interactionToken = 900_000_000
    /// How long an enforced nonce is remembered (resources/message.mdx: "a few minutes").
    var nonce = 300_000_000
    /// `heartbeat_interval` of Hello, as seen in practice.
    var heartbeatInterval = 41_250_000
    /// How late a heartbeat may be ("tolerance" in gateway.mdx, its length unknown).
    var heartbeatTolerance = 10_000_000
    /// How long a session without connection can be resumed (not documented; about 90 s was observed).
    var sessionExpiry = 90_000_000
    /// How long a connection may stay without Identify or Resume (not documented).
    var identifyTimeout = 60_000_000
    /// Time between two Identifies of one bucket (gateway.mdx, Max Concurrency).
    var identifyInterval = 5_000_000
    /// Time between two requests for all members of one guild (change-log.mdx, 2025-08-14).
    var memberRequestInterval = 30_000_000
    /// Window of the sending limit, and of the presence limit (gateway.mdx, Rate Limiting).
    var sendWindow = 60_000_000, presenceWindow = 20_000_000
}
