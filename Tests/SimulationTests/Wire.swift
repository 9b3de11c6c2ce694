import DequeModule
import NIOCore

/// One direction of a connection: messages arrive in order, each after a delay.
struct Wire<Message> {
    private var messages: Deque<(arrival: NIODeadline, message: Message)> = []
    private var lastArrival = NIODeadline.distantPast
    private var isAnnounced = false
    /// Nothing that is sent arrives any more.
    private(set) var isCut = false
    /// Nothing arrives before.
    private(set) var stalledUntil = NIODeadline.distantPast

    var isEmpty: Bool { messages.isEmpty }
    var count: Int { messages.count }

    /// - Returns: when to look for messages, unless that is known already.
    mutating func send(_ message: Message, arrival: NIODeadline) -> NIODeadline? {
        guard !isCut else { return nil }
        lastArrival = max(arrival, lastArrival, stalledUntil)
        messages.append((lastArrival, message))
        return announce()
    }

    /// Whether such a message is under way.
    func contains(where isWanted: (Message) -> Bool) -> Bool { messages.contains { isWanted($0.message) } }

    /// The next message that has arrived.
    mutating func receive(now: NIODeadline) -> Message? {
        guard let first = messages.first, first.arrival <= now else { return nil }
        return messages.removeFirst().message
    }

    /// Somebody has looked: when to look again.
    mutating func looked() -> NIODeadline? {
        isAnnounced = false
        return announce()
    }

    private mutating func announce() -> NIODeadline? {
        guard !isAnnounced, let first = messages.first else { return nil }
        isAnnounced = true
        return first.arrival
    }

    /// Only the first `count` of what is under way arrives, and nothing that is sent later.
    mutating func cut(keeping count: Int) {
        isCut = true
        if messages.count > count { messages.removeLast(messages.count - count) }
    }

    /// What is sent from now on arrives later.
    mutating func stall(until time: NIODeadline) { stalledUntil = max(stalledUntil, time) }
}
