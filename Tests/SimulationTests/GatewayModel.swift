import NIOCore
import Shared

@testable import GatewayProcess

/// The gateway process: leads real sessions, queue and limiter as `GatewaySession`, `ShardSupervisor`, `QueueHub` and
/// `GatewayService` do, without sockets and files.
final class GatewayModel {
    enum Phase {
        case down
        case serving
        /// SIGTERM came: workers finish what they have.
        case going
    }

    let world: World
    let book: Promises
    let discord: DiscordModel
    /// Grows with each process.
    private(set) var life = 0
    private(set) var phase = Phase.down
    /// SIGSTOP until then.
    private(set) var stoppedUntil = NIODeadline.distantPast
    private var stoppedAt = NIODeadline.distantPast
    /// The process dies in its next turn, when it has written to so many connections.
    var diesInTurn: Int?

    // What is on disk.
    var sessionFile = SessionFile(bot: "b", identity: "i")
    var checkpointFile: QueueCheckpoint?
    let files: SimulatedFiles
    /// Which run of the machine this is.
    private(set) var boot = 0

    // Sessions.
    var shards: [ShardModel] = []
    var limiter = IdentifyLimiter(history: [], now: .distantPast, wall: 0)
    var answeredAt: NIODeadline?
    var isAsking = false
    var lastWritten: SessionFile?
    var sessionsBeingWritten: SessionFile?
    var isSaveScheduled = false

    // The queue.
    var store: DurableQueue<SimulatedDisk>
    var sync = Syncing()
    var gauge: IntakeGauge
    var intake = Intake.everything
    var monitor = LoopMonitor(now: .distantPast)
    private var stoodStill = TimeAmount.zero
    var isTurnScheduled = false
    var timerAt: NIODeadline?
    var timerTicket = 0
    var checkpointing = Checkpointing()

    // Workers.
    var links: [WorkerLink?] = []
    var open: [WorkerLink] = []
    var toFlush: [WorkerLink] = []

    init(world: World, book: Promises, discord: DiscordModel) {
        self.world = world
        self.book = book
        self.discord = discord
        files = book.files
        store = DurableQueue(queue: KeyedQueue(settings: world.rules.queue))
        gauge = IntakeGauge(maximumBytes: world.rules.queue.maximumBytes)
    }

    var queue: KeyedQueue {
        _read { yield store.queue }
        _modify { yield &store.queue }
    }

    // MARK: Time

    /// The queue's time.
    var now: NIODeadline { world.now - stoodStill }

    var holdsDeadlines: Bool { monitor.isSettling(now: world.now) }

    /// To be called whenever the process begins to do something.
    func wake() { book.hubNow = now }

    func isAlive(_ life: Int) -> Bool { life == self.life && phase != .down }

    func tick() {
        if monitor.tick(now: world.now) { world.after(LoopMonitor.settling, .settle(life: life)) }
        world.after(LoopMonitor.interval, .tick(life: life))
        guard !holdsDeadlines else { return }
        for link in open { watch(link) }
        lookAfterJournal()
        flushAll()
    }

    func settle() {
        if let gap = monitor.settled() {
            stoodStill = stoodStill + gap
            wake()
            for shard in shards { shard.extendDeadlines(by: gap) }
        }
        timerAt = nil
        scheduleTurn()
    }

    // MARK: Life

    func start() {
        guard phase == .down else { return }
        world.trace.note("gateway starts: life", life)
        phase = .serving
        diesInTurn = nil
        stoodStill = .zero
        wake()
        monitor = LoopMonitor(now: world.now)
        gauge = IntakeGauge(maximumBytes: world.rules.queue.maximumBytes)
        intake = .everything
        isTurnScheduled = false
        timerAt = nil
        files.revive()
        checkpointing = Checkpointing()
        sync = Syncing()
        guard restore() else { return kill() }
        writeCheckpoint(endedInOrder: false)
        startSessions()
        world.after(LoopMonitor.interval, .tick(life: life))
        scheduleTurn()
    }

    /// SIGTERM.
    func terminate() {
        guard phase == .serving else { return }
        world.trace.note("gateway is told to end")
        phase = .going
        wake()
        for link in open {
            guard let id = link.id else { continue }
            queue.drain(id, now: now)
            book.connections[link.number].isDraining = true
            send(.goodbye, to: link)
        }
        scheduleTurn()
        if isWorkLeft { world.after(.seconds(2), .gatewayGone(life: life)) } else { finish() }
    }

    var isWorkLeft: Bool { queue.inFlight > 0 && open.contains { $0.id != nil } }

    /// Nothing is waited for any more.
    func finish() {
        guard phase == .going else { return }
        wake()
        for shard in shards { shard.shutdown() }
        sessionFile = snapshot()
        flushAll()
        for link in open { end(link, closing: true) }
        // What came last may have had others shed.
        findVanished(besides: [])
        syncLast()
        guard !files.isDead else { return kill() }
        writeCheckpoint(endedInOrder: true)
        end(.inOrder)
    }

    /// SIGSTOP, and SIGCONT after a while.
    func stop(for time: TimeAmount) {
        guard phase != .down, stoppedUntil <= world.now else { return }
        stoppedAt = world.now
        stoppedUntil = world.now + time
        // Nothing that happens to it meanwhile is looked at before.
        book.stoodStill = book.stoodStill + time
    }

    /// SIGKILL, or a crash.
    func kill(losesPower: Bool = false) {
        if losesPower { boot += 1 }
        guard phase != .down else {
            if losesPower { loseThePower() }
            return
        }
        world.trace.note("gateway is killed: life", life)
        for shard in shards { shard.die() }
        // What the writing thread has in hand may be there or not.
        if let sessions = sessionsBeingWritten, world.chance(50) { sessionFile = sessions }
        if let checkpoint = checkpointing.beingWritten, world.chance(50) { checkpointFile = checkpoint }
        for link in open {
            link.isOpenAtGateway = false
            links[link.number] = nil
            link.toGateway.cut(keeping: 0)
            sendRaw(.end, to: link)
        }
        end(losesPower ? .powerLost : .killed)
    }

    /// The machine goes down while no gateway runs.
    private func loseThePower() {
        book.gatewayEnded(.powerLost, stoppedAt: world.now)
        files.losePower()
    }

    private func end(_ ending: Promises.Ending) {
        // A process that was stopped wrote nothing, nor did it in its first moments after that.
        let hasWrittenSince = stoppedUntil + Rules.checkpointAge <= world.now
        book.gatewayEnded(ending, stoppedAt: hasWrittenSince ? world.now : stoppedAt)
        if ending == .powerLost { files.losePower() }
        phase = .down
        life += 1
        open = []
        toFlush = []
        shards = []
        isAsking = false
        answeredAt = nil
        lastWritten = nil
        sessionsBeingWritten = nil
        isSaveScheduled = false
        stoppedUntil = .distantPast
        world.after(world.milliseconds(world.chance(5) ? 5000...40_000 : 100...2000), .gatewayStarts)
    }
}
