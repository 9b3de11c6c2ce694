internal import NIOCore
internal import Shared

/// The load of a flood: distinct, realistic messages, written once, sent as often as asked for.
///
/// Sizes follow those of a real bot's stream: about 1.5 KB on average, most of it below, a few above 3 KB. Guilds
/// follow Zipf's law: a few communities say most of what is said.
struct FloodPayloads {
    /// One message as it stands in a dispatch.
    struct Payload {
        let guild: Snowflake
        /// The bytes of `d`.
        let data: ByteBuffer
    }

    let payloads: [Payload]

    /// Makes payloads for the guilds of a world; the same ones for the same world and seed.
    /// - Parameter now: microseconds since 1970, when all of them are said.
    init(world: World, count: Int = 10_000, seed: UInt64, now: Int) {
        var author = MessageAuthor(world: world, random: SeededGenerator(seed: seed))
        let shares = ZipfShares(count: world.guildOrder.count)
        var mint = SnowflakeMint()
        payloads = (0..<count).compactMap { _ in
            guard !world.guildOrder.isEmpty else { return nil }
            let guild = world.guildOrder[shares.pick(using: &author.random)]
            guard let message = author.write(in: guild, id: mint.next(at: now), at: now) else { return nil }
            var data = ByteBuffer()
            data.writeJSON(message)
            return Payload(guild: guild, data: data)
        }
    }
}

/// Zipf's law: the n-th most talkative of all has a share in proportion to 1/n.
struct ZipfShares {
    private let cumulative: [Double]

    init(count: Int) {
        var sum = 0.0
        cumulative = (0..<count).map { position in
            sum += 1 / Double(position + 1)
            return sum
        }
    }

    /// A position, 0 being the most talkative.
    func pick(using random: inout SeededGenerator) -> Int {
        let point = Double.random(in: 0..<(cumulative.last ?? 1), using: &random)
        var low = 0
        var high = max(0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > point { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
