import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// The book of what was promised (docs/queue-protocol.md): what Discord sent, what the gateway took, gave to whom and was told,
/// and which effects there were. Everything that happens is held against it at once; the first broken promise ends the run.
final class Promises {
    /// One key: its events in Discord's order.
    struct KeyBook {
        let key: QueueKey
        let name: String
        /// All that Discord sent and nothing has become of.
        var line: Deque<Int> = []
        /// In flight, by age, also those that were finished elsewhere meanwhile.
        var flights: Deque<Int> = []
        /// Unfinished ones that the gateway has.
        var held = 0
        var heldUntil = NIODeadline.distantPast
    }

    struct SessionBook {
        let shard: Int
        /// The event that its READY is.
        var ready: Int?
        /// Numbers of its dispatches, ascending.
        var dispatches: Deque<Int> = []
        /// How many of them were found safe.
        var safe = 0
        /// When the gateway read its READY.
        var readyAt: NIODeadline?
        /// A queue in memory may have no record of it, and not know what was delivered of it.
        var isUnknown = false
        /// Discord will not have it any more, or somebody asked for another.
        var mayBeGivenUp = false
    }

    /// One connection of a worker.
    struct ConnectionBook {
        /// Of the gateway.
        let life: Int
        let capacity: Int
        /// Kinds that it does not want.
        let unwanted: Set<Kind>
        var isDraining = false
        var pausedUntil = NIODeadline.distantPast
        var held: [Int] = []
        var taken: Set<Int> = []
        /// What `returned` must name, for each nack, release and timeout.
        var owed: [[EventID]] = []
        var hasEnded = false
        /// The gateway itself ended it.
        var wasCut = false
    }

    /// An event that became the oldest of its key at its worker.
    struct Timeout {
        let number: Int
        /// By the queue's clock.
        let since: NIODeadline
        let startedAt: NIODeadline
        let stoodStill: TimeAmount
    }

    let world: World
    private(set) var broken: String?
    /// Those since the last time when nothing was left to do; `base` is the number of the first.
    private(set) var events: [Occurrence] = []
    private(set) var base = 0
    var keys: [KeyBook] = []
    let lastingKeys: Int
    var sessions: [SessionBook] = []
    /// The session whose READY the gateway read last, by shard.
    var currentSession = [Int?](repeating: nil, count: Rules.shards)
    var connections: [ConnectionBook] = []
    var numbers: [EventID: Int] = [:]
    /// The last one given, and the last one given to something that counts.
    var lastID = EventID(0)
    var lastHeldID = EventID(0)
    /// Unfinished events that the gateway has.
    var held = 0
    var heldBytes = 0
    var inFlight = 0
    /// Events that are or were the oldest of their key at their worker, by the time since when.
    var timeouts: Deque<Timeout> = []
    /// Connections that `returned` must be sent to in this turn.
    var owing: [Int] = []
    /// Interactions that wait for a worker.
    var waitingInteractions: [Int] = []
    var openCount = 0

    // The gateway's lives.
    var life = 0
    /// What a kill may undo.
    var recentFates: Deque<(number: Int, at: NIODeadline)> = []
    var recentDeliveries: Deque<(number: Int, at: NIODeadline)> = []
    /// What besides only a loss of power may undo.
    var writtenFates: Deque<Int> = []
    /// Written, in this order, and not synced yet.
    var awaitingSync: Deque<Int> = []
    /// Since when all that happened may be unwritten, and unsynced.
    var flushedAt = NIODeadline.distantPast
    var syncedAt = NIODeadline.distantPast
    let files: SimulatedFiles
    /// The queue's clock, which stands still while the gateway process does.
    var hubNow = NIODeadline.distantPast
    /// How long the gateway process has been stopped in all.
    var stoodStill = TimeAmount.zero
    var isIntakeClosed = false
    var account = Account()

    init(world: World, files: SimulatedFiles) {
        self.world = world
        self.files = files
        for shard in 0..<Rules.shards {
            let guilds = (0..<Rules.guilds).map { QueueKey(keyClass: .guild, number: UInt64(shard * 100 + $0 + 1)) }
            for key in [QueueKey(keyClass: .shard, number: UInt64(shard))] + guilds {
                keys.append(KeyBook(key: key, name: "\(key)"))
            }
        }
        for channel in 0..<Rules.directChannels {
            let key = QueueKey(keyClass: .channel, number: UInt64(channel + 1))
            keys.append(KeyBook(key: key, name: "\(key)"))
        }
        lastingKeys = keys.count
    }

    func check(_ holds: Bool, _ promise: @autoclosure () -> String) {
        if !holds, broken == nil { broken = promise() }
    }

    subscript(_ number: Int) -> Occurrence {
        get { events[number - base] }
        _modify { yield &events[number - base] }
    }

    func isForgotten(_ number: Int) -> Bool { number < base }

    func isOpen(_ number: Int) -> Bool { number >= base && events[number - base].fate == .open }

    /// An event in words.
    func text(_ number: Int) -> String {
        guard number >= base else { return "event \(number)" }
        let event = events[number - base]
        return "event \(number) (\(event.kind), \(keys[event.key].name), session \(event.session) sequence "
            + "\(event.sequence), id \(event.id?.description ?? "none"), \(event.fate))"
    }

    /// Nothing has happened since the last calm.
    var isUntouched: Bool { events.isEmpty }

    // MARK: Discord's side

    static func shardKey(_ shard: Int) -> Int { shard * (Rules.guilds + 1) }

    static func guildKey(_ shard: Int, _ guild: Int) -> Int { shardKey(shard) + 1 + guild }

    func directKey(_ channel: Int) -> Int { lastingKeys - Rules.directChannels + channel }

    /// A key for one interaction.
    func interactionKey() -> Int {
        let key = QueueKey(keyClass: .interaction, number: UInt64(base + events.count))
        keys.append(KeyBook(key: key, name: "\(key)"))
        return keys.count - 1
    }

    func began(session: Int, shard: Int) {
        sessions.append(SessionBook(shard: shard))
        check(sessions.count == session + 1, "sessions are numbered by the book")
    }

    /// Discord has sent something in a session.
    func emitted(_ event: Occurrence) -> Int {
        let number = base + events.count
        events.append(event)
        keys[event.key].line.append(number)
        sessions[event.session].dispatches.append(number)
        if event.kind == .ready { sessions[event.session].ready = number }
        account.emitted += 1
        openCount += 1
        return number
    }

    // MARK: Finishing

    /// Something has become of an event. What a worker has in hand stays in flight.
    func finish(_ number: Int, _ fate: Fate) {
        let event = self[number]
        guard event.fate == .open else { return }
        self[number].fate = fate
        recentFates.append((number, world.now))
        account.fates[fate, default: 0] += 1
        openCount -= 1
        if keys[event.key].line.first == number {
            keys[event.key].line.removeFirst()
        } else if let place = keys[event.key].line.firstIndex(of: number) {
            keys[event.key].line.remove(at: place)
        }
        letGo(number)
        // It may have been all of its key that is in memory: such a key is forgotten with what it was to wait for, though more
        // of it is in the journal.
        if event.holder == nil { keys[event.key].heldUntil = .distantPast }
    }

    /// The gateway does not have it any more.
    func letGo(_ number: Int) {
        guard self[number].isHeld else { return }
        self[number].isHeld = false
        held -= 1
        heldBytes -= size(of: self[number])
        let key = self[number].key
        keys[key].held -= 1
        // A key that has nothing left is forgotten, and with it what it was to wait for.
        if keys[key].held == 0 { keys[key].heldUntil = .distantPast }
        if self[number].isInteraction { waitingInteractions.removeAll { $0 == number } }
    }

    func hold(_ number: Int) {
        if let id = self[number].id { lastHeldID = max(lastHeldID, id) }
        self[number].isHeld = true
        held += 1
        heldBytes += size(of: self[number])
        keys[self[number].key].held += 1
        if self[number].isInteraction { waitingInteractions.append(number) }
    }

    func size(of event: Occurrence) -> Int {
        EventPayload.byteCount(data: event.bytes, type: event.kind.name)
    }

    /// Everything has come to its end: what was is needed no more.
    func forget() {
        base += events.count
        events.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        timeouts.removeAll()
        recentFates.removeAll()
        recentDeliveries.removeAll()
        writtenFates.removeAll()
        awaitingSync.removeAll()
        keys.removeLast(keys.count - lastingKeys)
        for session in sessions.indices {
            sessions[session].dispatches.removeAll()
            sessions[session].safe = 0
        }
    }
}

/// What a run was like.
struct Account {
    var emitted = 0
    var deliveries = 0
    var redeliveries = 0
    var fates: [Fate: Int] = [:]
    /// Effects that happened more than once, as they may where the domain makes them harmless.
    var repeatedWorks = 0
    var sessionsBegun = 0
    var resumes = 0
    var gatewayEnds = 0
    var workerEnds = 0
    var timeouts = 0
    var deaths = 0
    var calms = 0
    var faults: [Fault: Int] = [:]
}
