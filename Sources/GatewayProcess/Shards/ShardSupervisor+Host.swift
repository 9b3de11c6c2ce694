internal import Logging
internal import NIOCore
internal import Shared

// What the sessions ask of their supervisor, and what it asks of Discord for them.
extension ShardSupervisor: SessionHost {
    nonisolated func requestPermit(for shard: Int) {
        assumeIsolated { supervisor in
            supervisor.limiter.request(shard: shard)
            // Not at once: the session is in the middle of its actions.
            supervisor.eventLoop.execute { supervisor.assumeIsolated { $0.grantPermits() } }
        }
    }

    nonisolated func withdrawPermit(of shard: Int) {
        assumeIsolated { supervisor in
            supervisor.limiter.withdraw(shard: shard)
            supervisor.eventLoop.execute { supervisor.assumeIsolated { $0.grantPermits() } }
        }
    }

    nonisolated func identified(_ shard: Int) {
        assumeIsolated { supervisor in
            supervisor.limiter.sent(shard: shard, now: .now(), wall: WallClock.now())
            supervisor.eventLoop.execute { supervisor.assumeIsolated { $0.grantPermits() } }
        }
    }

    nonisolated func generalURL() -> String? {
        assumeIsolated { supervisor in
            if supervisor.isStale { supervisor.ask() }
            return supervisor.answer?.bot.url
        }
    }

    nonisolated func sessionChanged(_ shard: Int) {
        assumeIsolated { supervisor in
            supervisor.eventLoop.execute { supervisor.assumeIsolated { $0.afterChange(of: shard) } }
        }
    }

    nonisolated func learned(applicationID: Snowflake?, userID: Snowflake?) {
        assumeIsolated { supervisor in
            supervisor.file.applicationID = applicationID ?? supervisor.file.applicationID
            supervisor.file.userID = userID ?? supervisor.file.userID
        }
    }

    nonisolated func ended(_ shard: Int, _ ending: SessionAction.Ending) {
        assumeIsolated { $0.shardEnded(shard, ending) }
    }

    nonisolated func holdsDeadlines(now: NIODeadline) -> Bool {
        assumeIsolated { $0.monitor.isSettling(now: now) }
    }
}

extension ShardSupervisor {
    private func afterChange(of shard: Int) {
        // A crash from here on must find the session, or it could not be resumed.
        writeNow()
        guard let session = sessions[shard], session.assumeIsolated({ $0.isLive }) else { return }
        onLive?()
        onLive = nil
    }

    private func shardEnded(_ shard: Int, _ ending: SessionAction.Ending) {
        guard case .fatal(let code, let exit) = ending else { return }
        let meaning = GatewayCloseCode(rawValue: Int(code))?.explanation ?? "unknown"
        var message = "Discord closed shard \(shard) with \(code): \(meaning)"
        switch GatewayCloseCode(rawValue: Int(code)) {
        case .authenticationFailed: message += "; check DISCORD_TOKEN"
        case .disallowedIntents:
            let names = configuration.credentials.intents.intersection(.privileged).textNames.joined(separator: ", ")
            message +=
                "; switch on \(names) under Bot, Privileged Gateway Intents at "
                + "https://discord.com/developers/applications, or leave them out of DISCORD_INTENTS"
        case .invalidIntents: message += "; check DISCORD_INTENTS"
        case .invalidShard, .shardingRequired:
            message += "; check DISCORD_SHARDS"
            // With `auto`, the next start asks Discord for the count; one that an operator chose is his to change.
            if case .automatic = configuration.selection { isCountRefused = true }
        default: break
        }
        switch exit {
        case .rejected: reject(message)
        case .success, .usage, .unavailable, .configuration: finish(.fatal(exit, message))
        }
    }

    // MARK: Identifying

    var isStale: Bool { answer.map { .now() - $0.at >= Self.freshness } ?? true }

    /// Lets those identify whose turn it is, and sets a timer for the next.
    func grantPermits() {
        guard ending == nil, limiter.isWanted else { return }
        if isStale, asking == nil { ask() }
        guard asking == nil else { return }
        limiterTimer?.cancel()
        while true {
            switch limiter.next(now: .now(), wall: WallClock.now()) {
            case .idle: return
            case .grant(let shard):
                identifyNote = nil
                // Counted on disk before it is sent: a crash must not find it uncounted.
                writeNow()
                sessions[shard]?.assumeIsolated { $0.permitGranted() }
            case .wait(let until, let why):
                waitToIdentify(until: until, why: why)
                return
            }
        }
    }

    private func waitToIdentify(until: NIODeadline, why: String?) {
        limiterTimer = eventLoop.scheduleTask(deadline: until) { self.assumeIsolated { $0.grantPermits() } }
        guard let why else { return }
        let note =
            "may not identify until \(WallClock.text(WallClock.now() + (until - .now()).nanoseconds / 1000)): \(why)"
        if note.prefix(40) != identifyNote?.prefix(40) {
            logger.warning("waiting to identify", metadata: ["note": "\(note)"])
        }
        identifyNote = note
    }

    // MARK: GET /gateway/bot

    /// Asks until there is an answer, one question at a time.
    func ask() {
        guard asking == nil, ending == nil else { return }
        asking = Task { await self.askUntilAnswered() }
    }

    private func askUntilAnswered() async {
        var wait = configuration.firstRetry
        while ending == nil {
            var pause = wait
            do throws(GatewayBotFailure) {
                let bot = try await client.fetch()
                asking = nil
                return answered(bot)
            } catch .unauthorized {
                asking = nil
                return reject("Discord rejects the bot token (HTTP 401); check DISCORD_TOKEN")
            } catch .rateLimited(let retryAfter) {
                pause = max(pause, retryAfter)
                logger.warning(
                    "GET /gateway/bot is rate limited", metadata: ["wait_ms": "\(pause.nanoseconds / 1_000_000)"])
            } catch {
                guard ending == nil else { return }
                logger.warning(
                    "GET /gateway/bot failed; trying again",
                    metadata: ["reason": "\(error)", "wait_ms": "\(pause.nanoseconds / 1_000_000)"])
            }
            let jittered = Int64.random(in: pause.nanoseconds...(pause.nanoseconds * 5 / 4))
            try? await Task.sleep(for: .nanoseconds(jittered))
            wait = min(wait * 2, Self.longestRetry)
        }
        asking = nil
    }

    private func answered(_ bot: GatewayBot) {
        guard ending == nil else { return }
        let now = NIODeadline.now()
        answer = (bot, now)
        limiter.update(
            SessionStartLimit(
                total: bot.total, remaining: bot.remaining, resetsAt: now + bot.resetAfter,
                maxConcurrency: bot.maxConcurrency))
        logger.debug(
            "Discord's gateway is known",
            metadata: ["shards": "\(bot.shards)", "identifies_remaining": "\(bot.remaining)", "of": "\(bot.total)"])
        startSessions(count: bot.shards)
        for session in sessions.values { session.assumeIsolated { $0.generalURLKnown() } }
        grantPermits()
    }
}
