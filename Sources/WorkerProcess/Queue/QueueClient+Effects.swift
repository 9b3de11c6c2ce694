internal import Logging
internal import NIOCore
internal import Shared

/// What the dispatcher decided is done here.
extension QueueClient {
    func performEffects() { performEffects(isHeldUp: monitor.isSettling(now: .now())) }

    /// - Parameter isHeldUp: after a standstill nothing begins and nothing is told until the sockets have been read: what is about
    ///   to begin may have been given to another worker meanwhile.
    func performEffects(isHeldUp: Bool) {
        guard !isHeldUp else { return }
        while !dispatcher.effects.isEmpty {
            let effects = dispatcher.effects
            dispatcher.effects.removeAll(keepingCapacity: true)
            for effect in effects { perform(effect) }
        }
    }

    private func perform(_ effect: KeyedDispatcher<EventPlan>.Effect) {
        switch effect {
        case .write(let copy, let plan):
            if let activity = plan.activity { follow(writeBehind.add(.init(copy: copy, activity: activity))) }
        case .start(let copy, let plan):
            guard dispatcher.mayWrite(copy) else {
                return dispatcher.workEnded(copy, .notNow(.zero, "it was taken back before it began"))
            }
            if let work = plan.work { start(copy, work) }
        case .acknowledge(let id):
            counters.change { $0.acknowledged += 1 }
            logger.debug("An event is done", metadata: ["event": "\(id)"])
            outbox.acknowledge(id)
        case .nack(let id, let reason):
            counters.change { $0.nacks += 1 }
            logger.error("An event failed", metadata: ["event": "\(id)", "reason": "\(reason)"])
            outbox.append(.nack([id], reason: reason))
        case .release(let id, let time, let reason):
            counters.change { $0.releases += 1 }
            logger.notice("An event is put off", metadata: ["event": "\(id)", "reason": "\(reason)"])
            outbox.append(.release(.ids([id]), retryAfterMilliseconds: time.wholeMilliseconds, reason: reason))
        case .releaseAll(let time, let reason):
            counters.change { $0.outages += 1 }
            logger.error(
                "The database is not to be had; everything but interactions is given back",
                metadata: ["retry_after": "\(time)", "reason": "\(reason)"])
            outbox.append(.release(.all, retryAfterMilliseconds: time.wholeMilliseconds, reason: reason))
        }
    }

    // MARK: Handlers

    private func start(_ copy: Int, _ work: @escaping @Sendable () async throws -> Void) {
        let context = dispatcher.heldEvent(copy).map { [$0] } ?? []
        let observer = WaitObserver { [weak self] _ in self?.extend(copy) }
        tasks[copy] = Task.detached {
            let begun = ContinuousClock.now
            var problem: (any Error)?
            do {
                try await EventContext.$current.withValue(context) {
                    try await WaitObserver.$current.withValue(observer) { try await work() }
                }
            } catch {
                problem = error
            }
            await self.workEnded(copy, problem, after: .now - begun)
        }
    }

    private func workEnded(_ copy: Int, _ problem: (any Error)?, after time: Duration) {
        tasks[copy] = nil
        counters.change { $0.handlers.add(time.inSeconds) }
        dispatcher.workEnded(copy, problem.map { outcome(of: HandlerFailure($0), copy) } ?? .done)
        settle()
    }

    private func outcome(of failure: HandlerFailure, _ copy: Int) -> KeyedDispatcher<EventPlan>.Outcome {
        let id = dispatcher.heldEvent(copy).map { "\($0)" } ?? "taken back"
        switch failure {
        case .pointless(let reason):
            counters.change { $0.pointless += 1 }
            logger.warning("Discord refuses an answer for good", metadata: ["event": "\(id)", "reason": "\(reason)"])
            return .done
        case .tooLate(let reason):
            counters.change { $0.tooLate += 1 }
            logger.notice("An interaction came too late", metadata: ["event": "\(id)", "reason": "\(reason)"])
            return .done
        case .notNow(let time, let reason): return .notNow(time, reason)
        case .databaseDown(let reason): return .outage(outageWait(), reason)
        case .unauthorized(let reason):
            fail(ServiceFailure(.rejected, "Discord does not accept DISCORD_TOKEN: \(reason)"))
            return .notNow(.zero, "the worker is going: Discord does not accept its token")
        case .failed(let reason): return .failed(reason)
        }
    }

    /// How long the database is left alone. All that fail in one outage wait for the same time.
    private func outageWait() -> Duration {
        let now = NIODeadline.now()
        if outageUntil <= now { outageUntil = now + TimeAmount(outageBackoff.nextWait()) }
        return .nanoseconds((outageUntil - now).nanoseconds)
    }

    /// The handler of this copy waits for Discord: its ack timeout starts anew.
    private nonisolated func extend(_ copy: Int) {
        eventLoop.execute {
            self.assumeIsolated { client in
                guard let id = client.dispatcher.heldEvent(copy) else { return }
                client.outbox.extend(id)
                client.scheduleFlush()
            }
        }
    }

    // MARK: The write-behind

    private func follow(_ step: WriteBehind<ActivityCommit.Entry>.Step) {
        switch step {
        case .nothing: break
        case .setTimer:
            eventLoop.scheduleTask(in: TimeAmount(writeBehind.linger)) {
                self.assumeIsolated { client in
                    client.follow(client.writeBehind.timerFired())
                    client.settle()
                }
            }
        case .write: write()
        }
    }

    private func write() {
        var dropped: [Int] = []
        let batch = writeBehind.takeBatch { entry in
            let isWanted = dispatcher.mayWrite(entry.copy)
            if !isWanted { dropped.append(entry.copy) }
            return isWanted
        }
        for copy in dropped { dispatcher.writeDropped(copy) }
        guard !batch.isEmpty else { return }
        let commit = commit
        Task.detached {
            let verdict = await EventContext.$current.withValue(batch.map(\.activity.event)) {
                await commit.commit(batch)
            }
            await self.written(verdict)
        }
    }

    private func written(_ verdict: ActivityCommit.Verdict) {
        if !verdict.committed.isEmpty { outageBackoff.reset() }
        for copy in verdict.committed { dispatcher.writeEnded(copy, .done) }
        for (copy, reason) in verdict.rejected { dispatcher.writeEnded(copy, .failed(reason)) }
        if let outage = verdict.outage {
            let time = outageWait()
            for copy in outage.copies { dispatcher.writeEnded(copy, .outage(time, outage.reason)) }
        }
        // What came behind a rejected one is void by now, unless the rejected one was so itself.
        for entry in verdict.dropped where dispatcher.mayWrite(entry.copy) { _ = writeBehind.add(entry) }
        for entry in verdict.dropped where !dispatcher.mayWrite(entry.copy) { dispatcher.writeDropped(entry.copy) }
        follow(writeBehind.writeEnded())
        settle()
    }

    // MARK: Sending

    /// Does what an outcome brought about, and tells the gateway soon.
    private func settle() {
        performEffects()
        closeIfFinished()
        if outbox.isUrgent { flush() } else { scheduleFlush() }
    }

    func send(_ frame: WorkerFrame) {
        guard channel != nil else { return }
        outbox.append(frame)
        flush()
    }

    func scheduleFlush() {
        guard !isFlushScheduled, !outbox.isEmpty else { return }
        isFlushScheduled = true
        eventLoop.scheduleTask(in: options.acknowledgeDelay) { self.assumeIsolated { $0.flush() } }
    }

    func flush() {
        isFlushScheduled = false
        guard let channel, !outbox.isEmpty else { return }
        let (bytes, acknowledged) = outbox.take()
        let sent = channel.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenFailure { _ in self.assumeIsolated { $0.dispatcher.unsent(acknowledged) } }
        channel.writeAndFlush(bytes, promise: sent)
    }
}
