internal import Logging
internal import NIOCore
internal import Shared

/// What the gateway says.
extension QueueClient {
    func received(_ chunk: ByteBuffer) {
        splitter.append(chunk)
        do throws(FrameError) {
            while let line = try splitter.nextLine() { receivedLine(line) }
        } catch {
            trouble("the gateway sent a line that is too long: \(error)")
            closeConnection()
        }
    }

    /// Everything that came at once has been looked at.
    func readComplete() {
        performEffects()
        closeIfFinished()
        if outbox.isUrgent { flush() } else { scheduleFlush() }
    }

    private func receivedLine(_ line: ByteBuffer) {
        do throws(FrameError) {
            let frame = try decoder.decode(line)
            if case .event(let event) = frame {
                if let data = decoder.eventData {
                    receivedEvent(event, data)
                } else {
                    malformed(event, EventProblem(description: decoder.eventProblem?.description ?? "there is no d"))
                }
            } else {
                receivedFrame(frame)
            }
        } catch {
            // A later gateway may have frames of its own; an event that is lost here comes again after its ack timeout.
            logger.debug("A frame was ignored", metadata: ["reason": "\(error)"])
        }
    }

    private func receivedFrame(_ frame: GatewayFrame) {
        switch frame {
        case .ping: send(.pong)
        case .returned(let ids): dispatcher.returned(ids)
        case .welcome(let welcome): receivedWelcome(welcome)
        case .members(let workers):
            welcome?.workers = workers
            shareChanged()
        case .status(let status):
            for waiter in statusWaiters.values { waiter.resume(returning: status) }
            statusWaiters = [:]
        case .draining:
            if case .draining = phase { phase = .draining(isAnswered: true) }
        case .pleaseDrain: drain(reason: "an operator asks for it")
        case .goodbye(let reason): receivedGoodbye(reason)
        case .error(let code, let message): trouble("the gateway says \(code): \(message)")
        case .event, .commandResult: break
        }
    }

    private func receivedWelcome(_ welcome: Welcome) {
        guard QueueProtocol.versions.contains(welcome.protocolVersion) else {
            trouble(
                "the gateway (\(welcome.version)) wants queue protocol \(welcome.protocolVersion), which this worker does not speak"
            )
            return closeConnection()
        }
        dispatcher.welcomed(isSameJournal: self.welcome?.journal == welcome.journal)
        self.welcome = welcome
        phase = .connected
        lastTrouble = nil
        logger.info(
            "Connected to the gateway",
            metadata: [
                "socket": "\(options.socket)", "gateway_version": "\(welcome.version)", "workers": "\(welcome.workers)",
            ])
        shareChanged()
        hooks.welcomed(welcome)
    }

    private func shareChanged() {
        guard let welcome else { return }
        hooks.shareChanged(welcome.shardIDs.count, welcome.shardCount, welcome.workers)
    }

    private func receivedGoodbye(_ reason: String) {
        trouble("the gateway is going: \(reason)")
        switch phase {
        case .connected: phase = .parting
        // It delivers nothing more, which is all that is waited for.
        case .draining: phase = .draining(isAnswered: true)
        default: break
        }
    }

    private func receivedEvent(_ event: EventFrame, _ data: JSONValue) {
        counters.change { $0.events[event.type, default: 0] += 1 }
        logger.debug(
            "An event was taken",
            metadata: ["event": "\(event.id)", "t": "\(event.type)", "attempt": "\(event.attempt)"])
        do throws(EventProblem) {
            let plan = try planner.plan(event, data)
            dispatcher.deliver(
                .init(
                    event: event.id, key: event.key, isInteraction: event.type == "INTERACTION_CREATE",
                    isRedelivered: event.redelivered, hasWrite: plan.activity != nil, hasWork: plan.work != nil,
                    job: plan))
        } catch {
            malformed(event, error)
        }
    }

    /// An event that lacks what it must have fails like one whose handler does, in its turn, so that it ends where an operator
    /// sees it.
    private func malformed(_ event: EventFrame, _ problem: EventProblem) {
        counters.change { $0.malformed += 1 }
        logger.warning(
            "An event lacks what it must have",
            metadata: ["event": "\(event.id)", "t": "\(event.type)", "problem": "\(problem)"])
        dispatcher.deliver(
            .init(
                event: event.id, key: event.key, isInteraction: event.type == "INTERACTION_CREATE",
                isRedelivered: event.redelivered, hasWrite: false, hasWork: true,
                job: EventPlan(activity: nil) { throw problem }))
    }

    // MARK: Asking

    /// What the gateway says about itself; nil if it does not answer in time.
    func gatewayStatus() async -> JSON? {
        guard phase == .connected else { return nil }
        lastStatusWaiter += 1
        let waiter = lastStatusWaiter
        return await withCheckedContinuation { continuation in
            statusWaiters[waiter] = continuation
            send(.status)
            eventLoop.scheduleTask(in: options.statusTimeout) {
                self.assumeIsolated { $0.statusWaiters.removeValue(forKey: waiter)?.resume(returning: nil) }
            }
        }
    }

    /// Sends what only this worker knows.
    func report() {
        // A database that hangs must not have reports pile up.
        guard phase == .connected, !isReporting else { return }
        isReporting = true
        Task {
            let report = await hooks.report()
            isReporting = false
            if phase == .connected { send(.report(report)) }
        }
    }
}
