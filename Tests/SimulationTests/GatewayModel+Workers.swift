import NIOCore
import Shared

@testable import GatewayProcess

/// The part of `QueueHub` that is about connections.
extension GatewayModel {
    private static let pingInterval = TimeAmount(QueueProtocol.pingInterval)
    private static let pongDeadline = TimeAmount(QueueProtocol.pongDeadline)

    /// A worker connects; nil if nobody listens.
    func accept(_ worker: WorkerModel) -> WorkerLink? {
        guard phase == .serving else { return nil }
        let number = book.joined(capacity: worker.capacity, unwanted: worker.unwanted)
        let link = WorkerLink(
            number: number, worker: worker.index, workerLife: worker.life, gatewayLife: life, now: now)
        links.append(link)
        open.append(link)
        return link
    }

    // MARK: What workers say

    func readsWorker(_ number: Int) {
        guard let link = links[number], link.isOpenAtGateway else { return }
        // One read takes only so much.
        for _ in 0..<64 {
            guard link.isOpenAtGateway, let message = link.toGateway.receive(now: world.now) else { break }
            take(message, from: link)
        }
        if link.isOpenAtGateway, let look = link.toGateway.looked() {
            world.at(look, .gatewayReadsWorker(connection: number))
        }
        scheduleTurn()
    }

    private func take(_ message: WorkerMessage, from link: WorkerLink) {
        if case .hello(let done) = message { return greet(link, done: done) }
        if case .end = message { return end(link, closing: false) }
        guard let id = link.id else { return }
        let number = link.number
        switch message {
        case .hello, .end: break
        case .acknowledge(let ids):
            world.trace.note("ack: connection, count, first", number, ids.count, Int(ids.first?.rawValue ?? 0))
            book.acknowledged(ids, on: number)
            queue.acknowledge(ids, by: id, now: now)
        case .nack(let ids):
            world.trace.note("nack: connection, first", number, Int(ids.first?.rawValue ?? 0))
            book.nacked(ids, on: number)
            queue.nack(ids, reason: "r", by: id, now: now, wall: world.wall, using: &world.random)
        case .release(let ids, let time):
            world.trace.note("release: connection, first", number, Int(ids.first?.rawValue ?? 0))
            book.released(ids, for: time, on: number)
            queue.release(ids, for: time, by: id, now: now)
        case .releaseAll(let time):
            world.trace.note("release all: connection", number)
            book.releasedAll(for: time, on: number)
            queue.releaseAll(for: time, by: id, now: now)
        case .extend(let ids):
            book.extended(ids, on: number)
            queue.extend(ids, by: id, now: now)
        case .drain: drain(link, id)
        case .pong: link.unansweredPing = nil
        }
    }

    private func greet(_ link: WorkerLink, done: [EventID]) {
        guard phase == .serving else { return end(link, closing: true) }
        book.saidDone(done)
        store.acknowledgeDone(done, now: now)
        let capacity = book.connections[link.number].capacity
        link.id = queue.join(
            name: "w\(link.worker)", capacity: capacity, capacityBytes: nil,
            wish: WorkerModel.wish(unwanted: book.connections[link.number].unwanted), now: now)
        link.lastPing = now
        checkpointing.wishesChanged = true
        world.trace.note("joined: worker, connection", link.worker, link.number)
        send(.welcome, to: link)
    }

    private func drain(_ link: WorkerLink, _ id: WorkerID) {
        link.isDraining = true
        book.connections[link.number].isDraining = true
        queue.drain(id, now: now)
        applyEffects()
        send(.draining, to: link)
    }

    /// A connection is over; its acknowledgements have been read.
    func end(_ link: WorkerLink, closing: Bool) {
        guard link.isOpenAtGateway else { return }
        link.isOpenAtGateway = false
        open.removeAll { $0 === link }
        links[link.number] = nil
        if closing {
            // What the worker has written and nobody has read is lost with the socket.
            link.toGateway.cut(keeping: 0)
            book.connections[link.number].wasCut = true
            flush(link)
            sendRaw(.end, to: link)
        }
        guard let id = link.id else { return }
        let isOrderly = link.isDraining || phase == .going
        world.trace.note("connection ended: connection, orderly", link.number, isOrderly ? 1 : 0)
        book.ended(link.number, isDeath: !isOrderly)
        queue.leave(id, isOrderly ? .leave : .death, now: now, wall: world.wall, using: &world.random)
        checkpointing.wishesChanged = true
        scheduleTurn()
    }

    // MARK: Writing

    func send(_ message: GatewayMessage, to link: WorkerLink) {
        if link.out.isEmpty { toFlush.append(link) }
        link.out.append(message)
    }

    func flushAll() {
        let links = toFlush
        toFlush = []
        for link in links { flush(link) }
    }

    func flush(_ link: WorkerLink) {
        guard !link.out.isEmpty else { return }
        for message in link.out {
            if case .event(let delivery) = message { book.written(delivery.id) }
            link.bytesUnderWay += message.bytes
            sendRaw(message, to: link)
        }
        link.out.removeAll(keepingCapacity: true)
        updateRoom(of: link)
        // The socket has taken some, so that there is room for more.
        if queue.depth > queue.inFlight { scheduleTurn() }
    }

    func sendRaw(_ message: GatewayMessage, to link: WorkerLink) {
        let arrival = world.now + .microseconds(Int64(world.number(20...300)))
        if let look = link.toWorker.send(message, arrival: arrival) {
            world.at(look, .workerReads(worker: link.worker, connection: link.number))
        }
    }

    /// The worker has read, and its socket has room again.
    func wasRead(_ link: WorkerLink, bytes: Int) {
        link.bytesUnderWay -= bytes
        guard link.isOpenAtGateway else { return }
        updateRoom(of: link)
        scheduleTurn()
    }

    func room(of link: WorkerLink) -> Int {
        let unwritten = max(0, link.bytesUnderWay - world.rules.socketBytes)
        return max(0, world.rules.queue.maximumWriteAhead - unwritten)
    }

    private func updateRoom(of link: WorkerLink) {
        if let id = link.id { queue.setRoom(id, room(of: link)) }
    }

    // MARK: Pings

    func watch(_ link: WorkerLink) {
        guard link.id != nil else { return }
        if let sent = link.unansweredPing, sent + Self.pongDeadline <= now {
            world.trace.note("silent: connection", link.number)
            end(link, closing: true)
        } else if link.lastPing + Self.pingInterval <= now {
            link.lastPing = now
            if link.unansweredPing == nil { link.unansweredPing = now }
            send(.ping, to: link)
        }
    }
}
