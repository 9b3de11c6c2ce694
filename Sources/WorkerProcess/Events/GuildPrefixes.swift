internal import Shared
internal import Synchronization

/// What text commands begin with in each guild, as far as it is known here: asked of the database once a minute at most, so
/// that a message costs no query.
final class GuildPrefixes: Sendable {
    /// How long a change by another worker may stay unseen.
    static let lifetime: Duration = .seconds(60)
    /// Guilds remembered, about 100 bytes each; beyond that everything is forgotten.
    static let maximumGuilds = 100_000

    private struct Entry {
        let prefix: String
        let until: ContinuousClock.Instant
    }

    /// `COMMAND_PREFIX`.
    let standard: String
    private let entries = Mutex<[Snowflake: Entry]>([:])

    init(standard: String) {
        self.standard = standard
    }

    /// The prefix in a guild, or in direct messages; nil if it has to be asked for.
    func known(in guild: Snowflake?, now: ContinuousClock.Instant = .now) -> String? {
        guard let guild else { return standard }
        return entries.withLock { $0[guild].flatMap { now < $0.until ? $0.prefix : nil } }
    }

    /// The prefix in a guild, from the database if it is not known.
    func prefix(in guild: Snowflake?, store: any Store) async throws(StoreError) -> String {
        if let known = known(in: guild) { return known }
        guard let guild else { return standard }
        let prefix = try await store.configuration(of: guild).prefix.flatMap { $0.isEmpty ? nil : $0 } ?? standard
        entries.withLock { entries in
            if entries.count >= Self.maximumGuilds { entries = [:] }
            entries[guild] = Entry(prefix: prefix, until: .now + Self.lifetime)
        }
        return prefix
    }
}
