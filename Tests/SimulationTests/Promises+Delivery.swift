import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// What the gateway gives to workers, and what it does with their answers.
extension Promises {
    func joined(capacity: Int, unwanted: Set<Kind>) -> Int {
        connections.append(ConnectionBook(life: life, capacity: capacity, unwanted: unwanted))
        return connections.count - 1
    }

    /// The queue gives an event to a worker.
    func delivered(_ delivery: Delivery, on connection: Int) {
        let number = delivery.data.map(GatewayModel.number) ?? -1
        guard number >= base, number < base + events.count else {
            return check(false, "event \(number) was delivered, which is done or was never sent")
        }
        var event = self[number]
        account.deliveries += 1
        if delivery.redelivered { account.redeliveries += 1 }
        checkFrame(delivery, number, event)
        checkTurn(number, event, on: connection)
        checkWorker(number, event, on: connection)
        let failures = delivery.attempt - 1
        check(
            (event.failures.lowest...event.failures.highest).contains(failures),
            "\(text(number)) is delivered with attempt \(delivery.attempt) after \(event.failures.highest) failures")
        event.failures.settle(failures)
        event.holder = connection
        event.deliveryIsForgotten = false
        self[number] = event
        inFlight += 1
        connections[connection].held.append(number)
        connections[connection].taken.remove(number)
        keys[event.key].flights.append(number)
        waitingInteractions.removeAll { $0 == number }
        startTimeout(of: event.key)
    }

    /// The copy is in the kernel's hands.
    func written(_ id: EventID) {
        guard let number = numbers[id], self[number].firstDelivery == nil else { return }
        self[number].firstDelivery = world.now
        recentDeliveries.append((number, world.now))
    }

    private func checkFrame(_ delivery: Delivery, _ number: Int, _ event: Occurrence) {
        check(
            delivery.id == event.id && delivery.sequence == event.sequence && delivery.shard == event.shard
                && delivery.type == event.kind.name && delivery.key == keys[event.key].key
                && delivery.data?.readableBytes == event.bytes,
            "\(text(number)) was delivered as \(delivery)")
        if !delivery.redelivered {
            let wasSeen = event.firstDelivery != nil || event.works + event.writes > 0
            check(
                !wasSeen || sessions[event.session].isUnknown,
                "\(text(number)) is delivered again and not marked as redelivered")
        } else {
            // What a lost process may have delivered is marked, too, and what the disk did not let deliver may be.
            check(
                event.firstDelivery != nil || life > 0 || files.hasFailed,
                "\(text(number)) is marked as redelivered the first time")
        }
    }

    private func checkTurn(_ number: Int, _ event: Occurrence, on connection: Int) {
        check(event.fate == .open && event.isHeld, "\(text(number)) is delivered after its end")
        check(event.holder == nil, "\(text(number)) is delivered while it is in flight")
        let key = keys[event.key]
        for other in key.flights where self[other].holder != connection {
            check(false, "\(text(number)) is delivered while another worker has \(text(other))")
        }
        for earlier in key.line {
            if earlier >= number { break }
            check(self[earlier].holder == connection, "\(text(number)) is delivered before \(text(earlier))")
        }
        check(event.notBefore <= hubNow, "\(text(number)) is delivered in its backoff")
        check(key.heldUntil <= hubNow, "\(text(number)) is delivered while its key is put off")
        if let claim = event.claimedOn, connections[claim].life == life, !connections[claim].wasCut,
            connections[claim].hasEnded
        {
            check(false, "\(text(number)) is delivered although it was acknowledged before connection \(claim) ended")
        }
    }

    private func checkWorker(_ number: Int, _ event: Occurrence, on connection: Int) {
        let worker = connections[connection]
        check(!worker.hasEnded && !worker.isDraining, "\(text(number)) is delivered to a worker that is going")
        check(event.isInteraction || worker.pausedUntil <= hubNow, "\(text(number)) is delivered to a paused worker")
        check(!worker.unwanted.contains(event.kind), "\(text(number)) is delivered to a worker that does not want it")
        check(!event.isSurelySuspect || worker.held.isEmpty, "the suspect \(text(number)) is not alone")
        for other in worker.held {
            check(!self[other].isSurelySuspect, "\(text(number)) joins the suspect \(text(other))")
        }
        let excess = worker.held.count + 1 - worker.capacity
        check(excess <= (event.isInteraction ? 32 : 0), "a worker has \(excess) events more than its capacity")
    }

    // MARK: Answers

    /// An acknowledgement has been read.
    func acknowledged(_ ids: [EventID], on connection: Int) {
        for id in ids {
            guard let number = numbers[id] else { continue }
            if self[number].holder == connection {
                finish(number, .done)
                drop(number, from: connection)
            } else if connections[connection].taken.remove(number) != nil {
                finish(number, .done)
            }
        }
    }

    /// A hello says that these were finished on the last connection.
    func saidDone(_ ids: [EventID]) {
        for id in ids {
            guard let number = numbers[id], self[number].firstDelivery != nil, !self[number].deliveryIsForgotten
            else { continue }
            finish(number, .done)
        }
    }

    /// A nack has been read.
    func nacked(_ ids: [EventID], on connection: Int) {
        let named = ids.compactMap { numbers[$0] }.filter { self[$0].holder == connection && isOpen($0) }.sorted()
        owe(takeBack(ids, from: connection), to: connection)
        for number in named { fail(number) }
    }

    func released(_ ids: [EventID], for time: TimeAmount, on connection: Int) {
        for number in ids.compactMap({ numbers[$0] }) where self[number].holder == connection && isOpen(number) {
            let key = self[number].key
            keys[key].heldUntil = max(keys[key].heldUntil, hubNow + time)
        }
        owe(takeBack(ids, from: connection), to: connection)
    }

    func releasedAll(for time: TimeAmount, on connection: Int) {
        connections[connection].pausedUntil = time > .zero ? hubNow + time : .distantPast
        let ids = connections[connection].held.filter { !self[$0].isInteraction }.compactMap { self[$0].id }
        owe(takeBack(ids, from: connection), to: connection)
    }

    func extended(_ ids: [EventID], on connection: Int) {
        for id in ids {
            guard let number = numbers[id], self[number].holder == connection, self[number].since != nil else {
                continue
            }
            self[number].since = nil
            startTimeout(number)
        }
    }

    /// The gateway tells a worker that it has these no longer.
    func returned(_ ids: [EventID], to connection: Int) {
        let place = connections[connection].owed.firstIndex(of: ids)
        check(place != nil, "connection \(connection) is told that \(ids) are returned, which it does not expect")
        if let place { connections[connection].owed.remove(at: place) }
    }

    /// At the end of each turn: every answer was given.
    func turnEnded() {
        for connection in owing where !connections[connection].hasEnded {
            check(connections[connection].owed.isEmpty, "connection \(connection) was not told what it lost")
        }
        owing.removeAll(keepingCapacity: true)
    }

    private func owe(_ ids: [EventID], to connection: Int) {
        connections[connection].owed.append(ids)
        owing.append(connection)
    }

    /// Named ones that this worker has or had, and what came after them in their keys.
    private func takeBack(_ ids: [EventID], from connection: Int) -> [EventID] {
        var returned: Set<EventID> = []
        for id in ids {
            guard let number = numbers[id] else { continue }
            guard self[number].holder == connection else {
                if connections[connection].taken.contains(number) { returned.insert(id) }
                continue
            }
            for later in keys[self[number].key].flights where later >= number {
                if let id = self[later].id { returned.insert(id) }
                drop(later, from: connection)
                connections[connection].taken.insert(later)
            }
        }
        return returned.sorted()
    }

    /// It is at that worker no more.
    private func drop(_ number: Int, from connection: Int) {
        if let place = connections[connection].held.firstIndex(of: number) {
            connections[connection].held.remove(at: place)
        }
        let key = self[number].key
        if let place = keys[key].flights.firstIndex(of: number) { keys[key].flights.remove(at: place) }
        self[number].holder = nil
        self[number].since = nil
        inFlight -= 1
        if self[number].isInteraction, isOpen(number) { waitingInteractions.append(number) }
        startTimeout(of: key)
    }

    func fail(_ number: Int, isCertain: Bool = true) {
        self[number].failures.count(isCertain: isCertain, at: world.now)
        let settings = world.rules.queue
        let doubled = settings.firstBackoff.nanoseconds << Int64(min(self[number].failures.lowest - 1, 16))
        let nominal = min(max(doubled, 0), settings.maximumBackoff.nanoseconds)
        self[number].notBefore = hubNow + .nanoseconds(isCertain ? nominal * 8 / 10 : 0)
        self[number].surelyReady = hubNow + .nanoseconds(settings.maximumBackoff.nanoseconds * 12 / 10) + Self.tick
    }

    func becameDeadLetter(_ letter: DeadLetter) {
        guard let number = numbers[letter.id], isOpen(number) else {
            return check(false, "a dead letter of \(letter.id), which is not open")
        }
        let limit = world.rules.queue.maximumAttempts
        check(
            letter.failures == limit && self[number].failures.highest >= limit,
            "\(text(number)) became a dead letter after \(self[number].failures.highest) failures of its own")
        finish(number, .deadLetter)
    }

    // MARK: Ends and time

    /// The gateway takes a worker off.
    func ended(_ connection: Int, isDeath: Bool) {
        let held = connections[connection].held
        connections[connection].hasEnded = true
        connections[connection].owed = []
        if isDeath { account.deaths += 1 }
        for number in held where isOpen(number) && isDeath {
            let suspect = (self[number].isSurelySuspect, self[number].isMaybeSuspect)
            self[number].deaths.count(at: world.now)
            if held.count == 1, suspect.1 { fail(number, isCertain: suspect.0) }
        }
        for number in held.sorted() { drop(number, from: connection) }
    }

    /// The gateway applies its deadlines.
    func timePassed() {
        let limit = world.rules.queue.ackTimeout
        while let first = timeouts.first {
            // Whatever was done or taken back meanwhile has no timeout any more.
            guard first.number >= base, self[first.number].since == first.since,
                let connection = self[first.number].holder, let id = self[first.number].id
            else {
                timeouts.removeFirst()
                continue
            }
            guard first.since + limit <= hubNow else { return }
            timeouts.removeFirst()
            // Each gap of the loop is known to a tick.
            let running = (world.now - first.startedAt) - (stoodStill - first.stoodStill)
            check(
                running >= limit - .milliseconds(2500), "\(text(first.number)) timed out while the gateway stood still"
            )
            timeOut(first.number, id, on: connection)
        }
    }

    private func timeOut(_ number: Int, _ id: EventID, on connection: Int) {
        let isUnfinished = isOpen(number)
        owe(takeBack([id], from: connection), to: connection)
        guard isUnfinished else { return }
        account.timeouts += 1
        fail(number)
    }

    private func startTimeout(of key: Int) {
        guard let first = keys[key].flights.first, self[first].since == nil else { return }
        startTimeout(first)
    }

    private func startTimeout(_ number: Int) {
        self[number].since = hubNow
        timeouts.append(Timeout(number: number, since: hubNow, startedAt: world.now, stoodStill: stoodStill))
    }
}
