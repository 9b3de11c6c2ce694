internal import Logging
internal import Shared

/// Does what `PoolDecisions` says with real connections.
actor ConnectionPool {
    private let location: PostgresLocation
    private let limits: PostgresLimits
    private let logger: Logger
    private var decisions: PoolDecisions
    private var connections: [PoolDecisions.Slot: PostgresConnection] = [:]
    private var waiting: [PoolDecisions.Waiter: CheckedContinuation<Result<Lease, StoreError>, Never>] = [:]
    private var closing: [CheckedContinuation<Void, Never>] = []
    private var lastWaiter: PoolDecisions.Waiter = 0
    /// Why the last attempt to connect failed; nil once one has succeeded.
    private var trouble: String?
    private var timer: (at: ContinuousClock.Instant, task: Task<Void, Never>)?

    /// A connection lent out; goes back through `giveBack`.
    struct Lease: Sendable {
        let slot: PoolDecisions.Slot
        let connection: PostgresConnection
    }

    init(_ location: PostgresLocation, size: Int, limits: PostgresLimits, logger: Logger) {
        self.location = location
        self.limits = limits
        self.logger = logger
        decisions = PoolDecisions(size: size, patience: limits.lease)
    }

    /// Waits for a connection.
    func lease() async throws(StoreError) -> Lease {
        lastWaiter += 1
        let waiter = lastWaiter
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting[waiter] = continuation
                act(decisions.asked(waiter, now: .now))
                if Task.isCancelled { act(decisions.cancelled(waiter, now: .now)) }
            }
        } onCancel: {
            Task { await self.cancel(waiter) }
        }
        return try result.get()
    }

    /// Takes a connection back.
    func giveBack(_ lease: Lease, isBroken: Bool) {
        act(decisions.returned(lease.slot, isBroken: isBroken, now: .now))
    }

    /// How the connections are used now.
    var usage: PoolUsage { decisions.usage }

    /// Fails those that wait, and returns when the calls that have a connection are done and all are closed.
    func close() async {
        act(decisions.close())
        guard !decisions.isEmpty else { return }
        await withCheckedContinuation { closing.append($0) }
    }

    private func cancel(_ waiter: PoolDecisions.Waiter) {
        act(decisions.cancelled(waiter, now: .now))
    }

    private func act(_ actions: [PoolDecisions.Action]) {
        for action in actions {
            switch action {
            case .grant(let slot, let waiter):
                guard let connection = connections[slot] else { preconditionFailure("slot \(slot) has no connection") }
                waiting.removeValue(forKey: waiter)?.resume(
                    returning: .success(Lease(slot: slot, connection: connection)))
            case .fail(let waiter, let error): waiting.removeValue(forKey: waiter)?.resume(returning: .failure(error))
            case .connect(let slot): Task { await connect(slot) }
            case .disconnect(let slot): disconnect(slot)
            }
        }
        setTimer()
        if decisions.isEmpty {
            closing.forEach { $0.resume() }
            closing = []
        }
    }

    private func connect(_ slot: PoolDecisions.Slot) async {
        do throws(PostgresError) {
            connections[slot] = try await PostgresConnection.connect(location, limits: limits, logger: logger)
            if trouble != nil {
                logger.info("The database can be reached again", metadata: ["database": "\(location.place)"])
                trouble = nil
            }
            act(decisions.connected(slot, now: .now))
        } catch {
            let error = StoreError(error, place: location.place)
            // Several connections are tried many times a second.
            logger.log(
                level: trouble == error.description ? .debug : .warning,
                "No connection to the database; trying again until there is",
                metadata: ["error": "\(error.description)", "code": "\(error.code ?? "none")"])
            trouble = error.description
            act(decisions.connectFailed(slot, error, now: .now, jitter: .random(in: 0...1)))
        }
    }

    private func disconnect(_ slot: PoolDecisions.Slot) {
        guard let connection = connections.removeValue(forKey: slot) else { return }
        Task { await connection.close() }
    }

    private func setTimer() {
        let wake = decisions.nextWake
        guard wake != timer?.at else { return }
        timer?.task.cancel()
        timer = wake.map { at in
            let task = Task {
                do {
                    try await Task.sleep(until: at, clock: .continuous)
                } catch {
                    return
                }
                timePassed(at)
            }
            return (at, task)
        }
    }

    private func timePassed(_ at: ContinuousClock.Instant) {
        if timer?.at == at { timer = nil }
        let now = ContinuousClock.now
        // So late that the process must have stood still: what connections have to tell comes first.
        if now - at > Standstill.tolerance { decisions.stoodStill(for: now - at) }
        act(decisions.timePassed(now: now))
    }
}
