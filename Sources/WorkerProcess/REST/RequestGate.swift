internal import NIOCore
internal import Synchronization

/// The shell around `RateLimiter`: lets each request wait for its turn.
///
/// One lock, held for the decision only; waiters are resumed and observers told outside of it.
final class RequestGate: Sendable {
    /// How waiting ended.
    enum Admission: Sendable, Equatable {
        case go
        case refused(RateLimiter.Refusal)
        case cancelled
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Admission, Never>
        let observer: WaitObserver?
        var nextNotice: ContinuousClock.Instant
    }

    private struct State {
        var limiter = RateLimiter()
        var waiters: [RateLimiter.Ticket: Waiter] = [:]
        var timer: Scheduled<Void>?
        var timerAt: ContinuousClock.Instant?
    }

    /// What to do once the lock is released.
    private struct Effects {
        var resumptions: [(CheckedContinuation<Admission, Never>, Admission)] = []
        var notices: [WaitObserver] = []

        func perform() {
            for (continuation, admission) in resumptions { continuation.resume(returning: admission) }
            for observer in notices { observer.isWaiting(WaitObserver.interval) }
        }
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    /// - Parameter eventLoop: runs the one timer.
    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// A place in line for a new request, kept over its repetitions.
    func ticket() -> RateLimiter.Ticket {
        state.withLock { $0.limiter.ticket() }
    }

    /// The gateway told how many workers share the limits.
    func update(_ share: RequestShare) {
        change { state, now, _ in state.limiter.update(share, now: now) }
    }

    /// Waits until the request may go. After `.go`, `finished` must be called.
    func admit(
        _ ticket: RateLimiter.Ticket, to route: Route, latest: ContinuousClock.Instant
    ) async -> Admission {
        let observer = WaitObserver.current
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                change { state, now, effects in
                    // The cancellation handler takes the same lock: it has run before, and this sees it, or it runs after
                    // and finds the waiter.
                    guard !Task.isCancelled else {
                        effects.resumptions.append((continuation, .cancelled))
                        return []
                    }
                    state.waiters[ticket] = Waiter(continuation: continuation, observer: observer, nextNotice: now)
                    return state.limiter.submit(ticket, to: route, latest: latest, now: now)
                }
            }
        } onCancel: {
            change { state, now, effects in
                guard let waiter = state.waiters.removeValue(forKey: ticket) else { return [] }
                effects.resumptions.append((waiter.continuation, .cancelled))
                return state.limiter.cancel(ticket, of: route, now: now)
            }
        }
    }

    /// An admitted request ended; `answer` is nil if none came.
    func finished(_ ticket: RateLimiter.Ticket, with answer: RateLimitAnswer?) {
        change { state, now, _ in state.limiter.finished(ticket, with: answer, now: now) }
    }

    private func change(
        _ body: (inout State, ContinuousClock.Instant, inout Effects) -> [RateLimiter.Action]
    ) {
        let now = ContinuousClock.now
        var effects = Effects()
        state.withLock { state in
            for action in body(&state, now, &effects) { collect(action, from: &state, into: &effects) }
            collectNotices(from: &state, now, into: &effects)
            setTimer(in: &state, now)
        }
        effects.perform()
    }

    private func collect(_ action: RateLimiter.Action, from state: inout State, into effects: inout Effects) {
        switch action {
        case .send(let ticket):
            guard let waiter = state.waiters.removeValue(forKey: ticket) else { return }
            effects.resumptions.append((waiter.continuation, .go))
        case .refuse(let ticket, let refusal):
            guard let waiter = state.waiters.removeValue(forKey: ticket) else { return }
            effects.resumptions.append((waiter.continuation, .refused(refusal)))
        }
    }

    /// Whoever is still waiting tells so, at first and every `WaitObserver.interval`.
    private func collectNotices(
        from state: inout State, _ now: ContinuousClock.Instant, into effects: inout Effects
    ) {
        for (ticket, waiter) in state.waiters where waiter.nextNotice <= now {
            state.waiters[ticket]?.nextNotice = now + WaitObserver.interval
            if let observer = waiter.observer { effects.notices.append(observer) }
        }
    }

    private func setTimer(in state: inout State, _ now: ContinuousClock.Instant) {
        let notice = state.waiters.values.map(\.nextNotice).min()
        guard let next = [state.limiter.wakeUp(now: now), notice].compactMap(\.self).min() else {
            state.timer?.cancel()
            state.timer = nil
            state.timerAt = nil
            return
        }
        guard state.timerAt != next else { return }
        state.timer?.cancel()
        state.timerAt = next
        // Rounded up, so that the deadline has passed when the timer fires.
        let delay = TimeAmount.nanoseconds(max(0, (next - now).wholeNanoseconds) + 1)
        state.timer = eventLoop.scheduleTask(in: delay) { [weak self] in
            self?.timerFired(next)
        }
    }

    private func timerFired(_ instant: ContinuousClock.Instant) {
        change { state, now, _ in
            if state.timerAt == instant {
                state.timer = nil
                state.timerAt = nil
            }
            return state.limiter.advance(to: now)
        }
    }
}

extension Duration {
    /// This duration in nanoseconds, cut to what fits.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflowed else { return seconds < 0 ? .min / 2 : .max / 2 }
        return product + attoseconds / 1_000_000_000
    }

    /// This duration in seconds.
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
