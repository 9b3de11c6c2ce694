import Shared
import TestKit
import Testing

@testable import WorkerProcess

/// A gateway and a worker's handlers around one dispatcher, with faults, driven by a seed.
///
/// The gateway delivers each key's events in order, takes back what is given back, times out, and loses connections. Frames
/// travel through queues, so that they cross. After every step the dispatcher's promises are checked.
private struct DispatcherWorld {
    struct Event {
        let id: Int64
        let key: String
        let hasWrite: Bool
        let hasWork: Bool
        var isInteraction: Bool { key.hasPrefix("i") }
    }

    enum Frame {
        case event(Event, again: Bool)
        case returned([Int64])
    }

    enum Answer {
        case ack(Int64)
        case back([Int64])
        case everything
    }

    enum Broken: Error { case promise(String) }

    var random: SeededGenerator
    var dispatcher = KeyedDispatcher<Int64>(maximumRunning: 3, capacity: 40)
    /// Not finished, by key, by age.
    var backlog: [String: [Event]] = [:]
    var events: [Int64: Event] = [:]
    var inFlight: Set<Int64> = []
    var takenBack: Set<Int64> = []
    var delivered: Set<Int64> = []
    var toWorker: [Frame] = []
    var toGateway: [Answer] = []
    /// Copies whose handler runs, and those handed to the write-behind.
    var running: [Int: Int64] = [:]
    var writing: [Int: Int64] = [:]
    var worked: Set<Int64> = []
    var written: Set<Int64> = []
    /// What the worker may not begin: the ids of a nack or release and the later ones of their key until `returned`.
    var fenced: [String: Int64] = [:]
    var isPaused = false
    var lastID: Int64 = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        dispatcher.connected()
    }

    // MARK: Steps

    mutating func step(isCalm: Bool) throws {
        switch Int.random(in: 0..<(isCalm ? 60 : 100), using: &random) {
        case 0..<15: deliver()
        case 15..<30: try workerReads()
        case 30..<40: gatewayReads()
        case 40..<50: try endWork(isCalm: isCalm)
        case 50..<60: try endWrite(isCalm: isCalm)
        case 60..<95: receive()
        case 95..<99: timeOut()
        default: try loseConnection()
        }
        try performEffects()
    }

    private mutating func receive() {
        guard backlog.values.map(\.count).reduce(0, +) < 40 else { return }
        lastID += 1
        let kind = Int.random(in: 0..<4, using: &random)
        let key = kind == 0 ? "i\(lastID)" : "k\(Int.random(in: 0..<4, using: &random))"
        let event = Event(
            id: lastID, key: key, hasWrite: kind != 0 && kind != 1, hasWork: kind != 2)
        events[lastID] = event
        backlog[key, default: []].append(event)
    }

    /// The oldest events of a key that are not in flight go out, several at once.
    private mutating func deliver() {
        guard let key = backlog.keys.sorted().randomElement(using: &random) else { return }
        for event in backlog[key, default: []].prefix(3) where !inFlight.contains(event.id) {
            inFlight.insert(event.id)
            takenBack.remove(event.id)
            toWorker.append(.event(event, again: !delivered.insert(event.id).inserted))
        }
    }

    private mutating func takeBack(_ ids: [Int64]) {
        var returned: Set<Int64> = ids.reduce(into: []) { if takenBack.contains($1) { $0.insert($1) } }
        for id in ids where inFlight.contains(id) {
            guard let key = events[id]?.key else { continue }
            for later in backlog[key, default: []] where later.id >= id && inFlight.contains(later.id) {
                inFlight.remove(later.id)
                takenBack.insert(later.id)
                returned.insert(later.id)
            }
        }
        toWorker.append(.returned(returned.sorted()))
    }

    private mutating func timeOut() {
        if let id = inFlight.sorted().randomElement(using: &random) { takeBack([id]) }
    }

    private mutating func gatewayReads() {
        guard !toGateway.isEmpty else { return }
        switch toGateway.removeFirst() {
        case .ack(let id): finish(id)
        case .back(let ids): takeBack(ids)
        case .everything: takeBack(inFlight.filter { events[$0]?.isInteraction == false }.sorted())
        }
    }

    private mutating func finish(_ id: Int64) {
        guard inFlight.contains(id) || takenBack.contains(id), let key = events[id]?.key else { return }
        inFlight.remove(id)
        takenBack.remove(id)
        backlog[key]?.removeAll { $0.id == id }
        if backlog[key]?.isEmpty == true { backlog[key] = nil }
    }

    private mutating func workerReads() throws {
        guard !toWorker.isEmpty else { return }
        switch toWorker.removeFirst() {
        case .event(let event, let again):
            dispatcher.deliver(
                .init(
                    event: EventID(event.id), key: event.key, isInteraction: event.isInteraction,
                    isRedelivered: again, hasWrite: event.hasWrite, hasWork: event.hasWork, job: event.id))
        case .returned(let ids):
            for id in ids {
                if let key = events[id]?.key, fenced[key] == id { fenced[key] = nil }
            }
            dispatcher.returned(ids.map(EventID.init))
            isPaused = false
        }
    }

    private mutating func outcome(isCalm: Bool) -> KeyedDispatcher<Int64>.Outcome {
        guard !isCalm else { return .done }
        return switch Int.random(in: 0..<20, using: &random) {
        case 0, 1: .failed("no")
        case 2, 3: .notNow(.seconds(1), "limit")
        case 4: .outage(.seconds(1), "down")
        default: .done
        }
    }

    private mutating func endWork(isCalm: Bool) throws {
        guard let copy = running.keys.sorted().randomElement(using: &random), let id = running.removeValue(forKey: copy)
        else { return }
        let outcome = outcome(isCalm: isCalm)
        if outcome == .done { worked.insert(id) }
        dispatcher.workEnded(copy, outcome)
    }

    private mutating func endWrite(isCalm: Bool) throws {
        guard let copy = writing.keys.sorted().first, let id = writing.removeValue(forKey: copy) else { return }
        guard dispatcher.mayWrite(copy) else { return dispatcher.writeDropped(copy) }
        let outcome = outcome(isCalm: isCalm)
        if outcome == .done { written.insert(id) }
        dispatcher.writeEnded(copy, outcome)
    }

    /// What was on its way to the gateway arrives; what was on its way to the worker does not.
    private mutating func loseConnection() throws {
        while !toGateway.isEmpty { gatewayReads() }
        toWorker = []
        inFlight = []
        takenBack = []
        fenced = [:]
        isPaused = false
        try performEffects()
        while !toGateway.isEmpty { gatewayReads() }
        toWorker = []
        dispatcher.disconnected(unsent: [])
        try endWork(isCalm: true)
        let done = dispatcher.finished
        dispatcher.connected()
        for id in done {
            try check(isDone(id.rawValue), "\(id) is in the hello but was not done")
            takenBack.insert(id.rawValue)
            finish(id.rawValue)
        }
        dispatcher.welcomed(isSameJournal: true)
        takenBack = []
    }

    // MARK: Promises

    private mutating func performEffects() throws {
        while !dispatcher.effects.isEmpty {
            let effects = dispatcher.effects
            dispatcher.effects = []
            for effect in effects { try perform(effect) }
        }
    }

    private mutating func perform(_ effect: KeyedDispatcher<Int64>.Effect) throws {
        switch effect {
        case .start(let copy, let id):
            let event = try event(id)
            try check(!running.values.contains { events[$0]?.key == event.key }, "two of \(event.key) run at once")
            try checkMayBegin(event)
            let others = running.values.filter { events[$0]?.isInteraction == false }.count
            try check(event.isInteraction || others < 3, "the bound is exceeded")
            running[copy] = id
        case .write(let copy, let id):
            try checkMayBegin(try event(id))
            let earlier = writing.filter { dispatcher.mayWrite($0.key) && events[$0.value]?.key == events[id]?.key }
                .values
            try check(!earlier.contains { $0 > id }, "writes are out of order")
            writing[copy] = id
        case .acknowledge(let id):
            try check(isDone(id.rawValue), "\(id) was acknowledged but not done")
            toGateway.append(.ack(id.rawValue))
        case .nack(let id, _), .release(let id, _, _):
            let event = try event(id.rawValue)
            fenced[event.key] = event.id
            toGateway.append(.back([id.rawValue]))
        case .releaseAll:
            isPaused = true
            toGateway.append(.everything)
        }
    }

    private func checkMayBegin(_ event: Event) throws {
        try check(fenced[event.key] == nil, "\(event.id) began behind a fence")
        try check(!isPaused || event.isInteraction, "\(event.id) began in an outage")
    }

    private func isDone(_ id: Int64) -> Bool {
        guard let event = events[id] else { return false }
        return (!event.hasWork || worked.contains(id)) && (!event.hasWrite || written.contains(id))
    }

    private func event(_ id: Int64) throws -> Event {
        guard let event = events[id] else { throw Broken.promise("\(id) is unknown") }
        return event
    }

    private func check(_ holds: Bool, _ promise: String) throws {
        guard holds else { throw Broken.promise(promise) }
    }
}

@Suite struct KeyedDispatcherSimulationTests {
    @Test(arguments: UInt64(1)...40)
    func `whatever happens, order holds, nothing is acknowledged undone, and all ends`(seed: UInt64) throws {
        var world = DispatcherWorld(seed: seed)
        for _ in 0..<4000 { try world.step(isCalm: false) }
        // No more faults and nothing new: everything has to come to its end.
        for _ in 0..<20_000 where !world.backlog.isEmpty { try world.step(isCalm: true) }
        #expect(world.backlog.isEmpty)
        for _ in 0..<2000 where !world.dispatcher.isIdle { try world.step(isCalm: true) }
        #expect(world.dispatcher.isIdle)
        #expect(world.lastID > 100)
    }
}
