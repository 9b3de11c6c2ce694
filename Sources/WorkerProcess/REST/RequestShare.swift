/// This worker's part of what Discord allows the bot in all, and what its address may get wrong.
///
/// Workers do not speak with each other: the gateway's `welcome` and `members` tell each how many there are, and which
/// part of the bot's shards this gateway holds.
struct RequestShare: Sendable, Equatable {
    /// Requests per second allowed to a bot, over all routes but those of interactions (topics/rate-limits.mdx).
    static let globalRequestsPerSecond = 50.0
    /// Added to the second in which they are counted: requests that leave a second apart may arrive closer together.
    static let globalMargin: Duration = .milliseconds(100)
    /// Answers 401, 403 and 429 allowed to one address in ten minutes (topics/rate-limits.mdx, Invalid Request Limit).
    static let invalidRequests = 10_000.0
    static let invalidRequestsWindow: Duration = .seconds(600)
    /// Where ordinary routes stop: half, because other programs may share the address, and the count is not exact.
    static let invalidRequestsStop = 0.5
    /// Where interactions stop as well: members wait for those, and they hardly ever are answered so.
    static let invalidRequestsStopForInteractions = 0.8
    /// So that a great many workers do not stop at the first 403.
    static let invalidRequestsMinimum = 10

    /// 0 excluded, to 1.
    let fraction: Double

    /// The whole limit, until the gateway has told.
    static let whole = RequestShare(shards: 1, of: 1, workers: 1)

    /// - Parameters:
    ///   - shards: how many shards this gateway holds.
    ///   - shardCount: the bot's shards in all.
    ///   - workers: workers of this gateway, this one included.
    init(shards: Int, of shardCount: Int, workers: Int) {
        let part = Double(max(1, shards)) / Double(max(1, shardCount, shards))
        fraction = part / Double(max(1, workers))
    }

    /// Requests allowed in any span of `globalWindow`.
    var globalCapacity: Int { max(1, Int(Self.globalRequestsPerSecond * fraction)) }

    /// One second and the margin; longer where the share is less than one request per second.
    var globalWindow: Duration {
        let seconds = max(1, Double(globalCapacity) / (Self.globalRequestsPerSecond * fraction))
        return .milliseconds(Int64((seconds * 1000).rounded(.up))) + Self.globalMargin
    }

    /// Invalid answers after which ordinary routes, or those of interactions too, stop.
    func invalidLimit(interactions: Bool) -> Int {
        let stop = interactions ? Self.invalidRequestsStopForInteractions : Self.invalidRequestsStop
        return max(Self.invalidRequestsMinimum, Int(Self.invalidRequests * fraction * stop))
    }
}
