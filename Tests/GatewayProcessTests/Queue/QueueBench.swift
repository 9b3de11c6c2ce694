internal import NIOCore
internal import Shared
internal import TestKit

@testable internal import GatewayProcess

/// A `KeyedQueue` with a clock, as the hub leads it: after every step what can be given is given.
struct QueueBench {
    var queue: KeyedQueue
    var random = SeededGenerator(seed: 1)
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    var wall: Int64 = 1_764_000_000_000_000
    private var sequence = 0
    private var names: [WorkerID: String] = [:]

    init(_ adjust: (inout KeyedQueue.Settings) -> Void = { _ in }) {
        var settings = KeyedQueue.Settings()
        adjust(&settings)
        queue = KeyedQueue(settings: settings)
    }

    /// What happened, in words: `w1 3` (delivered), `w1 3+` (again), `w1 returned 3 4`, `dead 3`. Events are named by
    /// their sequence number.
    private(set) var log: [String] = []
    private var sequences: [EventID: Int] = [:]
    private(set) var ids: [Int: EventID] = [:]
    private(set) var last: [Int: Delivery] = [:]

    /// The log since the last look.
    mutating func news() -> [String] {
        settle()
        defer { log = [] }
        return log
    }

    mutating func settle() {
        queue.deliver(now: now)
        for effect in queue.takeEffects() {
            switch effect {
            case .deliver(let delivery):
                let number = number(of: delivery.id, delivery.sequence, delivery.retryOf)
                last[number] = delivery
                log.append("\(names[delivery.worker] ?? "?") \(number)\(delivery.redelivered ? "+" : "")")
            case .returned(let worker, let ids):
                let numbers = ids.map { String(sequences[$0] ?? 0) }.joined(separator: " ")
                log.append("\(names[worker] ?? "?") returned \(numbers)")
            case .deadLetter(let letter):
                letters.append(letter)
                log.append("dead \(sequences[letter.id] ?? 0)")
            case .finished: break
            }
        }
    }

    private(set) var letters: [DeadLetter] = []

    private mutating func number(of id: EventID, _ sequence: Int, _ retryOf: EventID?) -> Int {
        let number = retryOf == nil ? sequence : 100 + sequence
        sequences[id] = number
        ids[number] = id
        return number
    }

    @discardableResult
    mutating func receive(
        _ type: String = "MESSAGE_CREATE", guild: UInt64 = 1, interaction: UInt64? = nil, bytes: Int = 2,
        sequence: Int? = nil, session: String = "s"
    ) -> Reception {
        self.sequence = sequence ?? self.sequence + 1
        let key =
            interaction.map { QueueKey(keyClass: .interaction, number: $0) }
            ?? QueueKey(keyClass: .guild, number: guild)
        let reception = queue.receive(
            Dispatch(
                shard: 0, session: session, sequence: self.sequence,
                type: interaction == nil ? type : "INTERACTION_CREATE", key: key, guildID: nil, interaction: nil,
                receivedAt: wall, data: ByteBuffer(repeating: 0x20, count: bytes)),
            now: now, wall: wall)
        if case .queued(let id) = reception { _ = number(of: id, self.sequence, nil) }
        settle()
        return reception
    }

    mutating func join(
        _ name: String = "w1", capacity: Int = 100, bytes: Int? = nil, events: Set<String>? = nil
    ) -> WorkerID {
        let id = queue.join(name: name, capacity: capacity, capacityBytes: bytes, wish: .init(events: events), now: now)
        names[id] = name
        settle()
        return id
    }

    mutating func ack(_ worker: WorkerID, _ numbers: Int...) {
        queue.acknowledge(numbers.compactMap { ids[$0] }, by: worker, now: now)
        settle()
    }

    mutating func nack(_ worker: WorkerID, _ numbers: Int...) {
        queue.nack(
            numbers.compactMap { ids[$0] }, reason: "bad", by: worker, now: now, wall: wall, using: &random)
        settle()
    }

    mutating func release(_ worker: WorkerID, _ numbers: Int..., for time: TimeAmount) {
        queue.release(numbers.compactMap { ids[$0] }, for: time, by: worker, now: now)
        settle()
    }

    mutating func releaseAll(_ worker: WorkerID, for time: TimeAmount) {
        queue.releaseAll(for: time, by: worker, now: now)
        settle()
    }

    mutating func extend(_ worker: WorkerID, _ numbers: Int...) {
        queue.extend(numbers.compactMap { ids[$0] }, by: worker, now: now)
    }

    mutating func drain(_ worker: WorkerID) {
        queue.drain(worker, now: now)
        settle()
    }

    mutating func die(_ worker: WorkerID, _ end: WorkerEnd = .death) {
        queue.leave(worker, end, now: now, wall: wall, using: &random)
        settle()
    }

    mutating func pass(_ time: TimeAmount) {
        now = now + time
        wall += time.nanoseconds / 1000
        queue.advance(now: now, wall: wall, using: &random)
        settle()
    }

    func attempt(of number: Int) -> Int? { last[number]?.attempt }
}
