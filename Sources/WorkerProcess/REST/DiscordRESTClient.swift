internal import AsyncHTTPClient
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Shared
internal import Synchronization

/// Discord's REST API over HTTP.
///
/// How the parts of this folder fit together:
///
/// - `DiscordAPI` is what handlers see; `DiscordRESTClient` is the real one.
/// - A call becomes a `Route` (where to, whose limits) and a body (`MessageBody`), and goes round a loop:
///   `RequestGate` lets it wait for its turn, `HTTPTransport` carries it there and back, `RetryPolicy` says whether a
///   failure is worth another attempt.
/// - `RateLimiter` decides who may go when, a value without I/O: one `RateLimitBucket` per route, resource and bucket
///   id; `SlidingLog`s for this worker's `RequestShare` of the global limit and of the invalid requests;
///   `RefusalMemory` for what Discord refused for good. It learns from a `RateLimitAnswer` per answer.
/// - `ErrorBody` reads whatever came instead of a success, and `DiscordAPIError+Answer` says what it means.
/// - `WaitObserver` lets the dispatcher extend an event while a call of its handler waits.
///
/// Every call this client offers may be carried out twice without a second effect, so each is repeated after an
/// outcome that is not known. Nothing it logs or throws contains a token, the bot's or an interaction's.
final class DiscordRESTClient: DiscordAPI {
    /// What the client needs to know, and its limits.
    struct Options: Sendable {
        /// `DISCORD_API_URL`.
        var baseURL: String
        /// `DISCORD_TOKEN`.
        var token: Secret
        /// `DISCORD_CA_FILE`.
        var certificateFile: String?
        /// How long one attempt may take. Discord answers in well under a second; its slowest good answers take a few.
        var attemptTimeout: Duration = .seconds(10)
        /// The same for the first answer to an interaction, so that a second attempt still fits into its three seconds.
        var callbackAttemptTimeout: Duration = .milliseconds(1500)
        /// How long a call may wait for limits, from its start. Beyond it the event is better released for other work.
        var maximumWait: Duration = .seconds(60)
        var retryPolicy = RetryPolicy()
        var interactionDeadline = InteractionDeadline()

        init(baseURL: String, token: Secret) {
            self.baseURL = baseURL
            self.token = token
        }

        init(_ settings: CommonSettings) {
            self.init(baseURL: settings.apiURL.description, token: settings.token)
            certificateFile = settings.certificateAuthorityFile
        }
    }

    /// Most attempts that may end with a 429 before the call is given up; each of them waited as long as it was told.
    static let maximumLimitedAttempts = 5

    struct Call {
        let route: Route
        let payload: RequestPayload?
        var isBodyWanted = false
        let policy: RetryPolicy
        let attemptTimeout: Duration
        /// After this no attempt begins.
        var latest: ContinuousClock.Instant
        /// Whether an answer after `latest` is of no use either.
        var endsAtLatest = false

        /// How long an attempt that begins now may take.
        var timeout: Duration {
            endsAtLatest ? max(min(attemptTimeout, latest - .now), .milliseconds(50)) : attemptTimeout
        }
    }

    private struct Measurements {
        var counters = RESTCounters()
        var lastRoundTrip: Duration?
    }

    let options: Options
    private let baseURL: String
    private let transport: HTTPTransport
    private let gate: RequestGate
    private let logger: Logger
    private let measurements = Mutex(Measurements())
    /// The bot's own user, once it has been asked for.
    let knownUser = Mutex<Snowflake?>(nil)

    /// - Throws: `RESTSetupError` if the file of certificates cannot be used.
    init(
        _ options: Options, logger: Logger, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) throws(RESTSetupError) {
        self.options = options
        self.logger = logger
        baseURL = options.baseURL.hasSuffix("/") ? String(options.baseURL.dropLast()) : options.baseURL
        transport = try HTTPTransport(certificateFile: options.certificateFile, group: group)
        gate = RequestGate(eventLoop: group.next())
    }

    /// The gateway told (`welcome`, `members`) which part of the bot's limits is this worker's.
    func updateShare(shards: Int, of shardCount: Int, workers: Int) {
        gate.update(RequestShare(shards: shards, of: shardCount, workers: workers))
    }

    /// Ends all connections. Calls under way fail as `unavailable`.
    func shutdown() async {
        await transport.shutdown()
    }

    /// What has been sent so far, and how it ended.
    var counters: RESTCounters { measurements.withLock { $0.counters } }

    var lastRoundTripMilliseconds: Int? {
        measurements.withLock { $0.lastRoundTrip.map { Int($0.inSeconds * 1000) } }
    }

    func ordinary(_ route: Route, _ body: JSON?, _ attachments: [Attachment] = []) -> Call {
        Call(
            route: route, payload: body.map { RequestPayload(json: $0, attachments: attachments) },
            policy: options.retryPolicy, attemptTimeout: options.attemptTimeout,
            latest: .now + options.maximumWait)
    }

    // MARK: - The loop

    /// Sends a request until it succeeds or there is no sense in going on.
    func perform(_ call: Call) async throws(DiscordAPIError) -> ByteBuffer {
        var mayHaveBeenCarriedOut = false
        do throws(DiscordAPIError) {
            return try await perform(call, &mayHaveBeenCarriedOut)
        } catch {
            var error = error
            error.mayHaveBeenCarriedOut = mayHaveBeenCarriedOut
            throw error
        }
    }

    private func perform(
        _ call: Call, _ mayHaveBeenCarriedOut: inout Bool
    ) async throws(DiscordAPIError) -> ByteBuffer {
        let ticket = gate.ticket()
        var attempts = 0
        var limitedAttempts = 0
        while true {
            try await admit(call, ticket)
            switch await attempt(call, ticket) {
            case .success(let body): return body
            case .limited(let error):
                limitedAttempts += 1
                guard limitedAttempts < Self.maximumLimitedAttempts else { throw error }
            case .failed(let failure, let error):
                attempts += 1
                if failure.mayHaveBeenCarriedOut { mayHaveBeenCarriedOut = true }
                try await backOff(call, after: failure, error, attempts: attempts)
            }
            measurements.withLock { $0.counters.retries += 1 }
            WaitObserver.current?.isWaiting(WaitObserver.interval)
        }
    }

    private func admit(_ call: Call, _ ticket: RateLimiter.Ticket) async throws(DiscordAPIError) {
        let refusal: RateLimiter.Refusal
        switch await gate.admit(ticket, to: call.route, latest: call.latest) {
        case .go: return
        case .cancelled: throw .unavailable(call.route, "cancelled")
        case .refused(let reason): refusal = reason
        }
        measurements.withLock { $0.counters.refused += 1 }
        switch refusal {
        case .wait(let time, let reason):
            throw .unavailable(call.route, "not sent: \(reason.rawValue)", retryAfter: time)
        case .remembered(let answer):
            throw DiscordAPIError(
                kind: .rejected, status: answer.status, code: answer.code, retryAfter: nil,
                description: "\(call.route): not sent, Discord answered \(answer.status) (code \(answer.code)) lately")
        case .tokenRejected:
            throw DiscordAPIError(
                kind: .unauthorized, status: 401, code: nil, retryAfter: nil,
                description: "\(call.route): not sent, Discord does not accept the bot token")
        }
    }

    private func backOff(
        _ call: Call, after failure: RetryPolicy.Failure, _ error: DiscordAPIError, attempts: Int
    ) async throws(DiscordAPIError) {
        guard
            !Task.isCancelled,
            let delay = call.policy.delay(
                after: failure, attempts: attempts, .harmless, random: .random(in: 0..<1)),
            ContinuousClock.now + delay < call.latest
        else { throw error }
        logger.debug(
            "request failed, trying again", metadata: ["error": "\(error)", "attempts": "\(attempts)"])
        WaitObserver.current?.isWaiting(WaitObserver.interval)
        do { try await Task.sleep(for: delay) } catch { throw .unavailable(call.route, "cancelled") }
    }

    // MARK: - One attempt

    private enum AttemptResult {
        case success(ByteBuffer)
        /// A 429: the gate knows how long to wait.
        case limited(DiscordAPIError)
        case failed(RetryPolicy.Failure, DiscordAPIError)
    }

    private func attempt(_ call: Call, _ ticket: RateLimiter.Ticket) async -> AttemptResult {
        let start = ContinuousClock.now
        let outcome = await transport.exchange(request(for: call), timeout: call.timeout)
        switch outcome {
        case .failed(let failure, let reason):
            gate.finished(ticket, with: nil)
            count(call, status: 0)
            return .failed(failure, .unavailable(call.route, Task.isCancelled ? "cancelled" : reason))
        case .answered(let answer):
            let roundTrip = ContinuousClock.now - start
            measurements.withLock { $0.lastRoundTrip = roundTrip }
            logger.debug(
                "Discord answered",
                metadata: [
                    "route": "\(call.route)", "status": "\(answer.status)", "ms": "\(Int(roundTrip.inSeconds * 1000))",
                ])
            count(call, status: answer.status)
            return judge(answer, of: call, ticket)
        }
    }

    private func judge(
        _ answer: HTTPTransport.Answer, of call: Call, _ ticket: RateLimiter.Ticket
    ) -> AttemptResult {
        if (200..<300).contains(answer.status) {
            gate.finished(ticket, with: limits(of: answer, ErrorBody()))
            // Discord never answers with a page: something in between did, and Discord saw nothing.
            guard answer.headers.first(name: "Content-Type")?.lowercased().contains("html") != true else {
                return .failed(.unknown, .unavailable(call.route, "a web page came instead of Discord's answer"))
            }
            // Where the body is not needed, the status is all there is to know, even if the rest broke off.
            guard call.isBodyWanted, answer.isCut else { return .success(answer.body) }
            return .failed(.unknown, .unavailable(call.route, "the answer broke off or is too long"))
        }
        let body = ErrorBody(answer.body, contentType: answer.headers.first(name: "Content-Type"))
        let limits = limits(of: answer, body)
        gate.finished(ticket, with: limits)
        let error = DiscordAPIError(call.route, status: answer.status, body, retryAfter: limits.limited?.retryAfter)
        guard let limited = limits.limited else { return .failed(.answered(status: answer.status), error) }
        measurements.withLock { $0.counters.limited[limited.scope, default: 0] += 1 }
        logger.log(
            level: limited.scope == .address ? .error : .info, "limited by Discord",
            metadata: [
                "route": "\(call.route)", "scope": "\(limited.scope)", "retry_after": "\(limited.retryAfter)",
            ])
        return .limited(error)
    }

    private func limits(of answer: HTTPTransport.Answer, _ body: ErrorBody) -> RateLimitAnswer {
        RateLimitAnswer(
            status: answer.status, code: body.code, retryAfter: body.retryAfter, isGlobal: body.isGlobal
        ) { answer.headers.first(name: $0) }
    }

    private func request(for call: Call) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: baseURL + call.route.path)
        request.method = HTTPMethod(rawValue: call.route.method)
        request.headers.add(name: "User-Agent", value: Version.userAgent)
        request.headers.add(name: "Accept", value: "application/json")
        if let event = EventContext.current.first {
            request.headers.add(name: EventContext.header, value: "\(event)")
        }
        if call.route.routeClass == .bot {
            request.headers.add(name: "Authorization", value: "Bot \(options.token.exposed)")
        }
        if let (body, contentType) = call.payload?.encoded {
            request.headers.add(name: "Content-Type", value: contentType)
            request.body = .bytes(body)
        }
        return request
    }

    private func count(_ call: Call, status: Int) {
        let outcome = RESTCounters.Outcome(routeClass: call.route.routeClass, status: status)
        measurements.withLock { $0.counters.requests[outcome, default: 0] += 1 }
    }
}
