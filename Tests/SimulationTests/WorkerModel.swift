import NIOCore
import Shared

@testable import GatewayProcess
@testable import WorkerProcess

/// A worker process: leads the real `KeyedDispatcher` and `WriteBehind` as `QueueClient` does. Its handlers take time, fail,
/// hang and die.
final class WorkerModel {
    struct Job: Sendable {
        let number: Int
        let id: EventID
    }

    struct Entry: Sendable {
        let copy: Int
        let job: Job
    }

    /// A handler's run that is under way.
    struct Run {
        let job: Job
        let outcome: KeyedDispatcher<Job>.Outcome
        let takesEffect: Bool
        let isDeadly: Bool
    }

    enum Phase: Equatable {
        case down
        case disconnected
        case greeting
        case connected
        /// The gateway is going.
        case parting
        /// This worker is going.
        case draining(isAnswered: Bool)
    }

    let index: Int
    let world: World
    let book: Promises
    let gateway: GatewayModel
    let database: Database
    private(set) var life = 0
    var phase = Phase.down
    /// SIGSTOP until then.
    var stoppedUntil = NIODeadline.distantPast
    /// Handlers take much longer until then.
    var slowUntil = NIODeadline.distantPast
    private(set) var capacity = 1
    private(set) var unwanted: Set<Kind> = []

    var dispatcher = KeyedDispatcher<Job>(maximumRunning: 1, capacity: 1)
    var writeBehind = WriteBehind<Entry>(capacity: 1)
    var runs: [Int: Run] = [:]
    var batch: [Entry] = []
    var verdict = Verdict()
    var outbox = Outgoing()
    private(set) var link: WorkerLink?
    private var knowsJournal = false
    private var isWantedGone = false
    private var failedConnections = 0

    init(index: Int, gateway: GatewayModel, database: Database) {
        self.index = index
        self.gateway = gateway
        self.database = database
        world = gateway.world
        book = gateway.book
    }

    static func wish(unwanted: Set<Kind>) -> WorkerWishes.Wish {
        .init(events: Set(Kind.allCases.filter { !unwanted.contains($0) }.map(\.name)))
    }

    func isAlive(_ life: Int) -> Bool { life == self.life && phase != .down }

    var isIdle: Bool { dispatcher.isIdle && writeBehind.isIdle && batch.isEmpty }

    // MARK: Life

    func start() {
        guard phase == .down else { return }
        capacity = world.number(world.rules.capacity)
        unwanted = world.chance(40) ? [.unwanted, .seldomWanted] : [.unwanted]
        dispatcher = KeyedDispatcher(maximumRunning: capacity, capacity: capacity)
        writeBehind = WriteBehind(capacity: capacity)
        runs = [:]
        batch = []
        verdict = Verdict()
        outbox = Outgoing()
        link = nil
        knowsJournal = false
        isWantedGone = false
        failedConnections = 0
        phase = .disconnected
        world.trace.note("worker starts: worker, life, capacity", index, life, capacity)
        connect()
    }

    /// SIGKILL, or a crash. What it had written is still read.
    func kill() {
        guard phase != .down else { return }
        world.trace.note("worker is killed: worker", index)
        end()
    }

    private func end() {
        book.account.workerEnds += 1
        if let link { sendRaw(.end, on: link) }
        link?.isOpenAtWorker = false
        link = nil
        phase = .down
        life += 1
        stoppedUntil = .distantPast
        world.after(world.milliseconds(world.chance(20) ? 2000...20_000 : 50...1000), .workerStarts(worker: index))
    }

    /// SIGTERM.
    func drain() {
        guard !isWantedGone, phase != .down else { return }
        world.trace.note("worker drains: worker", index)
        isWantedGone = true
        guard phase == .connected || phase == .parting else { return end() }
        phase = .draining(isAnswered: phase == .parting)
        send(.drain)
        world.after(.seconds(5), .drainTimeout(worker: index, life: life))
        closeIfFinished()
    }

    /// SIGSTOP, and SIGCONT after a while.
    func stop(for time: TimeAmount) {
        guard phase != .down else { return }
        stoppedUntil = world.now + time
        world.at(stoppedUntil + LoopMonitor.settling, .workerSettles(worker: index, life: life))
    }

    // MARK: The connection

    func connect() {
        guard phase == .disconnected else { return }
        guard let link = gateway.accept(self) else { return reconnectSoon() }
        self.link = link
        failedConnections = 0
        phase = .greeting
        dispatcher.connected()
        outbox.append(.hello(done: knowsJournal ? dispatcher.finished : []))
        flush()
    }

    private func reconnectSoon() {
        failedConnections += 1
        let wait = Int64(min(5000, 100 << min(failedConnections - 1, 6)))
        world.after(world.milliseconds(wait / 2...wait), .workerConnects(worker: index, life: life))
    }

    func closeIfFinished() {
        guard isIdle else { return }
        switch phase {
        case .draining(isAnswered: true), .parting: close()
        default: break
        }
    }

    /// Closes once everything is written.
    func close() {
        flush()
        guard let link else { return }
        sendRaw(.end, on: link)
        connectionEnded()
    }

    private func connectionEnded() {
        link?.isOpenAtWorker = false
        link = nil
        // Also in a standstill: acknowledgements that came about on this connection belong to it.
        performEffects(isHeldUp: false)
        dispatcher.disconnected(unsent: outbox.clear())
        if isWantedGone { return end() }
        phase = .disconnected
        reconnectSoon()
    }

    // MARK: What the gateway says

    func reads(_ connection: Int) {
        guard let link, link.number == connection else { return }
        var bytes = 0
        for _ in 0..<40 {
            guard self.link === link, let message = link.toWorker.receive(now: world.now) else { break }
            bytes += message.bytes
            take(message)
        }
        gateway.wasRead(link, bytes: bytes)
        guard self.link === link else { return }
        if let look = link.toWorker.looked() { world.at(look, .workerReads(worker: index, connection: connection)) }
        performEffects()
        closeIfFinished()
        flushSoon()
    }

    private func take(_ message: GatewayMessage) {
        switch message {
        case .welcome:
            dispatcher.welcomed(isSameJournal: knowsJournal)
            knowsJournal = true
            if phase == .greeting { phase = .connected }
        case .event(let delivery): take(delivery)
        case .returned(let ids): dispatcher.returned(ids)
        case .draining: if case .draining = phase { phase = .draining(isAnswered: true) }
        case .pleaseDrain: drain()
        case .goodbye:
            switch phase {
            case .connected: phase = .parting
            case .draining: phase = .draining(isAnswered: true)
            default: break
            }
        case .ping: send(.pong)
        case .end: connectionEnded()
        }
    }

    private func take(_ delivery: Delivery) {
        guard let data = delivery.data else { return }
        let number = GatewayModel.number(of: data)
        guard !book.isForgotten(number) else { return }
        let event = book[number]
        dispatcher.deliver(
            .init(
                event: delivery.id, key: book.keys[event.key].name, isInteraction: event.isInteraction,
                isRedelivered: delivery.redelivered, hasWrite: event.hasWrite, hasWork: event.hasWork,
                job: Job(number: number, id: delivery.id)))
    }

    // MARK: Sending

    /// After a standstill nothing begins and nothing is told until the sockets have been read.
    var isHeldUp: Bool { stoppedUntil + LoopMonitor.settling > world.now }

    func settle() {
        performEffects()
        closeIfFinished()
        flushSoon()
    }

    func send(_ message: WorkerMessage) {
        guard link != nil else { return }
        outbox.append(message)
        flush()
    }

    func flushSoon() {
        if outbox.isUrgent { return flush() }
        guard !outbox.isEmpty, !outbox.isFlushScheduled else { return }
        outbox.isFlushScheduled = true
        world.after(.milliseconds(2), .workerFlushes(worker: index, life: life))
    }

    func flush() {
        outbox.isFlushScheduled = false
        guard let link, !outbox.isEmpty else { return }
        for message in outbox.take() {
            guard link.isOpenAtGateway else {
                if case .acknowledge(let ids) = message { dispatcher.unsent(ids) }
                continue
            }
            if case .acknowledge(let ids) = message { for id in ids { book.sentClaim(id, on: link.number) } }
            sendRaw(message, on: link)
        }
    }

    private func sendRaw(_ message: WorkerMessage, on link: WorkerLink) {
        let arrival = world.now + .microseconds(Int64(world.number(20...300)))
        if let look = link.toGateway.send(message, arrival: arrival) {
            world.at(look, .gatewayReadsWorker(connection: link.number))
        }
    }
}
