internal import Shared

/// What the bot keeps, in the domain's words. `PostgresStore` and `SQLiteStore` conform; one suite tests both.
///
/// Every call is one transaction. Calls that an event causes carry the event's id and have no second effect when
/// the event is delivered again.
protocol Store: OutgoingMessages, DailyRuns, DailyPosts, DailyPlanning, Statistics, MemberPrivacy {
    /// Which database this is, for reports: an id that two workers compare, and the engine's name.
    var identity: StoreIdentity { get async throws(StoreError) }

    /// How its connections are used; nil if it has no pool of them.
    var pool: PoolUsage? { get async }

    /// Applies the migrations that are missing, under a lock, so that any number of workers can start at once.
    func migrate() async throws(StoreError)

    /// Asks the database for a sign of life.
    func ping() async throws(StoreError)

    /// The guild is there and looks so. Ignored if a later event (by id) has been recorded already.
    func recordGuild(_ sighting: GuildSighting) async throws(StoreError)

    /// The bot left the guild or was removed; its configuration stays. Ignored if a later event has been recorded.
    func recordDeparture(of guild: Snowflake, event: EventID, at: Int64) async throws(StoreError)

    /// So many members came (or, negative, went): nothing if the guild's count is not known, or a later event has been recorded.
    func countMembers(_ change: Int, of guild: Snowflake, event: EventID) async throws(StoreError)

    /// READY names all guilds of a shard: marks as left each guild of that shard that is not in `present` and was last seen by an
    /// event before `event`; marks those present as not left. Returns how many were newly marked as left.
    func reconcileGuilds(
        shard: Int, of shardCount: Int, present: [Snowflake], event: EventID, at: Int64
    ) async throws(StoreError) -> Int

    /// The guild's settings; the defaults if it has no row yet.
    func configuration(of guild: Snowflake) async throws(StoreError) -> GuildConfiguration

    /// Changes a setting, making the guild's row if it is missing. Ignored if a later event has changed the settings: what is
    /// delivered again must not undo what was decided since.
    func change(_ change: SettingChange, of guild: Snowflake, event: EventID) async throws(StoreError)

    /// Switches welcome messages off if they still go to this channel, which is gone.
    func forgetWelcomeChannel(_ channel: Snowflake, of guild: Snowflake) async throws(StoreError)

    /// Tells of changes of settings, by whomever, within a second; runs until it is cancelled.
    func watchSettings(_ heard: @Sendable @escaping (SettingsSignal) -> Void) async

    /// Counts messages, many events of a key in one transaction: locks each key's cursor in key order, drops events at or below it,
    /// then aggregates, upserts and advances the cursors. If it fails, some keys may have been counted, which a repetition leaves out.
    func recordActivity(_ batch: [ActivityEvent]) async throws(StoreError)

    /// Messages a member was counted for in a guild, in all.
    func messageCount(of member: Snowflake, in guild: Snowflake) async throws(StoreError) -> Int

    /// The hash of the command definitions last registered for an application; nil if none.
    func registeredCommandsHash(of application: Snowflake) async throws(StoreError) -> String?

    /// Runs `body` while no other worker on this database registers commands, then keeps the hash it returns. If `body`
    /// throws, nothing is kept.
    ///
    /// `body` may take minutes, since no connection is held meanwhile but a lease that is renewed; should the lease be lost,
    /// `body` is cancelled and the call fails with `.conflict`. Of a worker that died others wait for the lease's end
    /// (`RegistrationLease.Times`).
    func registeringCommands(
        of application: Snowflake, _ body: @Sendable @escaping (_ registeredHash: String?) async throws -> String
    ) async throws

    /// Removes records of messages and of runs that have ended which are older than `age`, many in one transaction but not all.
    /// Returns how many; nothing is left when that is 0.
    func forgetRecords(olderThan age: Duration) async throws(StoreError) -> Int

    /// Closes all connections; calls that wait fail with `.closed`.
    func close() async
}

/// What is heard of changes of guilds' settings.
enum SettingsSignal: Sendable, Equatable {
    /// From now on each change is told.
    case listening
    case changed(Snowflake)
    /// Some guild's.
    case changedSomewhere
    /// Changes may be missed until it is `listening` again.
    case deaf

    /// How long one may take to be heard of.
    static let interval: Duration = .milliseconds(250)
}

/// Which database a store speaks to.
struct StoreIdentity: Sendable, Equatable {
    /// A random id kept in the database itself, so that two workers can tell whether they share it.
    let id: String
    /// `postgresql` or `sqlite`.
    let engine: String
}

/// A guild as GUILD_CREATE or GUILD_UPDATE shows it.
struct GuildSighting: Sendable, Equatable {
    let guild: Snowflake
    let name: String
    let ownerID: Snowflake?
    let preferredLocale: String?
    let memberCount: Int?
    let event: EventID
    /// First receipt, in microseconds since 1970.
    let at: Int64
}

/// One guild's settings.
struct GuildConfiguration: Sendable, Equatable {
    var guild: Snowflake
    var name: String?
    var welcomeChannel: Snowflake?
    /// With placeholders; nil for the standard one.
    var welcomeText: String?
    var dailyChannel: Snowflake?
    /// Minutes after local midnight; nil for the standard time.
    var dailyMinute: Int?
    /// IANA name; nil for UTC.
    var timeZone: String?
    /// As an admin chose it.
    var language: Language?
    /// Members as Discord last told it.
    var memberCount: Int?
    /// Prefix of text commands; nil for the worker's default.
    var prefix: String?
    /// The guild's preferred locale as Discord last told it.
    var preferredLocale: String?
    /// Whether the bot has left.
    var hasLeft = false

    init(guild: Snowflake) {
        self.guild = guild
    }
}

/// One counted message.
struct ActivityEvent: Sendable, Equatable {
    /// The queue's key of the event, whose cursor it advances.
    let key: String
    let event: EventID
    let guild: Snowflake
    let member: Snowflake
    /// Days since 1970 in UTC, from the message's own time.
    let day: Int
}

/// Why a store could not do as it was told.
struct StoreError: Error, Equatable, CustomStringConvertible {
    enum Kind: Sendable, Equatable {
        /// The database cannot be reached, is starting up or shutting down, or has no room: release and come back.
        case unavailable
        /// A serialization failure or deadlock that went on after retries: the same work may succeed later.
        case conflict
        /// The statement or the data is wrong: a bug, counted against the event.
        case rejected
        /// Wrong password, no such database, schema of a later release: retrying is pointless.
        case misconfigured
        /// `close()` was called.
        case closed
    }

    let kind: Kind
    /// SQLSTATE or SQLite's result code.
    let code: String?
    /// What went wrong and where, without secrets or data.
    let description: String
}

extension Store {
    var pool: PoolUsage? { get async { nil } }
}

/// How the connections of a pool are used.
struct PoolUsage: Sendable, Equatable {
    var idle = 0
    var used = 0
    var connecting = 0
    /// Calls that wait for a connection.
    var waiting = 0
}

extension PoolUsage {
    /// As a member of the worker's report.
    var json: JSON {
        [
            "idle": .integer(idle), "used": .integer(used), "connecting": .integer(connecting),
            "waiting": .integer(waiting),
        ]
    }
}
