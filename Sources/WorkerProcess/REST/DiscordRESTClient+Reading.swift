internal import NIOCore
internal import Shared
internal import Synchronization

/// What is asked when it is not certain what became of an earlier call.
extension DiscordRESTClient {
    func messages(
        in channel: Snowflake, after: Snowflake, limit: Int
    ) async throws(DiscordAPIError) -> [ChannelMessage] {
        let route = Route.messages(in: channel, after: after, limit: limit)
        guard let messages = try await read(route).elements else { throw .unavailable(route, "no list came") }
        return messages.compactMap(ChannelMessage.init).sorted { $0.id < $1.id }
    }

    func ownUser() async throws(DiscordAPIError) -> Snowflake {
        if let known = knownUser.withLock({ $0 }) { return known }
        let route = Route.ownUser
        guard let id = try await read(route)["id"]?.string.flatMap({ Snowflake($0) }) else {
            throw .unavailable(route, "no user came")
        }
        knownUser.withLock { $0 = id }
        return id
    }

    func isOriginalResponseLoading(of interaction: InteractionReference) async throws(DiscordAPIError) -> Bool {
        let message = try await read(.originalResponse(of: interaction))
        return (message["flags"]?.int ?? 0) & MessageBody.loadingFlag != 0
    }

    func guild(_ guild: Snowflake) async throws(DiscordAPIError) -> JSON { try await read(.guild(guild)) }

    func channel(_ channel: Snowflake) async throws(DiscordAPIError) -> JSON { try await read(.channel(channel)) }

    /// A GET whose body is wanted whole.
    func read(_ route: Route) async throws(DiscordAPIError) -> JSON {
        var call = ordinary(route, nil)
        call.isBodyWanted = true
        guard let value = JSON(parsing: try await perform(call)) else {
            throw .unavailable(route, "the answer is not JSON")
        }
        return value
    }
}
