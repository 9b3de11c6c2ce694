internal import Shared

/// What the queue holds, by classes of keys, for status and metrics.
extension KeyedQueue {
    struct ClassContents: Equatable {
        /// Unfinished events of keys of this class, those that are only named included.
        var depth = 0
        /// When the oldest of those in memory was received, in microseconds since 1970.
        var oldestReceivedAt: Int64?
    }

    /// In the order of `QueueKey.Class.allCases`. Looks at every key, at a few nanoseconds each: not for every event.
    func classes() -> [ClassContents] {
        var contents = Array(repeating: ClassContents(), count: QueueKey.Class.allCases.count)
        for key in keys where !key.events.isEmpty || !key.skipped.isEmpty {
            let index = Int(key.key.keyClass.rawValue)
            contents[index].depth += key.events.count + key.skipped.count
            guard !key.events.isEmpty else { continue }
            let received = events[key.events.first].receivedAt
            contents[index].oldestReceivedAt = min(contents[index].oldestReceivedAt ?? received, received)
        }
        return contents
    }
}
