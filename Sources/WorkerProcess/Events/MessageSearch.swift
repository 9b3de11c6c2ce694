internal import Shared

/// Looks through a channel for a message that may have been sent.
struct MessageSearch: Sendable {
    enum Finding: Sendable, Equatable {
        case found(Snowflake)
        case absent
        /// The bot may not read older messages there, or there are too many of them.
        case unknown
    }

    /// How far the database's clock and Discord's may be apart.
    static let slack: Duration = .seconds(300)
    /// How long a request may have been under way that went out at the last moment.
    static let requestTime: Duration = .seconds(60)
    /// The most that Discord gives at once.
    static let pageSize = 100
    /// Three messages a second, all the time that is looked through.
    static let maximumPages = 20

    let channel: Snowflake
    let message: OutgoingMessage
    let trace: MessageTrace
    /// In microseconds since 1970.
    let begunAt: Int64

    // Inlined into its caller it makes the optimizer of Swift 6.3 crash.
    @inline(never)
    func run(_ api: any DiscordAPI) async throws(DiscordAPIError) -> Finding {
        let me = try await api.ownUser()
        let (first, last) = range
        var after = first
        var hasSeenAny = false
        for _ in 0..<Self.maximumPages {
            let page = try await api.messages(in: channel, after: after, limit: Self.pageSize)
            hasSeenAny = hasSeenAny || !page.isEmpty
            if let found = page.first(where: { $0.author == me && trace.recognises($0, as: message) }) {
                return .found(found.id)
            }
            guard page.count == Self.pageSize, let newest = page.last?.id, newest < last else {
                if !hasSeenAny { hasSeenAny = try await isReadable(api) }
                return hasSeenAny ? .absent : .unknown
            }
            after = newest
        }
        return .unknown
    }

    /// Whether there is any message at all: who may not read older ones is shown none.
    private func isReadable(_ api: any DiscordAPI) async throws(DiscordAPIError) -> Bool {
        try await !api.messages(in: channel, after: Snowflake(0), limit: 1).isEmpty
    }

    /// Just before the first and just behind the last id that the message can have.
    var range: (first: Snowflake, last: Snowflake) {
        let begun = begunAt / 1000
        let latest = begun + (OneTimeMessage.nonceWindow + Self.requestTime + Self.slack).milliseconds
        let last = Snowflake(millisecondsSince1970: latest)
        // A reply is younger than what it replies to; that one is in the range, so that a channel that can be read shows it.
        if case .reply(let id) = trace { return (Snowflake(id.rawValue &- 1), max(last, id)) }
        return (Snowflake(millisecondsSince1970: begun - Self.slack.milliseconds), last)
    }
}

extension Snowflake {
    /// The first id of that time.
    init(millisecondsSince1970 time: Int64) {
        self.init(UInt64(max(0, time - Int64(Self.epochMilliseconds))) << 22)
    }
}
