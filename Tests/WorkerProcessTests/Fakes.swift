import Logging
import Shared
import Synchronization

@testable import WorkerProcess

/// Discord's REST API in memory: keeps what was sent, drops a repeated nonce as Discord does, knows which interactions were
/// answered, and fails when a test says so.
final class FakeDiscord: DiscordAPI {
    struct Sent: Equatable, Sendable {
        let channel: Snowflake
        let message: OutgoingMessage
        let nonce: String
    }

    enum Call: Equatable, Sendable {
        case create(Sent)
        case respond(Snowflake, InteractionResponse)
        case edit(Snowflake, OutgoingMessage)
        case getCommands
        case putCommands(JSON)
        case getMessages(Snowflake)
        case getUser
        case getOriginal(Snowflake)
        case getGuild(Snowflake)
        case followUp(Snowflake, OutgoingMessage)
        case getChannel(Snowflake)
    }

    /// The bot's own user.
    static let ownUser = Snowflake(9)

    private struct State {
        var calls: [Call] = []
        /// Messages as members see them, and their ids.
        var messages: [Sent] = []
        var ids: [Snowflake] = []
        var nonces: [String: Snowflake] = [:]
        var others: [Snowflake: [ChannelMessage]] = [:]
        var hidesHistory = false
        var lastID = Snowflake(millisecondsSince1970: ProcessClock.wallMicroseconds / 1000).rawValue
        var answers: [Snowflake: OutgoingMessage?] = [:]
        var failures: [DiscordAPIError] = []
        var failuresAfter: [DiscordAPIError] = []
        var commands: JSON = []
        var roundTrip: Int?
        var guilds: [Snowflake: JSON] = [:]
        var channels: [Snowflake: JSON] = [:]
    }

    private let state = Mutex(State())
    private let beforeEach: @Sendable () async -> Void

    init(beforeEach: @escaping @Sendable () async -> Void = {}) {
        self.beforeEach = beforeEach
    }

    static func error(
        _ kind: DiscordAPIError.Kind, status: Int? = nil, code: Int? = nil, retryAfter: Duration? = nil,
        mayHaveBeenCarriedOut: Bool = false
    ) -> DiscordAPIError {
        DiscordAPIError(
            kind: kind, status: status, code: code, retryAfter: retryAfter, description: "test: \(kind)",
            mayHaveBeenCarriedOut: mayHaveBeenCarriedOut)
    }

    /// The next calls fail, one each, before they have an effect.
    func fail(_ errors: DiscordAPIError...) { state.withLock { $0.failures += errors } }
    /// The next calls fail, one each, after they had their effect: the answer was lost.
    func failAfterwards(_ errors: DiscordAPIError...) { state.withLock { $0.failuresAfter += errors } }
    /// The gateway, or a worker that died, has deferred this one.
    func `defer`(_ interaction: Snowflake) { state.withLock { $0.answers[interaction] = .some(nil) } }
    /// The few minutes are over in which Discord remembers nonces.
    func forgetNonces() { state.withLock { $0.nonces = [:] } }
    /// The bot may not read older messages.
    func hideHistory() { state.withLock { $0.hidesHistory = true } }
    /// Somebody wrote something.
    func add(_ message: ChannelMessage, in channel: Snowflake) {
        state.withLock { $0.others[channel, default: []].append(message) }
    }
    func setRoundTrip(_ milliseconds: Int) { state.withLock { $0.roundTrip = milliseconds } }
    /// A guild object and a channel object, as Discord has them.
    func set(guild: Snowflake, _ object: JSON) { state.withLock { $0.guilds[guild] = object } }
    func set(channel: Snowflake, _ object: JSON) { state.withLock { $0.channels[channel] = object } }
    func setCommands(_ commands: JSON) { state.withLock { $0.commands = commands } }

    var calls: [Call] { state.withLock { $0.calls } }
    var messages: [Sent] { state.withLock { $0.messages } }
    /// Of `messages`.
    var ids: [Snowflake] { state.withLock { $0.ids } }
    func answer(to interaction: Snowflake) -> OutgoingMessage? { state.withLock { $0.answers[interaction] ?? nil } }

    var lastRoundTripMilliseconds: Int? { state.withLock { $0.roundTrip } }

    private func perform<Result: Sendable>(
        _ call: Call, _ effect: (inout State) throws(DiscordAPIError) -> Result
    ) async throws(DiscordAPIError) -> Result {
        await beforeEach()
        let outcome = state.withLock { state -> Swift.Result<Result, DiscordAPIError> in
            state.calls.append(call)
            guard state.failures.isEmpty else { return .failure(state.failures.removeFirst()) }
            do throws(DiscordAPIError) {
                let result = try effect(&state)
                guard state.failuresAfter.isEmpty else { return .failure(state.failuresAfter.removeFirst()) }
                return .success(result)
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    func createMessage(
        in channel: Snowflake, _ message: OutgoingMessage, nonce: String, until: ContinuousClock.Instant?
    ) async throws(DiscordAPIError) -> Snowflake? {
        let sent = Sent(channel: channel, message: message, nonce: nonce)
        return try await perform(.create(sent)) { state throws(DiscordAPIError) in
            if let until, until <= .now { throw Self.error(.unavailable) }
            if let known = state.nonces[nonce] { return known }
            state.lastID += 1
            let id = Snowflake(state.lastID)
            state.nonces[nonce] = id
            state.messages.append(sent)
            state.ids.append(id)
            return id
        }
    }

    func messages(
        in channel: Snowflake, after: Snowflake, limit: Int
    ) async throws(DiscordAPIError) -> [ChannelMessage] {
        try await perform(.getMessages(channel)) { state throws(DiscordAPIError) in
            guard !state.hidesHistory else { return [] }
            let own = zip(state.messages, state.ids).filter { $0.0.channel == channel }.map { sent, id in
                ChannelMessage(
                    id: id, author: Self.ownUser, content: sent.message.content ?? "",
                    embedTexts: OutgoingMessage.texts(of: sent.message.embeds), repliesTo: sent.message.replyTo)
            }
            let all = (own + state.others[channel, default: []]).sorted { $0.id < $1.id }
            return Array(all.filter { $0.id > after }.prefix(limit))
        }
    }

    func ownUser() async throws(DiscordAPIError) -> Snowflake {
        try await perform(.getUser) { _ throws(DiscordAPIError) in Self.ownUser }
    }

    func isOriginalResponseLoading(of interaction: InteractionReference) async throws(DiscordAPIError) -> Bool {
        try await perform(.getOriginal(interaction.id)) { state throws(DiscordAPIError) in
            guard let answer = state.answers[interaction.id] else { throw Self.error(.notYetAnswered, code: 10015) }
            return answer == nil
        }
    }

    func respond(
        to interaction: InteractionReference, with response: InteractionResponse
    ) async throws(DiscordAPIError) {
        try await perform(.respond(interaction.id, response)) { state throws(DiscordAPIError) in
            guard state.answers[interaction.id] == nil else { throw Self.error(.alreadyAnswered, code: 40060) }
            switch response {
            case .message(let message), .update(let message): state.answers[interaction.id] = .some(message)
            case .deferredMessage, .deferredUpdate, .autocomplete, .modal: state.answers[interaction.id] = .some(nil)
            }
        }
    }

    func editOriginalResponse(
        of interaction: InteractionReference, to message: OutgoingMessage
    ) async throws(DiscordAPIError) {
        try await perform(.edit(interaction.id, message)) { state throws(DiscordAPIError) in
            guard state.answers[interaction.id] != nil else { throw Self.error(.notYetAnswered, code: 10015) }
            state.answers[interaction.id] = .some(message)
        }
    }

    func guild(_ guild: Snowflake) async throws(DiscordAPIError) -> JSON {
        try await perform(.getGuild(guild)) { state throws(DiscordAPIError) in
            guard let object = state.guilds[guild] else { throw Self.error(.rejected, status: 404, code: 10004) }
            return object
        }
    }

    func channel(_ channel: Snowflake) async throws(DiscordAPIError) -> JSON {
        try await perform(.getChannel(channel)) { state throws(DiscordAPIError) in
            guard let object = state.channels[channel] else { throw Self.error(.rejected, status: 404, code: 10003) }
            return object
        }
    }

    func followUp(
        _ interaction: InteractionReference, with message: OutgoingMessage
    ) async throws(DiscordAPIError) {
        try await perform(.followUp(interaction.id, message)) { _ throws(DiscordAPIError) in }
    }

    func globalCommands(of application: Snowflake) async throws(DiscordAPIError) -> JSON {
        try await perform(.getCommands) { state throws(DiscordAPIError) in state.commands }
    }

    func overwriteGlobalCommands(of application: Snowflake, with commands: JSON) async throws(DiscordAPIError) {
        try await perform(.putCommands(commands)) { state throws(DiscordAPIError) in state.commands = commands }
    }
}

/// The store in memory, which fails when a test says so.
final class FakeStore: Store {
    private struct State {
        var configurations: [Snowflake: GuildConfiguration] = [:]
        var sightings: [GuildSighting] = []
        var departures: [Snowflake] = []
        var reconciliations: [[Snowflake]] = []
        var batches: [[ActivityEvent]] = []
        var cursors: [String: EventID] = [:]
        var counts: [Snowflake: Int] = [:]
        var hashes: [Snowflake: String] = [:]
        var queries = 0
        var failures: [StoreError] = []
        var activityError: (@Sendable ([ActivityEvent]) -> StoreError?)?
        var isClosed = false
        var migrations = 0
        var settingsEvents: [Snowflake: EventID] = [:]
        var posts: [Snowflake: [(post: DailyPost, event: EventID, removedBy: EventID?)]] = [:]
        var taken: [DailyRun.Key: Int] = [:]
        var skipped: [DailyRun.Key: EventID] = [:]
        var notes: [Snowflake: [AdminNote]] = [:]
        var days: [Snowflake: [Snowflake: [Int: Int]]] = [:]
        var outgoing: [String: Outgoing] = [:]
        var clock = ProcessClock.wallMicroseconds
    }

    private struct Outgoing {
        var channel: Snowflake
        var begunAt: Int64
        var isSent = false
        var id: Snowflake?
    }

    private let state = Mutex(State())
    private let registration = AsyncLock()

    static func error(_ kind: StoreError.Kind) -> StoreError {
        StoreError(kind: kind, code: nil, description: "test: \(kind)")
    }

    /// Lets the database's clock go on.
    func advance(by time: Duration) { state.withLock { $0.clock += time.microseconds } }
    /// Whether a message is known to be there.
    func isSent(_ nonce: String) -> Bool { state.withLock { $0.outgoing[nonce]?.isSent ?? false } }
    /// Nonces that have a row.
    var nonces: Set<String> { state.withLock { Set($0.outgoing.keys) } }

    /// The next calls fail, one each.
    func fail(_ errors: StoreError...) { state.withLock { $0.failures += errors } }
    func set(_ configuration: GuildConfiguration) {
        state.withLock { $0.configurations[configuration.guild] = configuration }
    }
    var activityError: (@Sendable ([ActivityEvent]) -> StoreError?)? {
        get { state.withLock { $0.activityError } }
        set { state.withLock { $0.activityError = newValue } }
    }

    var sightings: [GuildSighting] { state.withLock { $0.sightings } }
    var departures: [Snowflake] { state.withLock { $0.departures } }
    var reconciliations: [[Snowflake]] { state.withLock { $0.reconciliations } }
    /// Batches committed.
    var batches: [[ActivityEvent]] { state.withLock { $0.batches } }
    /// Calls of `configuration(of:)`.
    var queries: Int { state.withLock { $0.queries } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    var migrations: Int { state.withLock { $0.migrations } }
    func count(of member: Snowflake) -> Int { state.withLock { $0.counts[member, default: 0] } }
    func welcomeChannel(of guild: Snowflake) -> Snowflake? {
        state.withLock { $0.configurations[guild]?.welcomeChannel }
    }

    private func perform<Result>(_ body: (inout State) -> Result) throws(StoreError) -> Result {
        let outcome = state.withLock { state -> Swift.Result<Result, StoreError> in
            guard state.failures.isEmpty else { return .failure(state.failures.removeFirst()) }
            return .success(body(&state))
        }
        return try outcome.get()
    }

    var identity: StoreIdentity {
        get async throws(StoreError) { StoreIdentity(id: "fake", engine: "sqlite") }
    }
    func migrate() async throws(StoreError) { try perform { $0.migrations += 1 } }
    func ping() async throws(StoreError) { try perform { _ in } }
    func recordGuild(_ sighting: GuildSighting) async throws(StoreError) {
        try perform { $0.sightings.append(sighting) }
    }
    func recordDeparture(of guild: Snowflake, event: EventID, at: Int64) async throws(StoreError) {
        try perform { $0.departures.append(guild) }
    }
    func countMembers(_ change: Int, of guild: Snowflake, event: EventID) async throws(StoreError) {
        try perform { $0.configurations[guild]?.memberCount? += change }
    }
    func reconcileGuilds(
        shard: Int, of shardCount: Int, present: [Snowflake], event: EventID, at: Int64
    ) async throws(StoreError) -> Int {
        try perform { state in
            state.reconciliations.append(present)
            return 0
        }
    }
    func configuration(of guild: Snowflake) async throws(StoreError) -> GuildConfiguration {
        try perform { state in
            state.queries += 1
            return state.configurations[guild] ?? GuildConfiguration(guild: guild)
        }
    }
    func change(_ change: SettingChange, of guild: Snowflake, event: EventID) async throws(StoreError) {
        try perform { state in
            guard state.settingsEvents[guild] ?? event <= event else { return }
            state.settingsEvents[guild] = event
            state.configurations[guild, default: GuildConfiguration(guild: guild)].apply(change)
        }
    }
    func watchSettings(_ heard: @Sendable @escaping (SettingsSignal) -> Void) async {}
    func forgetWelcomeChannel(_ channel: Snowflake, of guild: Snowflake) async throws(StoreError) {
        try perform { state in
            guard state.configurations[guild]?.welcomeChannel == channel else { return }
            state.configurations[guild]?.welcomeChannel = nil
        }
    }
    func beginMessage(_ nonce: String, in channel: Snowflake) async throws(StoreError) -> OutgoingMessageState {
        try perform { state in
            if let row = state.outgoing[nonce] {
                let age = Duration.microseconds(state.clock - row.begunAt)
                return row.isSent ? .sent(row.id) : .begun(row.begunAt, age: age, in: row.channel)
            }
            state.clock += 1
            state.outgoing[nonce] = Outgoing(channel: channel, begunAt: state.clock)
            return .new(state.clock)
        }
    }
    func beginMessageAgain(
        _ nonce: String, in channel: Snowflake, after beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) -> OutgoingMessageState.Beginning? {
        try perform { state in
            guard let row = state.outgoing[nonce], row.begunAt == beginning, !row.isSent else { return nil }
            state.clock += 1
            state.outgoing[nonce] = Outgoing(channel: channel, begunAt: state.clock)
            return state.clock
        }
    }
    func recordMessage(_ nonce: String, in channel: Snowflake, id: Snowflake?) async throws(StoreError) {
        try perform { state in
            let begunAt = state.outgoing[nonce]?.begunAt ?? state.clock
            state.outgoing[nonce] = Outgoing(channel: channel, begunAt: begunAt, isSent: true, id: id)
        }
    }
    func withdrawMessage(
        _ nonce: String, begun beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) {
        try perform { state in
            if state.outgoing[nonce]?.begunAt == beginning { state.outgoing[nonce] = nil }
        }
    }
    func forgetRecords(olderThan age: Duration) async throws(StoreError) -> Int {
        try perform { state in
            let old = state.outgoing.filter { $0.value.begunAt < state.clock - age.microseconds }.keys.prefix(2)
            for nonce in old { state.outgoing[nonce] = nil }
            return old.count
        }
    }
    func dailyPosts(of guild: Snowflake) async throws(StoreError) -> [DailyPost] {
        try perform { $0.posts[guild, default: []].filter { $0.removedBy == nil }.map(\.post) }
    }
    func addDailyPost(
        _ text: String, by author: Snowflake, to guild: Snowflake, event: EventID
    ) async throws(StoreError) -> AddedPost {
        try perform { state in
            if let known = state.posts[guild]?.first(where: { $0.event == event }) { return .added(known.post) }
            let post = DailyPost(number: state.posts[guild, default: []].count + 1, text: text, author: author)
            state.posts[guild, default: []].append((post, event, nil))
            return .added(post)
        }
    }
    func removeDailyPost(
        _ number: Int, from guild: Snowflake, event: EventID
    ) async throws(StoreError) -> DailyPost? {
        try perform { state in
            guard let place = state.posts[guild]?.firstIndex(where: { $0.post.number == number }),
                let known = state.posts[guild]?[place], known.removedBy == nil || known.removedBy == event
            else { return nil }
            state.posts[guild]?[place].removedBy = event
            return known.post
        }
    }
    func skipDaily(on date: LocalDate, of guild: Snowflake, event: EventID) async throws(StoreError) -> Bool {
        try perform { state in
            let key = DailyRun.Key(guild: guild, task: DailyTaskName.post, date: date)
            guard state.skipped[key] ?? event == event else { return false }
            state.skipped[key] = event
            return true
        }
    }
    func takeDailyPost(for run: DailyRun.Key) async throws(StoreError) -> DailyPost? {
        try perform { state in
            state.posts[run.guild, default: []].first { $0.removedBy == nil }?.post
        }
    }
    func addNote(_ note: AdminNote, to guild: Snowflake) async throws(StoreError) -> Bool {
        try perform { state in
            guard state.notes[guild, default: []].allSatisfy({ $0.cause != note.cause }) else { return false }
            state.notes[guild, default: []].append(note)
            return true
        }
    }
    func notes(of guild: Snowflake) async throws(StoreError) -> [AdminNote] {
        try perform { $0.notes[guild, default: []] }
    }
    func removeNotes(_ causes: [AdminNote.Cause], of guild: Snowflake) async throws(StoreError) {
        try perform { $0.notes[guild]?.removeAll { causes.contains($0.cause) } }
    }
    /// So many messages of a member's on a day.
    func count(_ messages: Int, of member: Snowflake, in guild: Snowflake, day: Int) {
        state.withLock { $0.days[guild, default: [:]][member, default: [:]][day] = messages }
    }
    func statistics(
        of member: Snowflake, in guild: Snowflake, today: Int
    ) async throws(StoreError) -> MemberStatistics {
        try perform { state in
            MemberStatistics(days: state.days[guild]?[member]?.map { ($0.key, $0.value) } ?? [], today: today)
        }
    }
    func leaderboard(
        of guild: Snowflake, days: ClosedRange<Int>?, offset: Int, limit: Int
    ) async throws(StoreError) -> Leaderboard {
        try perform { state in
            let rows = state.days[guild, default: [:]].compactMap { member, counts -> LeaderboardRow? in
                let counted = counts.filter { days?.contains($0.key) ?? true }
                guard !counted.isEmpty else { return nil }
                return LeaderboardRow(
                    member: member, messages: counted.values.reduce(0, +), activeDays: counted.count)
            }
            .sorted { ($1.messages, $0.member) < ($0.messages, $1.member) }
            return Leaderboard(rows: Array(rows.dropFirst(offset).prefix(limit)), members: rows.count)
        }
    }
    func dailyActivity(of guild: Snowflake, days: ClosedRange<Int>) async throws(StoreError) -> [DayActivity] {
        try perform { state in
            days.compactMap { day in
                let counts = state.days[guild, default: [:]].values.compactMap { $0[day] }
                guard !counts.isEmpty else { return nil }
                return DayActivity(day: day, messages: counts.reduce(0, +), members: counts.count)
            }
        }
    }
    func memberRecords(of member: Snowflake) async throws(StoreError) -> MemberRecords {
        try perform { state in
            let days = state.days.flatMap { guild, members in
                (members[member] ?? [:]).map { MemberRecords.Day(guild: guild, day: $0.key, messages: $0.value) }
            }
            return MemberRecords(days: days.sorted { $0.day < $1.day }, posts: [])
        }
    }
    func eraseMember(_ member: Snowflake) async throws(StoreError) -> Int {
        try perform { state in
            var rows = 0
            for guild in state.days.keys {
                rows += state.days[guild]?[member]?.count ?? 0
                state.days[guild]?[member] = nil
            }
            return rows
        }
    }
    // Daily runs are tested on the real engines alone.
    func planDue(tasks: [String], before horizon: Int64, limit: Int) async throws(StoreError) -> Int {
        throw Self.error(.rejected)
    }
    func runCounts() async throws(StoreError) -> [(task: String, state: String, count: Int)] { [] }
    func runTroubles(limit: Int) async throws(StoreError) -> [(key: DailyRun.Key, state: String, reason: String)] { [] }
    func forgetGuilds(leftLongerThan age: Duration) async throws(StoreError) -> Int { 0 }
    func planRuns(_ runs: [PlannedRun]) async throws(StoreError) { throw Self.error(.rejected) }
    func claimRuns(of tasks: [String], limit: Int, lease: Duration) async throws(StoreError) -> [DailyRun] {
        throw Self.error(.rejected)
    }
    func renewRun(_ run: DailyRun, lease: Duration) async throws(StoreError) -> Bool { throw Self.error(.rejected) }
    func recordPost(_ post: DailyRun.Post, of run: DailyRun) async throws(StoreError) -> Bool {
        throw Self.error(.rejected)
    }
    func endRun(_ run: DailyRun, _ ending: DailyRun.Ending) async throws(StoreError) -> Bool {
        throw Self.error(.rejected)
    }
    func putOffRun(_ run: DailyRun, for time: Duration, reason: String) async throws(StoreError) {
        throw Self.error(.rejected)
    }
    func recordActivity(_ batch: [ActivityEvent]) async throws(StoreError) {
        let outcome = state.withLock { state -> StoreError? in
            if let error = state.activityError?(batch) { return error }
            state.batches.append(batch)
            let cursors = state.cursors
            for event in batch where event.event > cursors[event.key] ?? EventID(-1) {
                state.counts[event.member, default: 0] += 1
                state.cursors[event.key] = max(state.cursors[event.key] ?? event.event, event.event)
            }
            return nil
        }
        if let outcome { throw outcome }
    }
    func messageCount(of member: Snowflake, in guild: Snowflake) async throws(StoreError) -> Int { count(of: member) }
    func registeredCommandsHash(of application: Snowflake) async throws(StoreError) -> String? {
        try perform { $0.hashes[application] }
    }
    func registeringCommands(
        of application: Snowflake, _ body: @Sendable @escaping (String?) async throws -> String
    ) async throws {
        await registration.lock()
        defer { registration.unlock() }
        let hash = try await body(state.withLock { $0.hashes[application] })
        state.withLock { $0.hashes[application] = hash }
    }
    func close() async { state.withLock { $0.isClosed = true } }
}

/// Lets one task in at a time.
final class AsyncLock: Sendable {
    private struct State {
        var isHeld = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func lock() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.isHeld else {
                    state.isHeld = true
                    return true
                }
                state.waiters.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func unlock() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiters.isEmpty else {
                state.isHeld = false
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}

extension Services {
    static func fake(_ api: any DiscordAPI, _ store: FakeStore, commands: CommandList = .standard) -> Services {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let configurations = ConfigurationCache(standardPrefix: "!")
        configurations.heard(.listening)
        return Services(
            api: api, store: store, commands: commands, configurations: configurations,
            permissions: PermissionCache(), gateway: GatewayLink(),
            registrar: CommandRegistrar(commands.declarations, api: api, store: store, logger: logger),
            counters: WorkerCounters(), logger: logger)
    }
}

extension OutgoingMessage {
    /// All that a member reads of it.
    var said: String {
        let embeds = embeds.flatMap { embed in
            [embed["title"], embed["description"]].compactMap { $0?.string }
                + (embed["fields"]?.elements ?? []).flatMap { [$0["name"], $0["value"]].compactMap { $0?.string } }
        }
        return ([content].compactMap(\.self) + embeds).joined(separator: "\n")
    }
}
