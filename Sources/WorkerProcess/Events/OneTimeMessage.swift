internal import Logging
internal import Shared

/// A message for a channel that is sent once, however often, however late and by however many workers it is asked for.
///
/// Discord drops a repeated nonce, but only for a few minutes; what asks for the message may come again hours later, when
/// workers, the database or Discord are back. So each message has a row in the database, made before the first request goes out:
///
/// - no row: nobody has tried, and it is sent;
/// - begun within `nonceWindow`: it is sent with the same nonce, which has no second effect;
/// - begun earlier than that: the channel is looked through for it. It is found and recorded, or it is not there and is sent;
/// - sent: there is nothing to do.
///
/// Where it cannot be told, because the bot may not read the channel's history, the message is not sent: nobody is to see it twice.
struct OneTimeMessage: Sendable {
    /// Made of what the message is about. See `Nonce`.
    let nonce: String
    let channel: Snowflake
    let message: OutgoingMessage
    /// How it is recognised in the channel.
    let trace: MessageTrace

    /// Discord remembers nonces for "the past few minutes" (resources/message.mdx): long enough for whatever went out within
    /// this to be met by its own nonce, also if it took a minute on its way.
    static let nonceWindow: Duration = .seconds(60)

    /// Discord's code for a reply by one who may not read older messages.
    private static let replyNeedsHistory = 160_002
    /// While another worker is at it.
    private static let othersPause: Duration = .seconds(1)

    /// Sends it unless it has been.
    /// - Returns: the message's id, if Discord has told it.
    @discardableResult
    func send(_ services: Services) async throws -> Snowflake? {
        // By a clock that goes on while the process stands still: whoever wakes late must not send what another worker has
        // sent meanwhile.
        let asked = ContinuousClock.now
        switch try await services.store.beginMessage(nonce, in: channel) {
        case .sent(let id): return id
        case .new(let beginning):
            return try await post(in: channel, until: asked + Self.nonceWindow, beginning, services)
        case .begun(_, let age, let place) where age < Self.nonceWindow:
            // Where it was begun: nobody says that a nonce counts for all channels.
            return try await post(in: place, until: asked + Self.nonceWindow - age, nil, services)
        case .begun(let beginning, _, let place):
            return try await find(in: place, since: beginning, services)
        }
    }

    private func find(
        in place: Snowflake, since beginning: OutgoingMessageState.Beginning, _ services: Services
    ) async throws -> Snowflake? {
        let search = MessageSearch(channel: place, message: message, trace: trace, begunAt: beginning)
        let finding = try await search.run(services.api)
        switch finding {
        case .found(let id):
            try await services.store.recordMessage(nonce, in: place, id: id)
            services.logger.info("A message that was begun earlier is there", metadata: ["message": "\(id)"])
            return id
        case .absent: return try await sendAgain(in: place, since: beginning, services)
        case .unknown:
            services.counters.change { $0.unclear += 1 }
            services.logger.warning(
                "A message may have been sent earlier, and the channel does not tell; it is not sent again",
                metadata: ["channel": "\(place)", "permission": "Read Message History"])
            return nil
        }
    }

    /// It is not there, so it is begun anew, unless another worker does the same.
    private func sendAgain(
        in place: Snowflake, since beginning: OutgoingMessageState.Beginning, _ services: Services
    ) async throws -> Snowflake? {
        let asked = ContinuousClock.now
        switch await beginAgain(after: beginning, services.store) {
        case .success(nil): throw othersSend(in: place)
        case .success(let again?):
            return try await post(in: channel, until: asked + Self.nonceWindow, again, services)
        case .failure(let error): throw error
        }
    }

    /// The outcome as a value: caught where it is thrown on, it makes the optimizer of Swift 6.3 crash.
    private func beginAgain(
        after beginning: OutgoingMessageState.Beginning, _ store: any Store
    ) async -> Result<OutgoingMessageState.Beginning?, StoreError> {
        do throws(StoreError) {
            return .success(try await store.beginMessageAgain(nonce, in: channel, after: beginning))
        } catch {
            return .failure(error)
        }
    }

    private func othersSend(in place: Snowflake) -> any Error {
        DiscordAPIError.unavailable(
            .createMessage(in: place), "another worker is sending this", retryAfter: Self.othersPause)
    }

    /// - Parameter beginning: what to withdraw if no request can have reached Discord; nil if an earlier one may have.
    private func post(
        in place: Snowflake, until end: ContinuousClock.Instant, _ beginning: OutgoingMessageState.Beginning?,
        _ services: Services
    ) async throws -> Snowflake? {
        let outcome = await attempt(in: place, until: end, services.api)
        if case .failure(let error) = outcome, !error.mayHaveBeenCarriedOut, let beginning {
            await withdraw(beginning, services)
        }
        let id = try outcome.get()
        try await record(id, in: place, services.store)
        return id
    }

    /// By itself, and not inlined: the optimizer of Swift 6.3 crashes over it elsewhere.
    @inline(never)
    private func record(_ id: Snowflake?, in place: Snowflake, _ store: any Store) async throws {
        try await store.recordMessage(nonce, in: place, id: id)
    }

    /// If this fails, the channel is looked through the next time.
    private func withdraw(_ beginning: OutgoingMessageState.Beginning, _ services: Services) async {
        do { try await services.store.withdrawMessage(nonce, begun: beginning) } catch {
            services.logger.debug("A message that was not sent is still in the books", metadata: ["reason": "\(error)"])
        }
    }

    /// The outcome as a value: caught where it is thrown on, it makes the optimizer of Swift 6.3 crash.
    private func attempt(
        in place: Snowflake, until end: ContinuousClock.Instant, _ api: any DiscordAPI
    ) async -> Result<Snowflake?, DiscordAPIError> {
        do throws(DiscordAPIError) {
            return .success(try await create(in: place, until: end, api))
        } catch {
            return .failure(error)
        }
    }

    private func create(
        in place: Snowflake, until end: ContinuousClock.Instant, _ api: any DiscordAPI
    ) async throws(DiscordAPIError) -> Snowflake? {
        do throws(DiscordAPIError) {
            return try await api.createMessage(in: place, message, nonce: nonce, until: end)
        } catch {
            guard error.code == Self.replyNeedsHistory, message.replyTo != nil else { throw error }
            var plain = message
            plain.replyTo = nil
            return try await api.createMessage(in: place, plain, nonce: nonce, until: end)
        }
    }
}
