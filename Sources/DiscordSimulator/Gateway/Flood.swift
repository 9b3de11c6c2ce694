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
        /// Whether all is compressed before the first is sent, so that sending is never what is measured. Whatever else happens on
        /// these connections meanwhile is sent afterwards.
        var isPrepared = false
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
        if order.isPrepared { prepare(order, frames) }
        flood = Flood(order: order, frames: frames, at: world.clock())
        pumpFlood()
    }

    /// Compressed, about 300 bytes each.
    private static let mostPrepared = 250_000

    private func prepare(_ order: Flood.Order, _ frames: [EncodedEvent]) {
        for connection in connections.values {
            guard let session = connection.session.flatMap({ directory.sessions[$0] }) else { continue }
            var sequence = session.lastSequence
            for number in 0..<min(order.count, Self.mostPrepared) {
                guard let event = session.view(of: frames[number % frames.count]) else { continue }
                sequence += 1
                connection.prepare(event, sequence: sequence)
            }
        }
    }

    private func sendWhatWaited() {
        let waiting = waitingForFlood
        waitingForFlood = []
        for (event, session) in waiting {
            deliver(event, to: session, connection: directory.sessions[session]?.connection)
        }
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
            isPumping = false
            sendWhatWaited()
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
