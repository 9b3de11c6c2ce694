import NIOCore
import Shared

@testable import GatewayProcess
@testable import WorkerProcess

/// What the dispatcher decided is done here: handlers and writes.
extension WorkerModel {
    /// What became of a batch.
    struct Verdict {
        var committed: [Int] = []
        var rejected: [Int] = []
        var dropped: [Entry] = []
        var outage: [Int] = []
    }

    func performEffects() { performEffects(isHeldUp: isHeldUp) }

    func performEffects(isHeldUp: Bool) {
        guard !isHeldUp else { return }
        while !dispatcher.effects.isEmpty {
            let effects = dispatcher.effects
            dispatcher.effects.removeAll(keepingCapacity: true)
            for effect in effects { perform(effect) }
        }
    }

    private func perform(_ effect: KeyedDispatcher<Job>.Effect) {
        switch effect {
        case .write(let copy, let job): follow(writeBehind.add(Entry(copy: copy, job: job)))
        case .start(let copy, let job): begin(copy, job)
        case .acknowledge(let id):
            if let number = book.numbers[id] { book.claimed(number) }
            outbox.acknowledge(id)
        case .nack(let id, _): outbox.append(.nack([id]))
        case .release(let id, let time, _): outbox.append(.release([id], TimeAmount(time)))
        case .releaseAll(let time, _): outbox.append(.releaseAll(TimeAmount(time)))
        }
    }

    // MARK: Handlers

    private func begin(_ copy: Int, _ job: Job) {
        guard dispatcher.mayWrite(copy) else { return dispatcher.workEnded(copy, .notNow(.zero, "taken back")) }
        let event = book[job.number]
        book[job.number].runs += 1
        world.trace.note("work begins: worker, event, key", index, job.number, event.key)
        var outcome = KeyedDispatcher<Job>.Outcome.done
        var isDeadly = false
        var time = world.milliseconds(slowUntil > world.now ? 200...3000 : 1...30)
        switch event.nature {
        case .ordinary: break
        case .failsTwice: if event.runs < 2 { outcome = .failed("no") }
        case .poison: outcome = .failed("never")
        case .hangsOnce: if event.runs == 0 { time = beyondTimeout }
        case .extending: time = beyondTimeout
        case .putOff: if event.runs == 0 { outcome = .notNow(.milliseconds(world.number(0...3000)), "limit") }
        case .deadly: isDeadly = true
        }
        if database.isDown, outcome == .done, world.chance(50) { outcome = .outage(.milliseconds(800), "down") }
        runs[copy] = Run(job: job, outcome: outcome, takesEffect: outcome == .done && !isDeadly, isDeadly: isDeadly)
        world.after(time, .workTakesEffect(worker: index, life: life, copy: copy))
        if event.nature == .extending { scheduleExtension(copy) }
    }

    private var beyondTimeout: TimeAmount {
        let limit = world.rules.queue.ackTimeout.nanoseconds
        return .nanoseconds(limit + Int64(world.number(0...Int(limit))))
    }

    private func scheduleExtension(_ copy: Int) {
        let time = TimeAmount.nanoseconds(world.rules.queue.ackTimeout.nanoseconds / 3)
        world.after(time, .workExtends(worker: index, life: life, copy: copy))
    }

    func extends(_ copy: Int) {
        guard runs[copy] != nil else { return }
        if let id = dispatcher.heldEvent(copy) {
            outbox.extend(id)
            flushSoon()
        }
        scheduleExtension(copy)
    }

    func takesEffect(_ copy: Int) {
        guard let run = runs[copy] else { return }
        if run.isDeadly { return kill() }
        if run.takesEffect { book.worked(run.job.number) }
        world.after(.microseconds(Int64(world.number(0...5000))), .workEnds(worker: index, life: life, copy: copy))
    }

    func ends(_ copy: Int) {
        guard let run = runs.removeValue(forKey: copy) else { return }
        dispatcher.workEnded(copy, run.outcome)
        settle()
    }

    // MARK: The write-behind

    private func follow(_ step: WriteBehind<Entry>.Step) {
        switch step {
        case .nothing: break
        case .setTimer: world.after(TimeAmount(writeBehind.linger), .writeIsDue(worker: index, life: life))
        case .write: write()
        }
    }

    func writeIsDue() {
        follow(writeBehind.timerFired())
        settle()
    }

    private func write() {
        var dropped: [Int] = []
        batch = writeBehind.takeBatch { entry in
            let isWanted = dispatcher.mayWrite(entry.copy)
            if !isWanted { dropped.append(entry.copy) }
            return isWanted
        }
        for copy in dropped { dispatcher.writeDropped(copy) }
        guard !batch.isEmpty else { return }
        world.after(database.delay, .writeCommits(worker: index, life: life))
    }

    /// The transaction commits, whether the worker runs at the moment or not.
    func commits() {
        verdict = Verdict()
        guard !database.isDown else {
            verdict.outage = batch.map(\.copy)
            return world.after(.milliseconds(1), .writeEnds(worker: index, life: life))
        }
        var rejectedKeys: [Int] = []
        for entry in batch {
            let event = book[entry.job.number]
            guard !rejectedKeys.contains(event.key) else {
                verdict.dropped.append(entry)
                continue
            }
            if isRejected(event) {
                book[entry.job.number].runs += 1
                verdict.rejected.append(entry.copy)
                rejectedKeys.append(event.key)
            } else {
                database.count(entry.job.number, id: entry.job.id, key: event.key)
                verdict.committed.append(entry.copy)
            }
        }
        world.after(.microseconds(Int64(world.number(0...3000))), .writeEnds(worker: index, life: life))
    }

    private func isRejected(_ event: Occurrence) -> Bool {
        guard !event.hasWork else { return false }
        return event.nature == .poison || (event.nature == .failsTwice && event.runs < 2)
    }

    func written() {
        let verdict = verdict
        batch = []
        for copy in verdict.committed { dispatcher.writeEnded(copy, .done) }
        for copy in verdict.rejected { dispatcher.writeEnded(copy, .failed("rejected")) }
        for copy in verdict.outage { dispatcher.writeEnded(copy, .outage(.milliseconds(800), "down")) }
        for entry in verdict.dropped where dispatcher.mayWrite(entry.copy) { _ = writeBehind.add(entry) }
        for entry in verdict.dropped where !dispatcher.mayWrite(entry.copy) { dispatcher.writeDropped(entry.copy) }
        follow(writeBehind.writeEnded())
        settle()
    }
}
