import NIOCore
import Shared
import TestKit

@testable import GatewayProcess

/// A gateway, its workers, Discord and a database in one thread, with one clock and one seed: does the next thing that is to
/// happen, and looks after each whether a promise was broken.
///
/// Storms, in which everything goes wrong that can, alternate with calms, in which nothing does and nothing new comes: at
/// their end nothing may be left undone.
final class Simulation {
    struct BrokenPromise: Error, CustomStringConvertible {
        let description: String
    }

    /// Things that happen in a storm.
    private static let stormSteps = 20_000
    /// How long a calm may last until all is done, in simulated time.
    private static let calmLimit: TimeAmount = .minutes(30)

    let seed: UInt64
    let world: World
    let book: Promises
    let discord: DiscordModel
    let gateway: GatewayModel
    let workers: [WorkerModel]
    let database: Database
    /// Events that are shown before a broken promise.
    var shownLines = 60 {
        didSet { world.trace.capacity = shownLines }
    }
    private var stormEnds = stormSteps
    private var calmSince: NIODeadline?
    private var nextLook = NIODeadline.distantPast

    init(seed: UInt64, durability: QueueDurability) {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        world = World(seed: random.next(), rules: Rules(durability: durability, using: &random))
        let files = SimulatedFiles(world: world, keepsChanges: durability == .fsync)
        book = Promises(world: world, files: files)
        discord = DiscordModel(world: world, book: book)
        gateway = GatewayModel(world: world, book: book, discord: discord)
        let database = Database(world: world, book: book)
        let gateway = gateway
        self.database = database
        workers = (0..<Rules.workers).map { WorkerModel(index: $0, gateway: gateway, database: database) }
        world.after(.zero, .gatewayStarts)
        for worker in 0..<Rules.workers { world.after(.milliseconds(Int64(worker)), .workerStarts(worker: worker)) }
        discord.wake()
        world.after(world.milliseconds(world.rules.faultPause), .fault)
    }

    private var durability: QueueDurability { world.rules.durability }

    var isCalm: Bool { calmSince != nil }

    /// Does so many steps, and then whatever it takes until all is quiet.
    func run(steps: Int) throws(BrokenPromise) {
        while world.steps < steps || isCalm || !book.isUntouched {
            guard let happening = world.next() else { throw broken("nothing happens any more") }
            happen(happening)
            if let promise = book.broken { throw broken(promise) }
            if isCalm { try lookForEnd() } else if world.steps >= stormEnds { calm() }
        }
    }

    private func broken(_ promise: String) -> BrokenPromise {
        let lines = world.trace.lines(shownLines).joined(separator: "\n")
        return BrokenPromise(
            description: "\(lines)\nseed \(seed), \(world.rules.durability.rawValue), step \(world.steps): \(promise)")
    }

    // MARK: Calms

    private func calm() {
        world.trace.note("calm")
        calmSince = world.now
        discord.isQuiet = true
        mend()
    }

    private func mend() {
        discord.refusesUntil = .distantPast
        discord.resumeURLDeadUntil = .distantPast
        discord.hangsUntil = .distantPast
        discord.botFailsUntil = .distantPast
        discord.floodUntil = .distantPast
        database.downUntil = .distantPast
        database.slowUntil = .distantPast
        for worker in workers { worker.slowUntil = .distantPast }
        book.files.fullUntil = .distantPast
        book.files.failingUntil = .distantPast
        book.files.operationsLeft = nil
    }

    private func lookForEnd() throws(BrokenPromise) {
        guard let since = calmSince, world.now >= nextLook else { return }
        nextLook = world.now + .milliseconds(500)
        guard isQuiet else {
            if world.now - since > Self.calmLimit {
                book.checkNothingIsLeft()
                throw broken(book.broken ?? "it never becomes quiet: \(unrest)")
            }
            return
        }
        book.checkNothingIsLeft()
        if let promise = book.broken { throw broken(promise) }
        book.account.calms += 1
        book.forget()
        calmSince = nil
        stormEnds = world.steps + Self.stormSteps
        discord.isQuiet = false
        discord.wake()
    }

    /// Whether everything has been done and everybody is there.
    private var isQuiet: Bool {
        book.openCount == 0 && gateway.phase == .serving && gateway.shards.allSatisfy { $0.machine.isReady }
            && gateway.queue.depth == 0 && gateway.isWritten
            && workers.allSatisfy { $0.isIdle && $0.phase == .connected }
            && gateway.open.allSatisfy { $0.toWorker.isEmpty && $0.toGateway.isEmpty }
    }

    private var unrest: String {
        "open \(book.openCount), gateway \(gateway.phase), shards \(gateway.shards.map(\.machine.phase)), "
            + "depth \(gateway.queue.depth), workers \(workers.map { ($0.phase, $0.isIdle) })"
    }

    // MARK: Steps

    private func happen(_ happening: Happening) {
        switch happening {
        case .emission(let shard): discord.emission(shard: shard)
        case .discordReads(let link): discord.reads(link)
        case .discordChecksHeartbeat(let link): discord.checkHeartbeat(of: link)
        case .gatewayStarts:
            gateway.start()
            if gateway.files.isDead { gateway.kill() }
        case .workerStarts(let worker): workers[worker].start()
        case .fault: fault()
        case .mend: break
        default:
            if let worker = worker(of: happening) { happen(happening, to: worker) } else { happenToGateway(happening) }
        }
    }

    private func happenToGateway(_ happening: Happening) {
        guard gateway.stoppedUntil <= world.now else { return world.at(gateway.stoppedUntil, happening) }
        gateway.wake()
        defer { if gateway.files.isDead { gateway.kill() } }
        switch happening {
        case .linkOpens(let link): linkOpens(link)
        case .linkBreaks(let link): shard(of: link)?.connectionEnded(code: nil)
        case .gatewayReads(let link): shard(of: link)?.reads()
        case .gatewayReadsWorker(let connection): gateway.readsWorker(connection)
        case .sessionDeadline(let shard, let life, let ticket):
            if gateway.isAlive(life) { gateway.shards[shard].deadlineCame(ticket: ticket) }
        case .gatewayGone(let life): if gateway.isAlive(life) { gateway.finish() }
        case .permits(let life): if gateway.isAlive(life) { gateway.grantPermits() }
        case .botAnswer(let life): if gateway.isAlive(life) { gateway.botAnswered() }
        case .intakeChanges(let life): if gateway.isAlive(life) { gateway.intakeChanged() }
        case .turn(let life): if gateway.isAlive(life) { gateway.turn() }
        case .timer(let life, let ticket): if gateway.isAlive(life) { gateway.timerFired(ticket: ticket) }
        case .tick(let life): if gateway.isAlive(life) { gateway.tick() }
        case .settle(let life): if gateway.isAlive(life) { gateway.settle() }
        case .sessionChanged(let life): if gateway.isAlive(life) { gateway.writeNow() }
        case .syncs(let life): if gateway.isAlive(life) { gateway.beginSync() }
        case .synced(let life): if gateway.isAlive(life) { gateway.synced() }
        case .saves(let life): if gateway.isAlive(life) { gateway.save() }
        case .sessionsSaved(let life): if gateway.isAlive(life) { gateway.sessionsSaved() }
        case .checkpoints(let life): if gateway.isAlive(life) { gateway.writesCheckpoint() }
        case .checkpointWritten(let life): if gateway.isAlive(life) { gateway.checkpointWritten() }
        default: break
        }
    }

    /// The shard whose present connection this is.
    private func shard(of link: Int) -> ShardModel? {
        guard let link = discord.links[link], link.life == gateway.life, gateway.phase != .down else { return nil }
        let shard = gateway.shards[link.shard]
        return shard.link === link ? shard : nil
    }

    private func linkOpens(_ number: Int) {
        guard let shard = shard(of: number), let link = shard.link, let isOpen = discord.opens(link) else { return }
        if isOpen { shard.connected() } else { shard.connectionEnded(code: nil) }
    }

    private func worker(of happening: Happening) -> WorkerModel? {
        switch happening {
        case .workerConnects(let worker, _), .workerReads(let worker, _), .workTakesEffect(let worker, _, _),
            .workEnds(let worker, _, _), .workExtends(let worker, _, _), .writeIsDue(let worker, _),
            .writeCommits(let worker, _), .writeEnds(let worker, _), .workerFlushes(let worker, _),
            .workerSettles(let worker, _), .drainTimeout(let worker, _):
            workers[worker]
        default: nil
        }
    }

    private func happen(_ happening: Happening, to worker: WorkerModel) {
        // What is with Discord or the database goes on while the worker stands still.
        switch happening {
        case .workTakesEffect(_, let life, let copy):
            if worker.isAlive(life) { worker.takesEffect(copy) }
            return
        case .writeCommits(_, let life):
            if worker.isAlive(life) { worker.commits() }
            return
        default: break
        }
        guard worker.stoppedUntil <= world.now else { return world.at(worker.stoppedUntil, happening) }
        switch happening {
        case .workerConnects(_, let life): if worker.isAlive(life) { worker.connect() }
        case .workerReads(_, let connection): worker.reads(connection)
        case .workEnds(_, let life, let copy): if worker.isAlive(life) { worker.ends(copy) }
        case .workExtends(_, let life, let copy): if worker.isAlive(life) { worker.extends(copy) }
        case .writeIsDue(_, let life): if worker.isAlive(life) { worker.writeIsDue() }
        case .writeEnds(_, let life): if worker.isAlive(life) { worker.written() }
        case .workerFlushes(_, let life): if worker.isAlive(life) { worker.flush() }
        case .workerSettles(_, let life): if worker.isAlive(life) { worker.settle() }
        case .drainTimeout(_, let life): if worker.isAlive(life) { worker.close() }
        default: break
        }
    }

    // MARK: Faults

    private func fault() {
        world.after(world.milliseconds(world.rules.faultPause), .fault)
        guard !isCalm else { return }
        let fault = Fault.any(using: &world.random)
        world.trace.note(fault.name)
        book.account.faults[fault, default: 0] += 1
        inflict(fault)
    }

    private func inflict(_ fault: Fault) {
        let worker = workers[world.number(0...workers.count - 1)]
        switch fault {
        case .gatewayKilled: gateway.kill()
        case .gatewayKilledWhileWriting: gateway.diesInTurn = world.number(0...3)
        case .gatewayKilledByDisk: book.files.operationsLeft = world.number(0...8)
        case .powerLost:
            gateway.kill(losesPower: durability == .fsync)
            for worker in workers { worker.kill() }
        case .diskFull: book.files.fullUntil = world.now + world.milliseconds(100...10_000)
        case .diskFails: book.files.failingUntil = world.now + world.milliseconds(10...1000)
        case .gatewayTerminated: if gateway.stoppedUntil <= world.now { gateway.terminate() }
        case .gatewayStopped: gateway.stop(for: world.milliseconds(1500...40_000))
        case .workerKilled: worker.kill()
        case .workerDrained: if worker.stoppedUntil <= world.now { worker.drain() }
        case .workerStopped: worker.stop(for: world.milliseconds(1300...30_000))
        case .workerSlow: worker.slowUntil = world.now + world.milliseconds(1000...20_000)
        case .allWorkersKilled: for worker in workers { worker.kill() }
        case .everythingKilled:
            gateway.kill()
            for worker in workers { worker.kill() }
        case .databaseDown: database.downUntil = world.now + world.milliseconds(100...10_000)
        case .databaseSlow: database.slowUntil = world.now + world.milliseconds(1000...20_000)
        case .botUnknown: discord.botFailsUntil = world.now + world.milliseconds(1000...20_000)
        case .connectionsRefused: discord.refusesUntil = world.now + world.milliseconds(500...30_000)
        case .connectionsHang: discord.hangsUntil = world.now + world.milliseconds(500...30_000)
        case .resumeURLDead: discord.resumeURLDeadUntil = world.now + world.milliseconds(5000...60_000)
        case .flood: discord.floodUntil = world.now + world.milliseconds(20...200)
        case .reidentified: reidentify()
        case .wallClockSet: setWallClock()
        case .connectionReset, .connectionSilent, .connectionStalled, .reconnectRequested, .sessionInvalidButResumable,
            .sessionKilled, .closedWithCode, .heartbeatRequested, .unreadable:
            if let link = discord.someLink() { inflict(fault, on: link) }
        }
    }

    private func inflict(_ fault: Fault, on link: DiscordLink) {
        switch fault {
        case .connectionReset: discord.reset(link)
        case .connectionSilent: discord.silence(link)
        case .connectionStalled:
            let until = world.now + world.milliseconds(100...20_000)
            if world.chance(70) { link.toGateway.stall(until: until) }
            if world.chance(70) { link.toDiscord.stall(until: until) }
        case .reconnectRequested: discord.send(.reconnect, on: link)
        case .sessionInvalidButResumable: discord.send(.invalidSession(resumable: true), on: link)
        case .sessionKilled: discord.kill(link)
        case .closedWithCode:
            discord.end(link, code: [1000, 4000, 4002, 4008].randomElement(using: &world.random))
        case .heartbeatRequested: discord.send(.heartbeatRequest, on: link)
        case .unreadable: discord.send(.unreadable, on: link)
        default: break
        }
    }

    private func reidentify() {
        guard gateway.phase == .serving, gateway.stoppedUntil <= world.now,
            let shard = gateway.shards.randomElement(using: &world.random), let session = shard.machine.session
        else { return }
        book.sessions[ShardModel.number(ofSession: session.id)].mayBeGivenUp = true
        gateway.wake()
        shard.reidentify()
    }

    private func setWallClock() {
        let forward = Int64(world.number(0...1_500_000))
        world.wallShift += !world.rules.isInMemory && world.chance(50) ? -forward : forward
    }
}
