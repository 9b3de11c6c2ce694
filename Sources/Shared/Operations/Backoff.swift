/// How long to wait before trying again: doubling from `first` to `maximum`, each wait spread by ± `jitter` of itself so that
/// many do not come back at once.
public struct Backoff: Sendable, Equatable {
    /// The first wait.
    public let first: Duration
    /// The longest wait, before it is spread.
    public let maximum: Duration
    /// The spread, as a part of the wait: 0 for none, at most 1.
    public let jitter: Double
    /// How many waits there were since the last success.
    public private(set) var attempts = 0
    /// The next wait before it is spread.
    private var nominal: Duration

    /// Makes a backoff.
    public init(first: Duration, maximum: Duration, jitter: Double = 0.2) {
        precondition(first > .zero && maximum >= first && (0...1).contains(jitter), "a backoff of no sense")
        self.first = first
        self.maximum = maximum
        self.jitter = jitter
        nominal = first
    }

    /// The next wait.
    public mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let wait = nominal * Double.random(in: 1 - jitter...1 + jitter, using: &random)
        attempts += 1
        // Compared with the half, so that nothing overflows.
        nominal = nominal < maximum / 2 ? nominal * 2 : maximum
        return wait
    }

    /// A try succeeded: the next wait is the first again.
    public mutating func reset() {
        attempts = 0
        nominal = first
    }
}
