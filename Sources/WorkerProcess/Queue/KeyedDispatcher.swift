internal import DequeModule
internal import Shared

/// Which of the events this worker holds are worked on now.
///
/// A delivery is a *copy*; a redelivery is another copy of the same event. A copy has up to two parts: a *write*, which goes
/// to the write-behind at once and in order of arrival, and *work*, a handler's run. Of one key one handler runs at a time,
/// in order; different keys run in parallel, up to a bound that interactions do not heed. When all parts are done, the event
/// is acknowledged.
///
/// After a nack or release of an event, its key is *fenced*: nothing of it begins until the gateway's `returned`. Copies
/// given back are *void*: what of them has not begun never begins. What runs already may end, and if it ends well, its effects
/// have happened, so that the event is done all the same, whoever holds it by then.
///
/// No I/O: events and outcomes in, `effects` out.
struct KeyedDispatcher<Job: Sendable>: Sendable {
    /// Names a copy, on whatever connection it came.
    typealias CopyID = Int

    /// What a delivery asks for.
    struct Arrival {
        let event: EventID
        let key: String
        let isInteraction: Bool
        var isRedelivered = false
        let hasWrite: Bool
        let hasWork: Bool
        let job: Job
    }

    /// How a copy's part ended.
    enum Outcome: Sendable, Equatable {
        case done
        /// Counted against the event.
        case failed(String)
        /// Not the event's fault: it and the rest of its key wait.
        case notNow(Duration, String)
        /// Nothing but interactions can be handled for a while.
        case outage(Duration, String)
    }

    /// What is to be done, in this order.
    enum Effect: Sendable {
        case write(CopyID, Job)
        case start(CopyID, Job)
        case acknowledge(EventID)
        case nack(EventID, String)
        case release(EventID, Duration, String)
        case releaseAll(Duration, String)
    }

    enum Standing: Sendable {
        /// The gateway counts on this copy.
        case held
        /// Given back, or lost with its connection.
        case void(connection: Int)
        /// Acknowledged through another copy of its event.
        case finished
    }

    struct Copy: Sendable {
        let event: EventID
        let key: String
        let isInteraction: Bool
        let job: Job
        var lacksWrite: Bool
        var lacksWork: Bool
        var isWriting = false
        var isRunning = false
        var standing = Standing.held

        var isUnderWay: Bool { isWriting || isRunning }
        var isComplete: Bool { !lacksWrite && !lacksWork }
    }

    struct Key: Sendable {
        /// Copies whose work has not begun, by age; some may be gone.
        var waiting: Deque<CopyID> = []
        /// Copies that came while nothing of the key may begin, by age; some may be gone.
        var parked: Deque<CopyID> = []
        var running: CopyID?
        /// Nacks and releases that no `returned` has answered.
        var fences = 0
        var isReady = false

        var isEmpty: Bool { waiting.isEmpty && parked.isEmpty && running == nil && fences == 0 && !isReady }
    }

    /// What is to be done since this was last emptied.
    var effects: [Effect] = []
    /// Handlers of other than interactions that run at once.
    let maximumRunning: Int
    /// Copies that were void when their turn came, or that the gateway sent twice.
    private(set) var voidCopies = 0
    /// Events finished after their connection was lost: they go into the next hello.
    var finished: [EventID] = []

    var copies: [CopyID: Copy] = [:]
    var held: [EventID: CopyID] = [:]
    var keys: [String: Key] = [:]
    var fences: [EventID: String] = [:]
    /// What a release of everything gave back, as long as `returned` has not named it.
    var pauseFences: Set<EventID> = []
    /// Keys with work that only the bound holds up, by age.
    var ready: Deque<String> = []
    var running = 0
    var lastCopy = 0
    var connection = 0
    var isConnected = false
    /// Events of earlier connections that were finished too late for the hello: acknowledged when they come again.
    var finishedEarlier: Set<EventID> = []
    /// The last acknowledgements on this connection. The gateway may have taken an event back and sent it again before it read
    /// its acknowledgement: that copy is done.
    var acknowledged: Deque<EventID> = []
    let maximumAcknowledged: Int

    /// Most entries of `finished`: what a worker can hold, so that a hello stays well below the longest line.
    static var maximumFinished: Int { QueueProtocol.capacityRange.upperBound }

    /// - Parameter capacity: events that the gateway lends at once. What it had sent when it read an acknowledgement is a small
    ///   multiple of that, and so are the acknowledgements that are worth remembering.
    init(maximumRunning: Int, capacity: Int) {
        self.maximumRunning = maximumRunning
        maximumAcknowledged = 4 * (capacity + QueueProtocol.interactionOverdraft)
    }

    /// Events that the gateway counts on.
    var heldCount: Int { held.count }

    /// Whether nothing is held and nothing runs.
    var isIdle: Bool { held.isEmpty && copies.isEmpty }

    /// Whether a copy's write may still begin; if not, say `writeDropped`.
    func mayWrite(_ id: CopyID) -> Bool {
        if case .held? = copies[id]?.standing { true } else { false }
    }

    /// The event of a copy that the gateway counts on.
    func heldEvent(_ id: CopyID) -> EventID? {
        mayWrite(id) ? copies[id]?.event : nil
    }

    // MARK: The connection

    /// A hello goes out that names all that is `finished`.
    mutating func connected() {
        isConnected = true
    }

    /// The gateway has answered the hello.
    /// - Parameter isSameJournal: whether it is the journal of the last connection.
    mutating func welcomed(isSameJournal: Bool) {
        finished = []
        if !isSameJournal { finishedEarlier = [] }
    }

    /// All copies are void.
    /// - Parameter unsent: acknowledgements that did not get out any more.
    mutating func disconnected(unsent: [EventID]) {
        isConnected = false
        finished += unsent
        finished += finishedEarlier
        if finished.count > Self.maximumFinished { finished.removeFirst(finished.count - Self.maximumFinished) }
        finishedEarlier = []
        acknowledged = []
        for copy in held.values { makeVoid(copy) }
        connection += 1
        fences = [:]
        pauseFences = []
        ready = []
        for (name, key) in keys {
            keys[name] = key.running.map { running in
                var key = Key()
                key.running = running
                return key
            }
        }
    }

    /// Acknowledgements could not be written: the connection is about to end.
    mutating func unsent(_ ids: [EventID]) {
        finished += ids
    }

    // MARK: Deliveries

    /// A copy has come.
    mutating func deliver(_ arrival: Arrival) {
        if finishedEarlier.remove(arrival.event) != nil { return tellDone(arrival.event) }
        guard held[arrival.event] == nil, !(arrival.isRedelivered && acknowledged.contains(arrival.event)) else {
            voidCopies += 1
            return
        }
        guard arrival.hasWrite || arrival.hasWork else { return tellDone(arrival.event) }
        lastCopy += 1
        copies[lastCopy] = Copy(
            event: arrival.event, key: arrival.key, isInteraction: arrival.isInteraction, job: arrival.job,
            lacksWrite: arrival.hasWrite, lacksWork: arrival.hasWork)
        held[arrival.event] = lastCopy
        if isBlocked(arrival.key, isInteraction: arrival.isInteraction) {
            keys[arrival.key, default: Key()].parked.append(lastCopy)
        } else {
            admit(lastCopy)
        }
    }

    /// The fence: these are no longer this worker's.
    mutating func returned(_ ids: [EventID]) {
        var freed: Set<String> = []
        let wasPaused = !pauseFences.isEmpty
        for id in ids {
            if let copy = held[id] {
                voidCopies += 1
                makeVoid(copy)
            }
            if let key = fences.removeValue(forKey: id) {
                keys[key]?.fences -= 1
                freed.insert(key)
            }
            pauseFences.remove(id)
        }
        if wasPaused, pauseFences.isEmpty {
            freed.formUnion(keys.lazy.filter { !$0.value.parked.isEmpty }.map(\.key))
        }
        // In order, so that a simulation does the same again.
        for key in freed.sorted() { unpark(key) }
        startReady()
    }

    private func isBlocked(_ key: String, isInteraction: Bool) -> Bool {
        if Mutation.applies(.goOnAfterNack) { return false }
        return (!pauseFences.isEmpty && !isInteraction) || keys[key]?.fences ?? 0 > 0
    }

    private mutating func unpark(_ name: String) {
        while let id = keys[name]?.parked.first {
            if let copy = copies[id], isBlocked(name, isInteraction: copy.isInteraction) { return }
            keys[name]?.parked.removeFirst()
            admit(id)
        }
        pump(name)
    }

    private mutating func admit(_ id: CopyID) {
        guard let copy = copies[id] else { return }
        if Mutation.applies(.acknowledgeFirst) { tellDone(copy.event) }
        if copy.lacksWrite {
            copies[id]?.isWriting = true
            effects.append(.write(id, copy.job))
        }
        if copy.lacksWork {
            keys[copy.key, default: Key()].waiting.append(id)
            pump(copy.key)
        }
    }

    // MARK: Beginning

    /// Begins the next work of a key, if there is any and nothing forbids it.
    mutating func pump(_ name: String) {
        guard var key = keys[name] else { return }
        while let id = key.waiting.first {
            guard let copy = copies[id], case .held = copy.standing, copy.lacksWork else {
                key.waiting.removeFirst()
                continue
            }
            guard key.running == nil, !isBlocked(name, isInteraction: copy.isInteraction) else { break }
            guard copy.isInteraction || running < maximumRunning else {
                if !key.isReady { ready.append(name) }
                key.isReady = true
                break
            }
            key.waiting.removeFirst()
            key.running = id
            if !copy.isInteraction { running += 1 }
            copies[id]?.isRunning = true
            effects.append(.start(id, copy.job))
            break
        }
        keys[name] = key.isEmpty ? nil : key
    }

    mutating func startReady() {
        while running < maximumRunning, let name = ready.popFirst() {
            keys[name]?.isReady = false
            pump(name)
        }
    }
}

extension KeyedDispatcher.Effect: Equatable where Job: Equatable {}
