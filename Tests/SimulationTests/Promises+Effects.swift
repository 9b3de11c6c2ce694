import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// What workers do, and what must be true at a turn's end and at the end of all.
extension Promises {
    /// A handler's run of this event has taken effect.
    func worked(_ number: Int) {
        guard !isForgotten(number) else { return check(false, "event \(number) was handled long after its end") }
        let event = self[number]
        self[number].works += 1
        guard event.works == 0 else { return account.repeatedWorks += 1 }
        for earlier in keys[event.key].line {
            if earlier >= number { break }
            let other = self[earlier]
            check(
                !other.hasWork || other.works > 0, "\(text(number)) was handled before \(text(earlier))")
        }
    }

    /// A transaction has counted this event.
    func counted(_ number: Int) {
        guard !isForgotten(number) else { return check(false, "event \(number) was counted long after its end") }
        self[number].writes += 1
        let event = self[number]
        check(event.writes == 1 || event.hasNewID, "\(text(number)) was counted \(event.writes) times")
    }

    /// A worker decides to acknowledge this event.
    func claimed(_ number: Int) {
        guard !isForgotten(number) else { return }
        check(self[number].hasAllEffects, "\(text(number)) is acknowledged without its effects")
    }

    /// The acknowledgement is in the kernel's hands.
    func sentClaim(_ id: EventID, on connection: Int) {
        if let number = numbers[id] { self[number].claimedOn = connection }
    }

    // MARK: At the end of a turn

    func compare(with queue: KeyedQueue) {
        check(queue.depth == held, "the queue has \(queue.depth) events, expected \(held)")
        check(queue.inFlight == inFlight, "\(queue.inFlight) events are in flight, expected \(inFlight)")
        check(queue.bytes == heldBytes, "the queue has \(queue.bytes) bytes, expected \(heldBytes)")
    }

    /// Something has ended without a word: shed, or wanted by nobody any more.
    func findVanished(isGone: (Occurrence) -> Bool) {
        for key in keys.indices where keys[key].held > 0 {
            for number in keys[key].line where self[number].isHeld {
                switch self[number].kind {
                case .typing: if isGone(self[number]) { finish(number, .shed) }
                case .unwanted, .seldomWanted: if isGone(self[number]) { finish(number, .unwanted) }
                // What the comparison at the turn's end will find.
                default: break
                }
            }
        }
    }

    /// Interactions overtake every backlog: none waits while a worker has credit.
    func checkInteractions(hasRoom: (Int) -> Bool) {
        // What the disk did not let deliver waits for a second.
        guard !files.mayPostpone, let waiting = waitingInteractions.first(where: mayGo) else { return }
        for connection in connections.indices.suffix(16) {
            let worker = connections[connection]
            guard !worker.hasEnded, !worker.isDraining, worker.held.count < worker.capacity, hasRoom(connection),
                !worker.held.contains(where: { self[$0].isMaybeSuspect })
            else { continue }
            check(false, "\(text(waiting)) waits although connection \(connection) has credit")
        }
    }

    /// Timers are exact to about this much.
    static let tick = TimeAmount.milliseconds(5)

    private func mayGo(_ number: Int) -> Bool {
        let event = self[number]
        return !event.isMaybeSuspect && event.surelyReady <= hubNow && keys[event.key].heldUntil + Self.tick <= hubNow
    }

    // MARK: At the end of all

    /// After a time without faults and without new events, nothing may be left.
    func checkNothingIsLeft() {
        for key in keys.indices {
            if let number = keys[key].line.first { check(false, "\(text(number)) never came to its end") }
        }
        for number in base..<base + events.count {
            let event = self[number]
            if event.fate == .done { check(event.hasAllEffects, "\(text(number)) is done without its effects") }
        }
    }
}
