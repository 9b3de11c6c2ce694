/// Whether a request goes out again after a failure (the table that follows from Discord's
/// topics/opcodes-and-status-codes.mdx). A 429 is not for this: `RateLimiter` has those wait.
struct RetryPolicy: Sendable, Equatable {
    /// What carrying a request out twice would do.
    enum Repetition: Sendable, Equatable {
        /// The same as once: GET, PUT, PATCH, DELETE, bulk overwrite, Create Message with an enforced nonce, callbacks.
        case harmless
        /// A second effect: a bare POST.
        case harmful
    }

    /// How an attempt failed.
    enum Failure: Sendable, Equatable {
        case answered(status: Int)
        /// Refused connection, DNS, TLS: Discord never saw it.
        case notSent
        /// Reset or timeout after sending: it may have been carried out.
        case unknown

        /// Of 502 and 503 it is unlikely, but nobody promises it.
        var mayHaveBeenCarriedOut: Bool {
            switch self {
            case .answered(let status): status >= 500
            case .notSent: false
            case .unknown: true
            }
        }
    }

    /// Attempts in all, the first included. Deployed libraries make three to five.
    var maximumAttempts = 4
    /// Wait before the second attempt; doubles from then on.
    var firstDelay: Duration = .seconds(1)
    /// Share of each wait that is random, either way, so that workers do not come back in step.
    var jitter = 0.25

    /// For the first answer to an interaction: all of it has to fit into three seconds.
    static let callback = RetryPolicy(maximumAttempts: 5, firstDelay: .milliseconds(100))

    /// How long to wait before the next attempt; nil to give up.
    /// - Parameters:
    ///   - attempts: attempts made so far, at least 1.
    ///   - random: from 0 to below 1.
    func delay(after failure: Failure, attempts: Int, _ repetition: Repetition, random: Double) -> Duration? {
        guard attempts < maximumAttempts else { return nil }
        switch failure {
        case .notSent: break
        // No gateway was available, so nothing could act on it.
        case .answered(502), .answered(503): break
        case .answered(let status) where status >= 500: guard repetition == .harmless else { return nil }
        case .answered: return nil
        case .unknown: guard repetition == .harmless else { return nil }
        }
        let exponential = firstDelay * (1 << min(attempts - 1, 16))
        return exponential * (1 + jitter * (2 * random - 1))
    }
}
