internal import Shared
internal import Synchronization

/// Guilds' settings as far as they are known in this worker, so that a message costs no query.
///
/// A change by another worker is heard of within a second (`SettingsListener`): what it concerns is forgotten. While nobody listens
/// nothing is kept.
final class ConfigurationCache: Sendable {
    /// Guilds remembered, about 300 bytes each; beyond that everything is forgotten.
    static let maximumGuilds = 50_000

    /// Names and numbers of members change without a word.
    static let lifetime: Duration = .seconds(60)

    private struct Entry {
        let configuration: GuildConfiguration
        let until: ContinuousClock.Instant
    }

    private struct State {
        var entries: [Snowflake: Entry] = [:]
        /// Grows whenever something is forgotten: what was read before that is not kept.
        var epoch = 0
        var isListening = false
    }

    /// `COMMAND_PREFIX`.
    let standardPrefix: String
    private let state = Mutex(State())

    init(standardPrefix: String) {
        self.standardPrefix = standardPrefix
    }

    /// Without a query; nil if it has to be asked for.
    func known(in guild: Snowflake, now: ContinuousClock.Instant = .now) -> GuildConfiguration? {
        state.withLock { state in
            state.entries[guild].flatMap { now < $0.until ? $0.configuration : nil }
        }
    }

    /// What text commands begin with; nil if it has to be asked for.
    func prefixIfKnown(in guild: Snowflake?) -> String? {
        guard let guild else { return standardPrefix }
        return known(in: guild).map(prefix)
    }

    /// The same, or the standard one.
    func knownPrefix(in guild: Snowflake?) -> String { prefixIfKnown(in: guild) ?? standardPrefix }

    func prefix(_ configuration: GuildConfiguration) -> String {
        configuration.prefix.flatMap { $0.isEmpty ? nil : $0 } ?? standardPrefix
    }

    func configuration(of guild: Snowflake, _ store: any Store) async throws(StoreError) -> GuildConfiguration {
        if let known = known(in: guild) { return known }
        let epoch = state.withLock { $0.epoch }
        let configuration = try await store.configuration(of: guild)
        state.withLock { state in
            guard state.isListening, state.epoch == epoch else { return }
            if state.entries.count >= Self.maximumGuilds { state.entries = [:] }
            state.entries[guild] = Entry(configuration: configuration, until: .now + Self.lifetime)
        }
        return configuration
    }

    /// Takes notice of what the database tells.
    func heard(_ signal: SettingsSignal) {
        state.withLock { state in
            switch signal {
            case .changed(let guild): state.entries[guild] = nil
            case .changedSomewhere: state.entries = [:]
            case .listening, .deaf:
                state.isListening = signal == .listening
                state.entries = [:]
            }
            state.epoch += 1
        }
    }

    /// This worker has changed this guild's settings, and need not be told.
    func forget(_ guild: Snowflake) { heard(.changed(guild)) }
}
