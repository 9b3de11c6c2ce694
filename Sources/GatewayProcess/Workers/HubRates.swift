internal import NIOCore
internal import Shared

/// How many events come and go per second, over the last ten.
struct HubRates {
    private var received = RateMeter()
    private var delivered = RateMeter()
    private var acknowledged = RateMeter()
    private var notedAt: NIODeadline?

    /// Notes where the counters stand, if a second has passed since the last time.
    /// - Returns: whether it has.
    mutating func note(_ counters: QueueCounters, now: NIODeadline) -> Bool {
        if let notedAt, now - notedAt < .seconds(1) { return false }
        notedAt = now
        received.note(counters.received, now: now)
        delivered.note(counters.delivered, now: now)
        acknowledged.note(counters.acknowledged, now: now)
        return true
    }

    /// Events per second.
    func json(of counters: QueueCounters, now: NIODeadline) -> JSON {
        [
            "received": .rate(received.perSecond(counters.received, now: now)),
            "delivered": .rate(delivered.perSecond(counters.delivered, now: now)),
            "acked": .rate(acknowledged.perSecond(counters.acknowledged, now: now)),
        ]
    }
}

extension JSON {
    /// With one decimal.
    static func rate(_ perSecond: Double) -> JSON { .double((perSecond * 10).rounded() / 10) }
}

extension QueueHub {
    func noteRates(now: NIODeadline) {
        guard rates.note(queue.counters, now: now) else { return }
        for connection in connections.values {
            guard let worker = connection.worker else { continue }
            connection.rate.note(queue.acknowledgedCount(of: worker), now: now)
        }
    }
}
