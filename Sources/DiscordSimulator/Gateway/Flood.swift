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
        /// Mean bytes of `d`.
        var meanBytes = 1500
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

/// Makes the messages of a flood: distinct, of the lengths seen in practice, spread over the guilds like Zipf's law.
struct FloodMaker {
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    /// - Parameter deflates: whether the frames are also prepared for `zlib-stream`.
    mutating func make(_ order: Flood.Order, in world: World, deflates: Bool) -> [EncodedEvent] {
        let guilds = world.guildOrder.compactMap { world.guilds[$0] }.filter { !$0.isUnavailable }
        guard !guilds.isEmpty else { return [] }
        var weights: [Double] = []
        for rank in guilds.indices { weights.append((weights.last ?? 0) + 1 / Double(rank + 1)) }
        let people = guilds.map { guild in guild.membersInOrder.filter { !$0.user.isBot } }
        let channels = guilds.map { guild in guild.channels.filter { world.channels[$0]?.type == Channel.Kind.text } }
        return (0..<order.frames).compactMap { _ in
            let point = Double.random(in: 0..<(weights.last ?? 1), using: &random)
            let place = weights.firstIndex { point < $0 } ?? 0
            guard let author = people[place].randomElement(using: &random),
                let channel = channels[place].randomElement(using: &random)
            else { return nil }
            let event = message(by: author, in: channel, of: guilds[place], order, world)
            let encoded = EncodedEvent(event, bot: world.application.id)
            if deflates { encoded.deflatedSuffix = ZlibCompressor.prepare(encoded.suffix) }
            return encoded
        }
    }

    private mutating func message(
        by author: Member, in channel: Snowflake, of guild: Guild, _ order: Flood.Order, _ world: World
    ) -> WorldEvent {
        let now = world.clock()
        var d = Message.json(
            id: world.mint.next(at: now), channel: channel, author: author.user, content: text(order.meanBytes - 1000),
            mentions: [], at: now)
        d = d.merging([
            "member": author.json, "guild_id": .id(guild.id), "channel_type": 0,
        ])
        return WorldEvent(name: "MESSAGE_CREATE", guild: guild.id, d: Message.inRecordedOrder(d))
    }

    /// Text whose length varies widely around a mean.
    private mutating func text(_ mean: Int) -> String {
        let roll = Double.random(in: 0.02..<1, using: &random)
        // Mean 1 of the exponential distribution, cut off so that Discord's 2000 characters hold.
        let length = min(1900, Int(Double(max(20, mean)) * -Self.logarithm(roll)) + 5)
        var text = ""
        while text.utf8.count < length {
            if !text.isEmpty { text += " " }
            text += Self.words.randomElement(using: &random) ?? "well"
        }
        return text
    }

    /// Natural logarithm by its series, so that no mathematics library is needed for one draw.
    private static func logarithm(_ value: Double) -> Double {
        let fraction = (value - 1) / (value + 1)
        var power = fraction
        var sum = 0.0
        for term in 0..<60 {
            sum += power / Double(2 * term + 1)
            power *= fraction * fraction
        }
        return 2 * sum
    }

    private static let words = [
        "anyone", "up", "for", "a", "round", "tonight", "the", "lighthouse", "photos", "are", "great", "I", "think",
        "we", "should", "move", "it", "to", "Thursday", "moin", "zusammen", "👋", "did", "you", "see", "that", "patch",
        "notes", "look", "odd", "garden", "tomatoes", "finally", "https://example.com/a/b?c=d", "**important**",
        "\"quoted\"", "naïve", "日本語", "ok", "no", "yes", "maybe", "later", "bring", "snacks", "kernel", "again",
    ]
}

extension GatewayServer {
    /// Events sent in one go before other connections get their turn.
    private static let floodBurst = 512

    /// Begins a flood.
    func startFlood(_ order: Flood.Order, seed: UInt64) {
        let deflates = connections.values.contains { $0.parameters.compress == "zlib-stream" }
        var maker = FloodMaker(seed: seed)
        let frames = maker.make(order, in: world, deflates: deflates)
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
