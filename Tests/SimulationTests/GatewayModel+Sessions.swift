import NIOCore
import Shared

@testable import GatewayProcess

/// The part of `ShardSupervisor`.
extension GatewayModel {
    private static let saveInterval: TimeAmount = .milliseconds(100)

    /// No file but the journal says how far a session was received, if there is one.
    var keepsSequences: Bool { !world.rules.isInMemory }

    func startSessions() {
        sessionFile.sessions.removeAll { session in
            // With a journal no number is in this file.
            let isKnownHere = !keepsSequences && (session.sequence > 0 || session.ready != nil)
            return !isKnownHere && durableSequence(shard: session.shard, session: session.id) == nil
        }
        limiter = IdentifyLimiter(
            history: sessionFile.identifies, now: world.now, wall: world.wall, limits: world.rules.identifies)
        lastWritten = nil
        shards = (0..<Rules.shards).map { shard in
            ShardModel(shard: shard, stored: sessionFile.sessions.first { $0.shard == shard }, gateway: self)
        }
        for shard in shards {
            shard.setIntake(intake)
            shard.start()
        }
        ask()
        scheduleSave()
    }

    // MARK: What sessions ask

    func requestPermit(for shard: Int) {
        limiter.request(shard: shard)
        world.after(.zero, .permits(life: life))
    }

    func withdrawPermit(of shard: Int) {
        limiter.withdraw(shard: shard)
        world.after(.zero, .permits(life: life))
    }

    func identified(_ shard: Int) {
        limiter.sent(shard: shard, now: world.now, wall: world.wall)
        world.after(.zero, .permits(life: life))
    }

    func knowsGeneralURL() -> Bool {
        if isStale { ask() }
        return answeredAt != nil
    }

    func sessionChanged() { world.after(.zero, .sessionChanged(life: life)) }

    func sessionBegan(shard: Int, session: String) {
        if !keepsSequences { queue.ledger.begin(shard: shard, session: session) }
        sessionChanged()
    }

    func durableSequence(shard: Int, session: String) -> Int? {
        store.durableSequence(shard: shard, session: session)
    }

    // MARK: Identifying

    private var isStale: Bool { answeredAt.map { world.now - $0 >= ShardSupervisor.freshness } ?? true }

    func grantPermits() {
        guard limiter.isWanted else { return }
        if isStale { ask() }
        guard !isAsking else { return }
        while true {
            switch limiter.next(now: world.now, wall: world.wall) {
            case .idle: return
            case .grant(let shard):
                writeNow()
                guard !files.isDead else { return kill() }
                shards[shard].permitGranted()
            case .wait(let until, _): return world.at(until, .permits(life: life))
            }
        }
    }

    private func ask() {
        guard !isAsking else { return }
        isAsking = true
        world.after(world.milliseconds(20...300), .botAnswer(life: life))
    }

    func botAnswered() {
        guard discord.botFailsUntil <= world.now else {
            return world.after(world.milliseconds(1000...3000), .botAnswer(life: life))
        }
        isAsking = false
        answeredAt = world.now
        limiter.update(
            SessionStartLimit(
                total: world.rules.identifyTotal, remaining: discord.remaining,
                resetsAt: world.now + world.rules.identifies.day, maxConcurrency: world.rules.maxConcurrency))
        for shard in shards { shard.generalURLKnown() }
        grantPermits()
    }

    // MARK: The session file

    func snapshot() -> SessionFile {
        var snapshot = sessionFile
        snapshot.identifies = limiter.remembered
        snapshot.shardCount = Rules.shards
        snapshot.sessions = shards.compactMap { $0.stored() }
        return snapshot
    }

    /// Every 100 ms there is a look whether something has changed; here only if something may have.
    func scheduleSave() {
        guard !isSaveScheduled else { return }
        isSaveScheduled = true
        world.after(Self.saveInterval, .saves(life: life))
    }

    func save() {
        isSaveScheduled = false
        let snapshot = snapshot()
        guard snapshot != lastWritten else { return }
        guard files.passes() else { return kill() }
        guard sessionsBeingWritten == nil else { return scheduleSave() }
        sessionsBeingWritten = snapshot
        world.after(world.milliseconds(0...20), .sessionsSaved(life: life))
    }

    func sessionsSaved() {
        guard let snapshot = sessionsBeingWritten else { return }
        sessionFile = snapshot
        lastWritten = snapshot
        sessionsBeingWritten = nil
    }

    /// Writes before it returns.
    func writeNow() {
        let snapshot = snapshot()
        guard snapshot != lastWritten, files.passes() else { return }
        sessionFile = snapshot
        lastWritten = snapshot
    }
}
