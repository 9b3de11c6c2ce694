internal import NIOCore
internal import Shared
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

/// Random workers, faults and times against a `KeyedQueue`, with a second, simple-minded book of what was promised that
/// every effect is held against.
struct QueueSimulation {
    struct Broken: Error, CustomStringConvertible {
        let description: String
    }

    private struct Event {
        let key: QueueKey
        let type: String
        let bytes: Int
        let sequence: Int
        var failures = 0
        var deaths = 0
        var delivered = false
        var notBefore = NIODeadline.distantPast
        var since: NIODeadline?
        var isInteraction: Bool { key.keyClass == .interaction }
        var isSuspect: Bool { deaths >= 2 }
    }

    private struct Worker {
        let name: String
        let capacity: Int
        let bytes: Int
        let events: Set<String>?
        var isDraining = false
        var pausedUntil = NIODeadline.distantPast
        var held: [EventID] = []
        var taken: Set<EventID> = []
    }

    private var queue: KeyedQueue
    private var random: SeededGenerator
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private var wall: Int64 = 1_764_000_000_000_000

    private var workers: [WorkerID: Worker] = [:]
    private var order: [WorkerID] = []
    private var unfinished: [EventID: Event] = [:]
    private var lines: [QueueKey: [EventID]] = [:]
    private var holds: [QueueKey: NIODeadline] = [:]
    private var holders: [EventID: WorkerID] = [:]
    /// What is in flight of each key, by age, ghosts included.
    private var flights: [QueueKey: [EventID]] = [:]
    private var keysInFlight: [EventID: QueueKey] = [:]
    /// Done elsewhere, but a worker still has it.
    private var ghosts: [EventID: Event] = [:]
    private var sequence = 0
    /// What Discord would send again.
    private var replayable: [Int: Dispatch] = [:]
    private(set) var restarts = 0
    private var doneSequences: Set<Int> = []
    private var durable: Int?
    private var nameCount = 0
    /// Nobody wants everything.
    private var isNarrow = false
    private(set) var steps = 0
    private(set) var delivered = 0
    /// Of all processes before the last restart.
    private var counted = QueueCounters()
    var counters: QueueCounters { counted.adding(queue.counters) }

    static let types = ["MESSAGE_CREATE", "GUILD_UPDATE", "TYPING_START"]

    init(seed: UInt64) {
        var settings = KeyedQueue.Settings()
        settings.maximumBytes = 80_000
        queue = KeyedQueue(settings: settings)
        random = SeededGenerator(seed: seed)
    }

    // MARK: Steps

    mutating func run(steps count: Int) throws {
        for _ in 0..<count {
            steps += 1
            try step()
            queue.deliver(now: now)
            try applyEffects()
            try check(queue.depth == unfinished.count, "depth \(queue.depth), expected \(unfinished.count)")
            try check(queue.inFlight == holders.count, "in flight \(queue.inFlight), expected \(holders.count)")
            try checkDurable()
        }
        try finish()
    }

    private mutating func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<34: receive()
        case 34..<37: if workers.count < 7 { join() }
        case 37..<38: leave(.death)
        case 38..<39: drain()
        case 39..<40: leaveIfDrained()
        case 40..<70: acknowledge()
        case 70..<75: nack()
        case 75..<78: release()
        case 78..<79: releaseAll()
        case 79..<82: extend()
        case 82..<84: acknowledgeLate()
        case 84..<85: changeRoom()
        case 85..<86: if Int.random(in: 0..<10, using: &random) == 0 { try restart() }
        case 86..<87: if Int.random(in: 0..<4, using: &random) == 0 { pass(.seconds(31)) }
        case 87..<88: if Int.random(in: 0..<20, using: &random) == 0 { try outage() }
        default: pass(.milliseconds(Int64.random(in: 0...400, using: &random)))
        }
    }

    private mutating func receive() {
        sequence += 1
        let isInteraction = Int.random(in: 0..<12, using: &random) == 0
        let key =
            isInteraction
            ? QueueKey(keyClass: .interaction, number: UInt64(sequence))
            : QueueKey(keyClass: .guild, number: UInt64(Int.random(in: 0..<40, using: &random)))
        let type = isInteraction ? "INTERACTION_CREATE" : Self.types[Int.random(in: 0..<3, using: &random)]
        let data = ByteBuffer(repeating: UInt8(ascii: "x"), count: Int.random(in: 2...3000, using: &random))
        wall += 1
        let dispatch = Dispatch(
            shard: 0, session: "s", sequence: sequence, type: type, key: key, guildID: nil, interaction: nil,
            receivedAt: wall, data: data)
        replayable[sequence] = dispatch
        let before = queue.counters.shed
        let reception = queue.receive(dispatch, now: now, wall: wall)
        if queue.counters.shed != before { forgetShed() }
        switch reception {
        case .queued(let id):
            unfinished[id] = Event(
                key: key, type: type, bytes: EventPayload.byteCount(data: data.readableBytes, type: type),
                sequence: sequence)
            lines[key, default: []].append(id)
        case .unwanted, .shed, .duplicate, .refused: doneSequences.insert(sequence)
        }
    }

    /// All workers are away for so long that their wishes are forgotten, and those that come wish for other things.
    private mutating func outage() throws {
        while let id = order.first, let worker = workers[id] {
            remove(id, worker, .leave)
            try forgetUnwanted(besides: queue.effects)
        }
        pass(.minutes(16))
        isNarrow.toggle()
    }

    /// The process ends in order, and the next one gets from Discord what its checkpoint does not call finished.
    private mutating func restart() throws {
        restarts += 1
        let checkpoint = queue.checkpoint(journal: "j", endedInOrder: true, now: now, wall: wall)
        guard let read = QueueCheckpoint(try JSON(ofText: checkpoint.json.text)) else {
            throw Broken(description: "step \(steps): the checkpoint cannot be read")
        }
        counted = counters
        queue = KeyedQueue(
            settings: queue.settings, lastID: read.lastID, ledger: SequenceLedger(restoring: read),
            wishes: WorkerWishes(restoring: read.wishes, now: now, wall: wall))
        workers = [:]
        order = []
        holders = [:]
        flights = [:]
        keysInFlight = [:]
        ghosts = [:]
        holds = [:]
        let known = Dictionary(uniqueKeysWithValues: unfinished.map { ($0.value.sequence, $0.key) })
        let from = queue.ledger.durableSequence(shard: 0, session: "s") ?? 0
        try check(from == durable ?? 0, "resumed from \(from), expected \(durable ?? 0)")
        for number in stride(from: from + 1, through: sequence, by: 1) {
            guard let dispatch = replayable[number] else { throw Broken(description: "\(number) was forgotten") }
            let before = queue.counters.shed
            let reception = queue.receive(dispatch, now: now, wall: wall)
            try check((known[number] == nil) == (reception == .duplicate), "replay of \(number) was \(reception)")
            guard let old = known[number], var event = unfinished.removeValue(forKey: old) else { continue }
            event.since = nil
            event.notBefore = .distantPast
            switch reception {
            case .queued(let id):
                try check(id == old || !event.delivered, "delivered \(old) came back as \(id)")
                lines[event.key] = lines[event.key]?.map { $0 == old ? id : $0 }
                unfinished[id] = event
            case .unwanted, .shed, .duplicate, .refused: done(old, event)
            }
            if queue.counters.shed != before { forgetShed() }
        }
    }

    /// Shedding picks waiting events of low value; which ones is the queue's business.
    private mutating func forgetShed() {
        for (id, event) in unfinished where event.type == "TYPING_START" && !queue.isUnfinished(id) { done(id, event) }
    }

    private mutating func join() {
        nameCount += 1
        let name = Bool.random(using: &random) ? "w\(Int.random(in: 0..<4, using: &random))" : "n\(nameCount)"
        let events: Set<String>? =
            switch Int.random(in: 0..<6, using: &random) {
            case 0: ["MESSAGE_CREATE", "INTERACTION_CREATE"]
            case 1: ["GUILD_UPDATE", "TYPING_START"]
            default: isNarrow ? ["MESSAGE_CREATE", "INTERACTION_CREATE"] : nil
            }
        let worker = Worker(
            name: name, capacity: Int.random(in: 1...20, using: &random),
            bytes: Bool.random(using: &random) ? .max : Int.random(in: 1000...20_000, using: &random), events: events)
        let id = queue.join(
            name: name, capacity: worker.capacity, capacityBytes: worker.bytes == .max ? nil : worker.bytes,
            wish: .init(events: events), now: now)
        workers[id] = worker
        order.append(id)
    }

    private mutating func anyWorker() -> WorkerID? { order.randomElement(using: &random) }

    private mutating func leave(_ end: WorkerEnd) {
        guard let id = anyWorker(), let worker = workers[id] else { return }
        remove(id, worker, end)
    }

    private mutating func leaveIfDrained() {
        guard let id = anyWorker(), let worker = workers[id], worker.isDraining else { return }
        remove(id, worker, .leave)
    }

    private mutating func remove(_ id: WorkerID, _ worker: Worker, _ end: WorkerEnd) {
        let alone = worker.held.count == 1 ? worker.held.first : nil
        for event in worker.held {
            let wasSuspect = unfinished[event]?.isSuspect ?? false
            if end == .death, unfinished[event] != nil {
                unfinished[event]?.deaths += 1
                if event == alone, wasSuspect { fail(event) }
            }
            land(event)
        }
        workers[id] = nil
        order.removeAll { $0 == id }
        queue.leave(id, end, now: now, wall: wall, using: &random)
    }

    private mutating func drain() {
        guard let id = anyWorker() else { return }
        workers[id]?.isDraining = true
        queue.drain(id, now: now)
    }

    private mutating func someHeld(_ worker: Worker) -> [EventID] {
        worker.held.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }.shuffled(using: &random)
    }

    private mutating func acknowledge() {
        guard let id = anyWorker(), let worker = workers[id] else { return }
        // Mostly the oldest, as a worker works them off.
        let ids = Bool.random(using: &random) ? Array(worker.held.prefix(4)) : someHeld(worker)
        // Some events kill whoever works on them, and some always fail.
        if ids.contains(where: { ($0.rawValue / 3) % 83 == 0 }) { return remove(id, worker, .death) }
        if let poison = ids.first(where: { ($0.rawValue / 3) % 47 == 0 }) { return nack([poison], by: id) }
        queue.acknowledge(ids, by: id, now: now)
        for event in ids {
            if let known = unfinished[event] { done(event, known) }
            drop(event, from: id)
        }
    }

    private mutating func nack() {
        guard let id = anyWorker(), let worker = workers[id], !worker.held.isEmpty else { return }
        // Often the oldest, which has failed before if anything has.
        let ids = Bool.random(using: &random) ? Array(worker.held.prefix(1)) : Array(someHeld(worker).prefix(2))
        nack(ids, by: id)
    }

    private mutating func nack(_ ids: [EventID], by id: WorkerID) {
        for event in ids where unfinished[event] != nil { fail(event) }
        queue.nack(ids, reason: "r", by: id, now: now, wall: wall, using: &random)
    }

    private mutating func release() {
        guard let id = anyWorker(), let worker = workers[id] else { return }
        let ids = Array(someHeld(worker).prefix(2))
        let time = Int64.random(in: 0...3000, using: &random)
        for event in ids {
            if let key = unfinished[event]?.key { holds[key] = max(holds[key] ?? now, now + .milliseconds(time)) }
        }
        queue.release(ids, for: .milliseconds(time), by: id, now: now)
    }

    private mutating func releaseAll() {
        guard let id = anyWorker() else { return }
        let time = Int64.random(in: 0...3000, using: &random)
        workers[id]?.pausedUntil = now + .milliseconds(time)
        queue.releaseAll(for: .milliseconds(time), by: id, now: now)
    }

    private mutating func extend() {
        guard let id = anyWorker(), let worker = workers[id] else { return }
        let ids = someHeld(worker)
        for event in ids where isOldest(event) {
            unfinished[event]?.since = now
            ghosts[event]?.since = now
        }
        queue.extend(ids, by: id, now: now)
    }

    private mutating func acknowledgeLate() {
        guard let id = anyWorker(), let worker = workers[id],
            let event = worker.taken.sorted().randomElement(using: &random)
        else { return }
        workers[id]?.taken.remove(event)
        queue.acknowledge([event], by: id, now: now)
        guard let known = unfinished[event] else { return }
        done(event, known)
        if holders[event] != nil { ghosts[event] = known }
    }

    private mutating func changeRoom() {
        guard let id = anyWorker() else { return }
        queue.setRoom(id, Bool.random(using: &random) ? 1 << 20 : Int.random(in: 0...5000, using: &random))
    }

    private mutating func pass(_ time: TimeAmount) {
        now = now + time
        wall += time.nanoseconds / 1000
        for id in order where Int.random(in: 0..<2, using: &random) == 0 { queue.setRoom(id, 1 << 20) }
        // Every timeout that is due is due by the book, too.
        for id in holders.keys {
            guard let event = unfinished[id], let since = event.since, since + .seconds(30) <= now else { continue }
            fail(id)
        }
        queue.advance(now: now, wall: wall, using: &random)
    }

    // MARK: The book

    private mutating func done(_ id: EventID, _ event: Event) {
        unfinished[id] = nil
        lines[event.key]?.removeAll { $0 == id }
        // A key that has nothing left is forgotten, and with it what it was to wait for.
        if lines[event.key]?.isEmpty ?? true { holds[event.key] = nil }
        doneSequences.insert(event.sequence)
    }

    private mutating func fail(_ id: EventID) {
        guard var event = unfinished[id] else { return }
        event.failures += 1
        let nominal = min(Int64(250) << Int64(event.failures - 1), 10_000)
        event.notBefore = now + .milliseconds(nominal * 8 / 10)
        unfinished[id] = event
    }

    private mutating func drop(_ id: EventID, from worker: WorkerID) {
        workers[worker]?.held.removeAll { $0 == id }
        land(id)
    }

    /// It is at no worker any more.
    private mutating func land(_ id: EventID) {
        holders[id] = nil
        unfinished[id]?.since = nil
        ghosts[id] = nil
        guard let key = keysInFlight.removeValue(forKey: id) else { return }
        flights[key]?.removeAll { $0 == id }
        if flights[key]?.isEmpty ?? false { flights[key] = nil }
        startTimeout(of: key)
    }

    private func key(of id: EventID) -> QueueKey? { unfinished[id]?.key ?? ghosts[id]?.key }

    private func isOldest(_ id: EventID) -> Bool { unfinished[id]?.since != nil || ghosts[id]?.since != nil }

    /// The first of what is in flight of a key has its timeout running.
    private mutating func startTimeout(of key: QueueKey) {
        guard let first = flights[key]?.first else { return }
        if unfinished[first] != nil, unfinished[first]?.since == nil { unfinished[first]?.since = now }
        if ghosts[first] != nil, ghosts[first]?.since == nil { ghosts[first]?.since = now }
    }

    private mutating func applyEffects() throws {
        let effects = queue.takeEffects()
        try forgetUnwanted(besides: effects)
        for effect in effects {
            switch effect {
            case .deliver(let delivery): try apply(delivery)
            case .returned(let id, let ids): try apply(returned: ids, to: id)
            case .deadLetter(let letter):
                guard let event = unfinished[letter.id] else { throw Broken(description: "dead letter of nothing") }
                try check(event.failures == 5 && letter.failures == 5, "dead letter after \(event.failures) failures")
                done(letter.id, event)
            case .finished: break
            }
        }
    }

    /// Unwanted events go, without an effect, when they come first in their key.
    private mutating func forgetUnwanted(besides effects: [QueueEffect]) throws {
        let dead = Set(effects.compactMap { if case .deadLetter(let letter) = $0 { letter.id } else { nil } })
        guard queue.depth != unfinished.count - dead.count else { return }
        for (id, event) in unfinished where !queue.isUnfinished(id) && !dead.contains(id) {
            try check(!isWanted(event.type), "\(id) of type \(event.type) vanished")
            done(id, event)
        }
    }

    private func isWanted(_ type: String) -> Bool { queue.wishes.wants(type) }

    private mutating func apply(_ delivery: Delivery) throws {
        delivered += 1
        let id = delivery.id
        guard var event = unfinished[id] else { throw Broken(description: "\(id) delivered after it was done") }
        guard var worker = workers[delivery.worker] else { throw Broken(description: "\(id) delivered to nobody") }
        try check(holders[id] == nil, "\(id) delivered while in flight")
        try check(!worker.isDraining, "\(id) delivered to a draining worker")
        try check(event.isInteraction || worker.pausedUntil <= now, "\(id) delivered to a paused worker")
        try check(worker.events?.contains(event.type) ?? true, "\(id) delivered to who does not want it")
        let isElsewhere = flights[event.key]?.contains { holders[$0] != delivery.worker } ?? false
        try check(!isElsewhere, "key \(event.key) on two workers")
        let next = lines[event.key]?.first { holders[$0] == nil }
        try check(next == id, "\(id) delivered before \(next.map(\.description) ?? "nothing")")
        try check(
            delivery.attempt == event.failures + 1, "attempt \(delivery.attempt) after \(event.failures) failures")
        try check(delivery.redelivered == event.delivered, "redelivered flag of \(id)")
        try check(event.notBefore <= now, "\(id) delivered in its backoff")
        try check(holds[event.key] ?? now <= now, "\(id) delivered while its key is released")
        try check(!event.isSuspect || worker.held.isEmpty, "suspect \(id) delivered beside others")
        let besideSuspect = worker.held.contains { unfinished[$0]?.isSuspect ?? false }
        try check(!besideSuspect, "\(id) delivered beside a suspect")
        worker.held.append(id)
        worker.taken.remove(id)
        let plain = worker.held.filter { !isInteraction($0) }
        let excess = worker.held.count - worker.capacity
        try check(excess <= 32, "capacity exceeded by \(excess)")
        if !event.isInteraction {
            try check(excess <= 0, "capacity exceeded")
            let bytes = plain.reduce(0) { $0 + (unfinished[$1]?.bytes ?? ghosts[$1]?.bytes ?? 0) }
            try check(bytes <= worker.bytes || worker.held.count == 1, "bytes exceeded: \(bytes) of \(worker.bytes)")
        }
        event.delivered = true
        workers[delivery.worker] = worker
        holders[id] = delivery.worker
        keysInFlight[id] = event.key
        flights[event.key, default: []].append(id)
        unfinished[id] = event
        startTimeout(of: event.key)
    }

    private func isInteraction(_ id: EventID) -> Bool { key(of: id)?.keyClass == .interaction }

    private mutating func apply(returned ids: [EventID], to id: WorkerID) throws {
        for event in ids where holders[event] == id {
            // No later event of the key may stay behind.
            if let key = key(of: event) {
                let later = (flights[key] ?? []).filter { $0 > event && !ids.contains($0) }
                try check(later.isEmpty, "\(event) returned without \(later)")
            }
        }
        for event in ids where holders[event] == id {
            drop(event, from: id)
            workers[id]?.taken.insert(event)
        }
    }

    private mutating func checkDurable() throws {
        while doneSequences.contains((durable ?? 0) + 1) {
            durable = (durable ?? 0) + 1
            doneSequences.remove(durable ?? 0)
            replayable[durable ?? 0] = nil
        }
        let actual = queue.ledger.durableSequence(shard: 0, session: "s")
        try check(actual == durable, "durable sequence \(actual.map(String.init) ?? "nil"), expected \(durable ?? 0)")
    }

    // MARK: The end

    /// With one good worker and time, everything that is left is delivered and acknowledged: nothing was lost.
    private mutating func finish() throws {
        while let id = order.first, let worker = workers[id] {
            remove(id, worker, .leave)
            try applyEffects()
        }
        let id = queue.join(name: "good", capacity: 1000, capacityBytes: nil, wish: .init(), now: now)
        workers[id] = Worker(name: "good", capacity: 1000, bytes: .max, events: nil)
        order = [id]
        for _ in 0..<100_000 where !unfinished.isEmpty {
            now = now + .milliseconds(100)
            queue.setRoom(id, 1 << 20)
            queue.advance(now: now, wall: wall, using: &random)
            queue.deliver(now: now)
            try applyEffects()
            let held = workers[id]?.held ?? []
            queue.acknowledge(held, by: id, now: now)
            for event in held {
                if let known = unfinished[event] { done(event, known) }
                drop(event, from: id)
            }
            try applyEffects()
        }
        try check(unfinished.isEmpty, "\(unfinished.count) events were never delivered")
        try check(queue.depth == 0 && queue.bytes == 0 && queue.inFlight == 0, "the empty queue is not empty")
        try check(queue.keyCount == 0, "\(queue.keyCount) idle keys are kept")
    }

    private func check(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        guard !condition else { return }
        throw Broken(description: "step \(steps): \(what())")
    }
}

extension QueueCounters {
    fileprivate func adding(_ other: QueueCounters) -> QueueCounters {
        var sum = self
        sum.nacks += other.nacks
        sum.releases += other.releases
        sum.ackTimeouts += other.ackTimeouts
        sum.deaths += other.deaths
        sum.blamedDeaths += other.blamedDeaths
        sum.deadLetters += other.deadLetters
        sum.lateAcknowledgements += other.lateAcknowledgements
        sum.redelivered += other.redelivered
        sum.duplicates += other.duplicates
        sum.unwanted.merge(other.unwanted, uniquingKeysWith: +)
        sum.shed.merge(other.shed, uniquingKeysWith: +)
        return sum
    }
}

@Suite struct QueueSimulationTests {
    @Test(arguments: 0..<4)
    func `Random workers, faults and times break no promise`(run: Int) throws {
        let seed = UInt64.random(in: 0...(.max))
        var simulation = QueueSimulation(seed: seed)
        do { try simulation.run(steps: 50_000) } catch {
            Issue.record("seed \(seed): \(error)")
        }
        // The run is worth its name only if every kind of fault has happened in it.
        let counters = simulation.counters
        let faults = [
            counters.nacks, counters.releases, counters.ackTimeouts, counters.deaths, counters.blamedDeaths,
            counters.deadLetters, counters.lateAcknowledgements, counters.redelivered, counters.unwanted.count,
            counters.shed.count, counters.duplicates, simulation.restarts,
        ]
        #expect(!faults.contains(0), "seed \(seed): \(counters)")
        #expect(simulation.delivered > 10_000, "seed \(seed)")
    }

    @Test func `A seed is a whole run`() throws {
        func outcome() throws -> Int {
            var simulation = QueueSimulation(seed: 42)
            try simulation.run(steps: 2_000)
            return simulation.delivered
        }
        #expect(try outcome() == outcome())
    }
}
