/// Decides who gets which connection, when to connect, and whom to tell that there is none.
///
/// Connections are slots. A slot is empty, connecting, idle or leased. While the server cannot be reached, attempts follow a
/// backoff; a call that finds that state waits for as long as any other while it is new, and is told at once when it has
/// lasted longer than that.
struct PoolDecisions: Sendable {
    typealias Slot = Int
    typealias Waiter = UInt64

    /// What the shell must do.
    enum Action: Sendable, Equatable {
        case grant(Slot, to: Waiter)
        case fail(Waiter, StoreError)
        case connect(Slot)
        case disconnect(Slot)
    }

    /// Backoff between attempts to connect.
    struct Backoff: Sendable {
        var first: Duration = .milliseconds(50)
        var longest: Duration = .seconds(2)
    }

    private enum SlotState: Equatable {
        case empty, connecting, idle, leased
    }

    private struct Waiting {
        let id: Waiter
        var deadline: ContinuousClock.Instant
    }

    /// What is known of a server that did not let us in.
    private struct Outage {
        var since: ContinuousClock.Instant
        var failures: Int
        var nextAttempt: ContinuousClock.Instant
        var error: StoreError
    }

    private let patience: Duration
    private let backoff: Backoff
    private var slots: [SlotState]
    /// The most recently used last: it is the likeliest to be warm.
    private var idle: [Slot] = []
    private var waiters: [Waiting] = []
    private var outage: Outage?
    private var isClosed = false

    /// - Parameter patience: how long a waiter waits.
    init(size: Int, patience: Duration, backoff: Backoff = Backoff()) {
        slots = Array(repeating: .empty, count: size)
        self.patience = patience
        self.backoff = backoff
    }

    /// When `timePassed` has something to do.
    var nextWake: ContinuousClock.Instant? {
        guard let deadline = waiters.first?.deadline else { return nil }
        guard let outage, !slots.contains(.connecting) else { return deadline }
        return min(deadline, outage.nextAttempt)
    }

    /// Someone wants a connection.
    mutating func asked(_ waiter: Waiter, now: ContinuousClock.Instant) -> [Action] {
        guard !isClosed else { return [.fail(waiter, Self.closed)] }
        // A connection that is at work will come back, also where the server lets no further ones in.
        if let outage, now - outage.since > patience, now < outage.nextAttempt, idle.isEmpty, !slots.contains(.leased) {
            return [.fail(waiter, outage.error)]
        }
        waiters.append(Waiting(id: waiter, deadline: now + patience))
        return progress(now)
    }

    /// A waiter has gone away by itself. One that has been granted a slot meanwhile returns it as anyone does.
    mutating func cancelled(_ waiter: Waiter, now: ContinuousClock.Instant) -> [Action] {
        guard let index = waiters.firstIndex(where: { $0.id == waiter }) else { return [] }
        waiters.remove(at: index)
        let error = StoreError(kind: .unavailable, code: nil, description: "the task was cancelled")
        return [.fail(waiter, error)]
    }

    /// An attempt to connect succeeded.
    mutating func connected(_ slot: Slot, now: ContinuousClock.Instant) -> [Action] {
        outage = nil
        guard !isClosed else {
            slots[slot] = .empty
            return [.disconnect(slot)]
        }
        slots[slot] = .idle
        idle.append(slot)
        return progress(now)
    }

    /// An attempt to connect failed. `jitter` is from 0 to 1.
    mutating func connectFailed(
        _ slot: Slot, _ error: StoreError, now: ContinuousClock.Instant, jitter: Double
    ) -> [Action] {
        slots[slot] = .empty
        guard !isClosed else { return [] }
        var current = outage ?? Outage(since: now, failures: 0, nextAttempt: now, error: error)
        current.error = error
        // Attempts that were under way together count once.
        if now >= current.nextAttempt {
            let doubled = backoff.first * (1 << min(current.failures, 16))
            current.failures += 1
            current.nextAttempt = now + min(doubled, backoff.longest) * (0.75 + jitter / 2)
        }
        outage = current
        // Retrying is pointless, or has been for as long as anyone waits. Whoever can be served by a connection that
        // still works (too many connections, say) is not told so.
        let isHopeless = error.kind == .misconfigured || now - current.since > patience
        guard isHopeless, !slots.contains(.leased), !slots.contains(.connecting) else { return [] }
        defer { waiters = [] }
        return waiters.map { .fail($0.id, error) }
    }

    /// A call is done with its slot. A broken connection is replaced when the next call needs one, and so are the idle ones:
    /// what broke it (a restart, a changed schema) has most likely happened to them too.
    mutating func returned(_ slot: Slot, isBroken: Bool, now: ContinuousClock.Instant) -> [Action] {
        if isBroken || isClosed {
            let lost = [slot] + idle
            for slot in lost { slots[slot] = .empty }
            idle = []
            return lost.map { .disconnect($0) } + (isClosed ? [] : progress(now))
        }
        slots[slot] = .idle
        idle.append(slot)
        return progress(now)
    }

    /// `nextWake` is reached.
    mutating func timePassed(now: ContinuousClock.Instant) -> [Action] {
        var actions: [Action] = []
        while let first = waiters.first, first.deadline <= now {
            waiters.removeFirst()
            actions.append(.fail(first.id, outage?.error ?? overdue))
        }
        return actions + progress(now)
    }

    /// The process stood still for so long: nobody has waited in it.
    mutating func stoodStill(for gap: Duration) {
        for index in waiters.indices { waiters[index].deadline += gap }
        outage?.since += gap
    }

    /// Nobody gets anything any more.
    mutating func close() -> [Action] {
        guard !isClosed else { return [] }
        isClosed = true
        let failures = waiters.map { Action.fail($0.id, Self.closed) }
        let disconnects = idle.map { Action.disconnect($0) }
        for slot in idle { slots[slot] = .empty }
        waiters = []
        idle = []
        return failures + disconnects
    }

    /// How the connections are used now.
    var usage: PoolUsage {
        PoolUsage(
            idle: slots.count { $0 == .idle }, used: slots.count { $0 == .leased },
            connecting: slots.count { $0 == .connecting }, waiting: waiters.count)
    }

    /// Whether every connection is gone.
    var isEmpty: Bool { slots.allSatisfy { $0 == .empty } }

    /// Serves waiters in order from idle slots, then connects as many empty slots as there are waiters left.
    private mutating func progress(_ now: ContinuousClock.Instant) -> [Action] {
        var actions: [Action] = []
        while let waiter = waiters.first, let slot = idle.popLast() {
            waiters.removeFirst()
            slots[slot] = .leased
            actions.append(.grant(slot, to: waiter.id))
        }
        var connecting = slots.count { $0 == .connecting }
        // One attempt at a time while the server is not there.
        if let outage, now < outage.nextAttempt || connecting > 0 { return actions }
        let wanted = outage == nil ? waiters.count : min(waiters.count, 1)
        for slot in slots.indices where connecting < wanted && slots[slot] == .empty {
            slots[slot] = .connecting
            connecting += 1
            actions.append(.connect(slot))
        }
        return actions
    }

    private static let closed = StoreError(kind: .closed, code: nil, description: "the store is closed")

    /// What keeps waiters waiting while the server is thought to be there.
    private var overdue: StoreError {
        StoreError(
            kind: .unavailable, code: nil,
            description: slots.contains(.leased)
                ? "none of \(slots.count) database connections was free within \(patience) (DATABASE_POOL_SIZE)"
                : "the database server has not let us in within \(patience)")
    }
}
