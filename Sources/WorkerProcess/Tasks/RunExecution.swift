internal import Logging
internal import Shared

/// One run from its claim to its end.
struct RunExecution: Sendable {
    /// What is missed by more than this is not made up any more.
    static let longestDelay: Int64 = 12 * 3600 * 1_000_000
    /// A run that fails so often, each time for a reason of its own, is given up.
    static let maximumAttempts = 5
    /// Discord's code for a channel that does not exist.
    private static let unknownChannel = 10003

    let run: DailyRun
    let task: any DailyTask
    let lease: Duration
    let services: Services
    /// Microseconds since 1970.
    let now: @Sendable () -> Int64
    /// Waits until it may post.
    let turn: @Sendable () async -> Void

    func execute() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await keepLease() }
            await attempt()
            group.cancelAll()
        }
    }

    /// Limits of Discord's may hold for longer than the lease.
    private func keepLease() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: lease / 3)
            guard !Task.isCancelled else { return }
            // If it is lost, whoever has it finds what was posted.
            _ = try? await services.store.renewRun(run, lease: lease)
        }
    }

    private func attempt() async {
        do {
            try await end(try await outcome())
        } catch let error as DiscordAPIError where error.kind == .rejected {
            await fail(error)
        } catch {
            await putOff(error)
        }
    }

    private func outcome() async throws -> DailyRun.Ending {
        let delay = now() - run.dueAt
        guard run.post == nil else { return .done }
        guard delay <= Self.longestDelay else { return .skipped("missed by \(delay / 3_600_000_000) hours") }
        let configuration = try await services.store.configuration(of: run.key.guild)
        guard let channel = configuration.dailyChannel, !configuration.hasLeft else { return .skipped("switched off") }
        switch try await task.content(of: run, configuration, services) {
        case .nothing(let reason): return .skipped(reason)
        case .message(let message):
            let post = OneTimeMessage(
                nonce: run.key.nonce, channel: channel, message: message, trace: .footer(run.key.footer))
            await turn()
            if let id = try await post.send(services) {
                _ = try await services.store.recordPost(.init(channel: channel, message: id), of: run)
            }
            return .done
        }
    }

    private func end(_ ending: DailyRun.Ending) async throws {
        guard try await services.store.endRun(run, ending) else { return }
        services.counters.change { $0.runs[ending.state, default: 0] += 1 }
    }

    /// Discord refuses it for good: an admin is told, and there is no second try today.
    private func fail(_ error: DiscordAPIError) async {
        do {
            let configuration = try await services.store.configuration(of: run.key.guild)
            if let channel = configuration.dailyChannel {
                let cause: AdminNote.Cause =
                    error.code == Self.unknownChannel ? .dailyChannelGone : .dailyForbidden
                let note = AdminNote(cause: cause, channel: channel, at: now())
                if try await services.store.addNote(note, to: run.key.guild) {
                    services.logger.notice(
                        "A daily post was refused; admins see it in /config show",
                        metadata: ["guild": "\(run.key.guild)", "task": "\(run.key.task)", "reason": "\(error)"])
                }
            }
            try await end(.failed("\(error)"))
        } catch {
            await putOff(error)
        }
    }

    /// Later, or, after too many tries, not at all. A database that is down lets the lease end.
    private func putOff(_ error: any Error) async {
        guard !Task.isCancelled else { return }
        let reason = "\(error)"
        let wait: Duration
        switch HandlerFailure(error) {
        case .notNow(let time, _): wait = time
        case .databaseDown, .unauthorized, .tooLate: return
        case .failed, .pointless:
            guard run.attempts < Self.maximumAttempts else {
                _ = try? await services.store.endRun(run, .failed(reason))
                return
            }
            wait = .seconds(30) * run.attempts
        }
        services.logger.info(
            "A daily run is put off",
            metadata: ["guild": "\(run.key.guild)", "task": "\(run.key.task)", "reason": "\(reason)"])
        try? await services.store.putOffRun(run, for: wait, reason: reason)
    }
}
