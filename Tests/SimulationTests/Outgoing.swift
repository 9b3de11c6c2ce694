import Shared

/// What a worker is about to say: `Outbox` with frames instead of bytes.
struct Outgoing {
    private static let maximumIDs = 256
    private var acknowledged: [EventID] = []
    private var extended: [EventID] = []
    private var messages: [WorkerMessage] = []
    var isFlushScheduled = false

    var isEmpty: Bool { acknowledged.isEmpty && extended.isEmpty && messages.isEmpty }
    var isUrgent: Bool { !messages.isEmpty || acknowledged.count >= Self.maximumIDs }

    mutating func acknowledge(_ id: EventID) { acknowledged.append(id) }

    mutating func extend(_ id: EventID) { if !extended.contains(id) { extended.append(id) } }

    /// Behind the acknowledgements so far.
    mutating func append(_ message: WorkerMessage) {
        collect()
        messages.append(message)
    }

    mutating func take() -> [WorkerMessage] {
        collect()
        defer { messages.removeAll(keepingCapacity: true) }
        return messages
    }

    /// Forgets everything; the acknowledgements among it.
    mutating func clear() -> [EventID] {
        var unsent: [EventID] = []
        for case .acknowledge(let ids) in messages { unsent += ids }
        unsent += acknowledged
        let wasScheduled = isFlushScheduled
        self = Outgoing()
        isFlushScheduled = wasScheduled
        return unsent
    }

    private mutating func collect() {
        if !acknowledged.isEmpty { messages.append(.acknowledge(acknowledged)) }
        if !extended.isEmpty { messages.append(.extend(extended)) }
        acknowledged = []
        extended = []
    }
}
