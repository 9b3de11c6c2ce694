internal import NIOCore
internal import Shared

/// What is to be done after a change, with what it relies on written first.
extension DurableQueue {
    /// What is to be done, with the bytes of events read where they were not in memory.
    mutating func takeEffects(now: NIODeadline) -> [QueueEffect] {
        var effects = queue.takeEffects()
        guard journal != nil else { return effects }
        var wanted: [(position: JournalPosition, size: Int)] = []
        var places: [Int] = []
        for (place, effect) in effects.enumerated() {
            guard let (position, size) = effect.missing else { continue }
            wanted.append((position, size))
            places.append(place)
        }
        guard !wanted.isEmpty else { return effects }
        do throws(DiskFailure) {
            let found = try journal?.read(wanted) ?? []
            for (place, event) in zip(places, found) {
                if let event { effects[place].fill(event.data) } else { damaged(&effects[place], now: now) }
            }
        } catch {
            troubles.append(.reading(error))
            for place in places { postpone(&effects[place], now: now) }
        }
        return effects.filter { !$0.isVoid }
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
        queue.postpone(delivery.id, until: now + Self.retryPause, now: now)
    }

    static var retryPause: TimeAmount { .seconds(1) }

    /// A dead letter is kept: its record need not be any more.
    mutating func finish(_ record: DeadLetter.Record) {
        queue.recordChanges.append(.finished(record.position, stride: record.stride))
    }

    /// Writes what effects rely on; to be called before they leave the process.
    mutating func flush() {
        guard journal != nil else { return }
        applyChanges()
        do throws(DiskFailure) { try journal?.writeMarks() } catch { troubles.append(.marks(error)) }
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
        for (position, note) in unwritten.sorted(by: { $0.key < $1.key }) {
            queue.recordChanges.append(.noted(position, note))
        }
    }
}

extension QueueEffect {
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
