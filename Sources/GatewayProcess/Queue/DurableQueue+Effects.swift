internal import NIOCore
internal import Shared

/// What is to be done after a change, with what it relies on written first.
extension DurableQueue {
    /// What is to be done: the bytes of events read where they were not in memory, and deliveries written down, so that the
    /// next process knows of each that it is not the first. A delivery that the disk does not let waits.
    mutating func takeEffects(now: NIODeadline) -> [QueueEffect] {
        var effects = queue.takeEffects()
        guard hasJournal, !effects.isEmpty else { return effects }
        readMissing(in: &effects, now: now)
        if effects.indices.contains(where: { effects[$0].isDelivery }), !flush() {
            for place in effects.indices where effects[place].isDelivery { postpone(&effects[place], now: now) }
        }
        if effects.indices.contains(where: { effects[$0].isVoid }) { effects.removeAll(where: \.isVoid) }
        return effects
    }

    /// Reads the bytes of events that are not in memory. One that cannot be delivered holds back those behind it in its key.
    private mutating func readMissing(in effects: inout [QueueEffect], now: NIODeadline) {
        guard !fill(&effects, now: now) else { return }
        for place in effects.indices {
            guard case .deliver(let delivery) = effects[place], !queue.isInFlight(delivery.id) else { continue }
            postpone(&effects[place], now: now)
        }
    }

    /// - Returns: whether all could be read.
    private mutating func fill(_ effects: inout [QueueEffect], now: NIODeadline) -> Bool {
        var wanted: [(position: JournalPosition, size: Int)] = []
        var places: [Int] = []
        for place in effects.indices {
            guard let (position, size) = effects[place].missing else { continue }
            wanted.append((position, size))
            places.append(place)
        }
        guard !wanted.isEmpty else { return true }
        do throws(DiskFailure) {
            let found = try journal?.read(wanted) ?? []
            for (place, event) in zip(places, found) {
                if let event { effects[place].fill(event.data) } else { damaged(&effects[place], now: now) }
            }
            return !found.contains { $0 == nil }
        } catch {
            troubles.append(.reading(error))
            for place in places { postpone(&effects[place], now: now) }
            return false
        }
    }

    /// What is not to be done after all: its event's record is damaged.
    mutating func damaged(_ effect: inout QueueEffect, now: NIODeadline) {
        guard case .deliver(let delivery) = effect else { return effect.fill(ByteBuffer(string: "null")) }
        troubles.append(.damaged(delivery.id))
        queue.lose(delivery.id, now: now)
    }

    /// What cannot be done now, because the disk does not let it.
    mutating func postpone(_ effect: inout QueueEffect, now: NIODeadline) {
        guard case .deliver(let delivery) = effect else { return effect.fill(ByteBuffer(string: "null")) }
        effect.empty()
        queue.postpone(delivery, until: now + Self.retryPause, now: now)
    }

    static var retryPause: TimeAmount { .seconds(1) }

    /// A dead letter is kept: its record need not be any more.
    mutating func finish(_ record: DeadLetter.Record) {
        queue.buried.remove(record.position)
        queue.recordChanges.append(.finished(record.position, stride: record.stride))
    }

    /// Writes what effects rely on; to be called before they leave the process.
    /// - Returns: whether it is known now which events were delivered and which are done.
    @discardableResult
    mutating func flush() -> Bool {
        guard hasJournal else { return true }
        applyChanges()
        do throws(DiskFailure) {
            try journal?.writeMarks()
            return true
        } catch {
            troubles.append(.marks(error))
            return false
        }
    }

    /// Tells the journal what happened to its events.
    mutating func applyChanges() {
        guard !queue.recordChanges.isEmpty else { return }
        /// Notes that there is no room for now: of each event the last one, which says all.
        var unwritten: [JournalPosition: JournalNote] = [:]
        for change in queue.recordChanges {
            switch change {
            case .delivered(let position): journal?.mark(position, .delivered)
            case .finished(let position, let stride):
                journal?.finish(position, stride: stride)
                if !unwritten.isEmpty { unwritten[position] = nil }
            case .noted(let position, let note):
                guard unwritten.isEmpty else {
                    unwritten[position] = note
                    continue
                }
                do throws(DiskFailure) { try journal?.write(note, about: position) } catch {
                    troubles.append(.marks(error))
                    unwritten[position] = note
                }
            }
        }
        queue.recordChanges.removeAll(keepingCapacity: true)
        guard !unwritten.isEmpty else { return }
        for (position, note) in unwritten.sorted(by: { $0.key < $1.key }) {
            queue.recordChanges.append(.noted(position, note))
        }
    }
}

extension QueueEffect {
    fileprivate var isDelivery: Bool { if case .deliver(let delivery) = self { delivery.data != nil } else { false } }

    /// A delivery that nothing came of.
    fileprivate var isVoid: Bool {
        if case .deliver(let delivery) = self { delivery.data == nil } else { false }
    }

    /// Where the bytes are that must be read first, and an upper bound of how many.
    fileprivate var missing: (JournalPosition, Int)? {
        switch self {
        case .deliver(let delivery) where delivery.data == nil:
            delivery.position.map { ($0, delivery.byteCount) }
        case .deadLetter(let letter) where letter.data.readableBytes == 0:
            letter.record.map { ($0.position, $0.stride) }
        case .deliver, .deadLetter, .returned, .finished: nil
        }
    }

    /// Makes nothing of a delivery.
    fileprivate mutating func empty() {
        guard case .deliver(var delivery) = self else { return }
        delivery.data = nil
        self = .deliver(delivery)
    }

    fileprivate mutating func fill(_ data: ByteBuffer) {
        switch self {
        case .deliver(var delivery):
            delivery.data = data
            self = .deliver(delivery)
        case .deadLetter(var letter):
            letter.data = data
            self = .deadLetter(letter)
        case .returned, .finished: break
        }
    }
}
