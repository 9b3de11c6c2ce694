/// Something that costs a little to find out, asked for at most once in a while: whoever asks in between gets the last answer.
public actor Recent<Value: Sendable> {
    private let lifetime: Duration
    private let find: @Sendable () async -> Value
    private var latest: (at: ContinuousClock.Instant, task: Task<Value, Never>)?

    /// - Parameter lifetime: how old an answer may be.
    public init(for lifetime: Duration, _ find: @escaping @Sendable () async -> Value) {
        self.lifetime = lifetime
        self.find = find
    }

    /// The answer, not older than `lifetime` when it was asked for.
    public func value() async -> Value {
        let now = ContinuousClock.now
        if let latest, now - latest.at < lifetime { return await latest.task.value }
        let task = Task { [find] in await find() }
        latest = (now, task)
        return await task.value
    }
}
