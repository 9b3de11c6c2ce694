internal import NIOCore
internal import Shared

/// A run of many messages, prepared so that sending costs little more than copying.
struct Flood {
    /// What is asked for.
    struct Order: Equatable, Sendable {
        var count: Int
        /// Events per second; nil for as fast as clients read.
        var rate: Int?
        /// Distinct frames.
        var frames = 10_000
    }

    let order: Order
    let frames: [EncodedEvent]
    private(set) var sent = 0
    let startedAt: Int
    var endedAt: Int?

    init(order: Order, frames: [EncodedEvent], at now: Int) {
        self.order = order
        self.frames = frames
        startedAt = now
    }

    var isDone: Bool { sent >= order.count }

    /// How many may go out now.
    func allowance(at now: Int) -> Int {
        let rest = order.count - sent
        guard let rate = order.rate else { return rest }
        let due = Int(Double(now - startedAt) / 1_000_000 * Double(rate))
        return min(rest, max(0, due - sent))
    }

    /// The next event.
    mutating func next() -> EncodedEvent {
        let event = frames[sent % frames.count]
        sent += 1
        return event
    }

    /// For the report.
    var json: JSON {
        [
            "count": .integer(order.count), "sent": .integer(sent), "started_at": .integer(startedAt),
            "ended_at": endedAt.map(JSON.integer) ?? .null,
        ]
    }
}

extension GatewayServer {
    /// Events sent in one go before other connections get their turn.
    private static let floodBurst = 512

    /// Begins a flood.
    func startFlood(_ order: Flood.Order, seed: UInt64) {
        let deflates = connections.values.contains { $0.parameters.compress == "zlib-stream" }
        let load = FloodPayloads(world: world, count: order.frames, seed: seed, now: world.clock())
        let frames = load.payloads.map { payload in
            let event = EncodedEvent(name: "MESSAGE_CREATE", guild: payload.guild, d: payload.data)
            if deflates { event.deflatedSuffix = ZlibCompressor.prepare(event.suffix) }
            return event
        }
        guard !frames.isEmpty else { return }
        flood = Flood(order: order, frames: frames, at: world.clock())
        pumpFlood()
    }

    /// Goes on with a flood that waited for a client.
    func resumeFlood() {
        guard flood != nil, !isPumping else { return }
        loop.execute { [self] in pumpFlood() }
    }

    /// Sends as much as clients take.
    private func pumpFlood() {
        guard var flood, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        self.flood = nil
        let allowance = flood.allowance(at: world.clock())
        var count = 0
        var isBlocked = connections.values.contains { !$0.isClosing && !$0.isStalled && !$0.isWritable }
        while !isBlocked, count < min(allowance, Self.floodBurst) {
            distribute(flood.next())
            count += 1
            if count % 64 == 0 {
                isBlocked = connections.values.contains { !$0.isClosing && !$0.isStalled && !$0.isWritable }
            }
        }
        if flood.isDone {
            flood.endedAt = world.clock()
            lastFlood = flood
            return world.changed()
        }
        self.flood = flood
        if isBlocked { return }
        if count < Self.floodBurst {
            loop.scheduleTask(in: .milliseconds(1)) { [self] in pumpFlood() }
        } else {
            loop.execute { [self] in pumpFlood() }
        }
    }
}
