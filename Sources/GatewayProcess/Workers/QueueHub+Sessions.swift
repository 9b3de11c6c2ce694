internal import Logging
internal import NIOCore
internal import Shared

/// What the sessions hand in and ask.
extension QueueHub {
    nonisolated func receive(_ burst: [Dispatch]) -> Bool { assumeIsolated { $0.take(burst) } }

    nonisolated func sessionRestored(shard: Int, session: String, finishedUpTo sequence: Int) {
        assumeIsolated { $0.queue.ledger.finish(shard: shard, session: session, upTo: sequence) }
    }

    nonisolated func sessionBegan(shard: Int, session: String, resumed: Bool) {
        assumeIsolated { hub in
            if hub.store.durability == .memory { hub.queue.ledger.begin(shard: shard, session: session) }
        }
    }

    nonisolated func sessionGap(_ gap: SessionGap) { assumeIsolated { $0.remember(gap) } }

    nonisolated var keepsSequences: Bool { settings.durability != .memory }

    nonisolated func durableSequence(shard: Int, session: String) -> Int? {
        assumeIsolated { $0.store.durableSequence(shard: shard, session: session) }
    }

    nonisolated func memberRequestLimited(shard: Int, guild: Snowflake, nonce: String?, retryAfter: Double) {
        assumeIsolated { $0.refuseMemberRequest(shard: shard, guild: guild, nonce: nonce, retryAfter: retryAfter) }
    }

    /// - Returns: false if it could not be written down.
    private func take(_ burst: [Dispatch]) -> Bool {
        let now = now
        let wall = WallClock.now()
        defer { scheduleTurn() }
        let receptions = store.receive(burst, now: now, wall: wall)
        // By places: a copy of each dispatch would count its references.
        for place in receptions.indices {
            if !memberRequests.isEmpty { answerMemberRequest(with: burst[place]) }
            if receptions[place] == .refused { return false }
            guard case .queued(let id) = receptions[place] else { continue }
            if logsEvents { log(burst[place], id: id) }
            if let interaction = burst[place].interaction {
                deferral.received(interaction, as: id, now: now, wall: wall)
            }
            if tailCount > 0 { showTail(burst[place], id: id) }
        }
        return true
    }

    private func remember(_ gap: SessionGap) {
        counters.lost += 1
        gaps.append(gap)
        if gaps.count > Self.rememberedGaps { gaps.removeFirst() }
        logger.error(
            "a session was lost, and what Discord sent meanwhile is not replayed",
            metadata: [
                "shard": "\(gap.shard)", "from": "\(gap.from.map(WallClock.text) ?? "before the start")",
                "to": "\(WallClock.text(gap.to))", "reason": "\(gap.reason)",
            ])
    }

    /// So many of the last ones are in status.
    private static let rememberedGaps = 20

    // MARK: Member requests

    private func refuseMemberRequest(shard: Int, guild: Snowflake, nonce: String?, retryAfter: Double) {
        counters.memberRequestsLimited += 1
        guard let request = memberRequests.limited(shard: shard, guild: guild, nonce: nonce) else { return }
        answer(request, failure: "Discord's RATE_LIMITED: members of this guild may be requested in \(retryAfter) s")
        scheduleTurn()
    }

    func finishMemberRequests(now: NIODeadline) {
        for request in memberRequests.due(now: now) { answer(request, failure: nil) }
    }

    /// Where an event's id begins, by which it can be followed through all logs.
    private func log(_ dispatch: Dispatch, id: EventID) {
        logger.debug(
            "event received",
            metadata: [
                "event": "\(id)", "t": "\(dispatch.type)", "key": "\(dispatch.key)", "shard": "\(dispatch.shard)",
                "sequence": "\(dispatch.sequence)",
            ])
    }

    private func answerMemberRequest(with dispatch: Dispatch) {
        guard dispatch.type == "GUILD_MEMBERS_CHUNK", let guild = dispatch.guildID,
            let request = memberRequests.answered(shard: dispatch.shard, guild: guild)
        else { return }
        answer(request, failure: nil)
    }

    private func answer(_ request: MemberRequests.Request, failure: String?) {
        guard let connection = connections[request.connection] else { return }
        finishCommand(request.ref, of: connection, failure: failure)
    }

    // MARK: Deferral

    func deferInteractions(now: NIODeadline) {
        guard let due = deferral.nextDeadline, due <= now else { return }
        for (call, head, end) in deferral.due(now: now, lists: queue.wishes.interactionLists) {
            counters.deferralsTried += 1
            // Ends with its timeout of 1.5 s at the latest; a gateway that stops meanwhile leaves it ambiguous.
            Task { [callback] in
                let outcome = await callback(call)
                self.finishDeferral(call, head: head, end: end, outcome: outcome)
            }
        }
    }

    private func finishDeferral(
        _ call: DeferralPolicy.Call, head: InteractionHead, end: NIODeadline, outcome: DeferralPolicy.Outcome
    ) {
        let metadata: Logger.Metadata = ["event": "\(call.event)", "outcome": "\(outcome)"]
        switch outcome {
        case .deferred, .ambiguous:
            counters.deferred += 1
            queue.markDeferred(call.event)
            logger.info("interaction deferred, because no worker answered in time", metadata: metadata)
        case .refused:
            counters.deferralsFailed += 1
            logger.warning("interaction could not be deferred", metadata: metadata)
        case .unreachable:
            counters.deferralsFailed += 1
            logger.warning("interaction could not be deferred", metadata: metadata)
            if queue.isUnfinished(call.event) { deferral.failed(call, head: head, end: end, now: now) }
        }
        scheduleTurn()
    }
}
