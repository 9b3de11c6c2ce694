internal import Shared
internal import Synchronization

/// Guilds' roles and channels' overwrites, asked of Discord at most once a minute each, and dropped when they are known to
/// have changed.
final class PermissionCache: Sendable {
    static let lifetime: Duration = .seconds(60)
    /// Guilds and channels remembered, some kilobytes each at worst; beyond that everything is forgotten.
    static let maximumEntries = 2000

    private struct Entry<Value: Sendable> {
        let value: Value
        let until: ContinuousClock.Instant
    }

    private struct State {
        var guilds: [Snowflake: Entry<MemberPermissions.Guild>] = [:]
        var channels: [Snowflake: Entry<MemberPermissions.Channel>] = [:]
        /// Grows when something is dropped: what was asked for before that may be outdated.
        var epoch = 0
    }

    private let state = Mutex(State())

    /// What a member may do in a channel; nil if it cannot be told.
    func permissions(
        of member: MemberPermissions.Member, in channel: Snowflake, of guild: Snowflake, _ api: any DiscordAPI
    ) async throws(DiscordAPIError) -> Permissions? {
        guard let roles = try await self.guild(guild, api), var place = try await self.channel(channel, api)
        else { return nil }
        if place.isThread {
            guard let parent = place.parent, let above = try await self.channel(parent, api) else { return nil }
            place = above
        }
        guard place.guild == nil || place.guild == guild else { return nil }
        return MemberPermissions.of(member, in: place, roles)
    }

    /// Its roles have changed, or the guild itself.
    func dropGuild(_ guild: Snowflake) {
        state.withLock { state in
            state.guilds[guild] = nil
            state.epoch += 1
        }
    }

    func dropChannel(_ channel: Snowflake) {
        state.withLock { state in
            state.channels[channel] = nil
            state.epoch += 1
        }
    }

    private func guild(_ id: Snowflake, _ api: any DiscordAPI) async throws(DiscordAPIError) -> MemberPermissions.Guild?
    {
        let (known, epoch) = state.withLock { ($0.guilds[id], $0.epoch) }
        if let known, known.until > .now { return known.value }
        guard let guild = MemberPermissions.Guild(try await api.guild(id)) else { return nil }
        state.withLock { state in
            guard state.epoch == epoch else { return }
            if state.guilds.count >= Self.maximumEntries { state.guilds = [:] }
            state.guilds[id] = Entry(value: guild, until: .now + Self.lifetime)
        }
        return guild
    }

    func channel(
        _ id: Snowflake, _ api: any DiscordAPI
    ) async throws(DiscordAPIError) -> MemberPermissions.Channel? {
        let (known, epoch) = state.withLock { ($0.channels[id], $0.epoch) }
        if let known, known.until > .now { return known.value }
        guard let channel = MemberPermissions.Channel(try await api.channel(id)) else { return nil }
        state.withLock { state in
            guard state.epoch == epoch else { return }
            if state.channels.count >= Self.maximumEntries { state.channels = [:] }
            state.channels[id] = Entry(value: channel, until: .now + Self.lifetime)
        }
        return channel
    }
}
