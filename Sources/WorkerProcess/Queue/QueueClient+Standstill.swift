internal import Logging
internal import NIOCore
internal import Shared

/// The process can stand still: SIGSTOP, a machine without a free core. What the gateway did meanwhile is read first, then every
/// deadline gets the time back.
///
/// Rate limits and the deadlines of interactions are by Discord's clock, leases by the database's: those have gone on.
extension QueueClient {
    func watchTime() {
        monitor = LoopMonitor(now: .now())
        ticks = eventLoop.scheduleRepeatedTask(initialDelay: LoopMonitor.interval, delay: LoopMonitor.interval) {
            [weak self] _ in self?.assumeIsolated { $0.tick(now: .now()) }
        }
    }

    func tick(now: NIODeadline) {
        guard monitor.tick(now: now) else { return }
        eventLoop.scheduleTask(in: LoopMonitor.settling) { self.assumeIsolated { $0.socketsRead() } }
    }

    private func socketsRead() {
        guard let gap = monitor.settled() else { return }
        logger.warning(
            "The worker stood still; deadlines are put off",
            metadata: ["milliseconds": "\(gap.nanoseconds / 1_000_000)"])
        if case .draining = phase {
            drainDeadline = drainDeadline + gap
            setDrainTimer()
        }
        readComplete()
    }

    func setDrainTimer() {
        drainTimer?.cancel()
        drainTimer = eventLoop.scheduleTask(deadline: drainDeadline) {
            self.assumeIsolated { client in
                // `socketsRead` sets it anew.
                guard !client.monitor.isSettling(now: .now()) else { return }
                client.drainTimedOut()
            }
        }
    }
}
