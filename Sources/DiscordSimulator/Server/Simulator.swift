internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Shared

/// The whole of the simulated Discord: the world, its gateway, its REST API and the control API over them.
///
/// Not `Sendable`: it lives on one event loop.
final class Simulator {
    let world: World
    let gateway: GatewayServer
    let rest: RESTService
    let options: SimulatorOptions
    let parser = JSONParser(maximumBytes: 64 << 20)
    let loop: NIOIsolatedEventLoop
    var founding: Founding
    var waits: [Wait] = []
    private var areWaitsScheduled = false
    private var knownBotMessages: Set<Snowflake> = []
    /// Told of what the bot says.
    var botSaid: (_ message: JSON, _ isNew: Bool) -> Void = { _, _ in }
    /// Closes and opens the listener of the resume URL.
    var setResumeListener: (_ isUp: Bool) -> Void = { _ in }
    private var isStopped = false

    init(_ options: SimulatorOptions, loop: any EventLoop) throws {
        self.options = options
        self.loop = loop.assumeIsolated()
        let clock = WallClock()
        world = World(
            application: Founding.application(token: options.token, allowedIntents: options.allowedIntents),
            identifyBudget: IdentifyBudget(total: options.sessionLimit, maxConcurrency: options.maxConcurrency),
            recommendedShards: options.recommendedShards, limits: options.limits, seed: options.seed,
            clock: { clock.now })
        if let remaining = options.sessionRemaining {
            world.identifyBudget.setRemaining(remaining, resetAfter: 3_600_000, at: world.clock())
        }
        founding = Founding(seed: options.seed)
        founding.populate(world, plan: options.plan)
        gateway = GatewayServer(world: world, settings: options.gateway, loop: self.loop)
        rest = try RESTService(handlers: RESTHandlers(world: world))
        rest.limits = RateLimitModel(configuration: Self.limits(options))
        world.emit = { [unowned self] in gateway.emit($0) }
        world.changed = { [unowned self] in checkWaitsSoon() }
        world.stored = { [unowned self] in noteStored($0) }
        for fault in options.faults { try order(fault) }
        tickLater()
    }

    private static func limits(_ options: SimulatorOptions) -> RateLimitModel.Configuration {
        var configuration = RateLimitModel.Configuration()
        configuration.global = RateLimitModel.Limit(options.globalLimit, perMilliseconds: 1000)
        if !options.hasRateLimits {
            configuration = .unlimited
        }
        return configuration
    }

    /// Ends every connection and timer.
    func stop() {
        isStopped = true
        for wait in waits { wait.answer(false) }
        waits = []
        for connection in gateway.connections.values {
            gateway.close(connection, code: 1001, reason: "the simulator ends")
        }
    }

    /// Looks at deadlines from time to time.
    private func tickLater() {
        loop.scheduleTask(in: .milliseconds(20)) { [self] in
            guard !isStopped else { return }
            tick()
            tickLater()
        }
    }

    private func tick() {
        gateway.tick()
        let now = world.clock()
        if waits.contains(where: { $0.deadline <= now }) { checkWaits() }
    }

    // MARK: - Requests

    /// Whether a request for an upgrade is one for the gateway.
    func mayUpgrade(_ target: String) -> Bool {
        !target.hasPrefix("/api") && !target.hasPrefix("/simulator")
            && gateway.faults.take(.refuseConnection) == nil
    }

    /// Makes the handler of a connection to the gateway.
    func makeConnection(_ target: String, isResumeURL: Bool) -> GatewayConnection {
        let query = target.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
        let fields = Dictionary(
            QueryString.parse(query).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        let parameters = GatewayServerSession.Parameters(
            version: fields["v"], encoding: fields["encoding"], compress: fields["compress"])
        return gateway.makeConnection(parameters, isResumeURL: isResumeURL)
    }

    /// Answers any HTTP request, now or later.
    func answer(_ request: RESTRequest, with reply: @escaping (RESTAnswer) -> Void) {
        if request.target.hasPrefix("/simulator") { return control(request, with: reply) }
        if request.target.hasPrefix("/api") { return reply(rest.answer(request, at: world.clock())) }
        if request.header("upgrade") != nil {
            return reply(.text(503, "The gateway does not take connections by order of a fault.\n"))
        }
        reply(.text(404, "This is olim-simulator: REST is under /api/v10, the control API under /simulator.\n"))
    }

    // MARK: - What the bot says

    private func noteStored(_ message: JSON) {
        guard message["author"]?["id"]?.id == world.application.id, let id = message["id"]?.id else { return }
        let isNew = knownBotMessages.insert(id).inserted
        if isNew {
            gateway.ledger.botMessages.append(
                Ledger.BotMessage(
                    id: id, channel: message["channel_id"]?.id ?? Snowflake(0), nonce: message["nonce"],
                    content: message["content"]?.string ?? "", at: world.clock(),
                    isAnswer: message["interaction_metadata"] != nil))
        }
        botSaid(message, isNew)
    }

    // MARK: - Waiting

    private func checkWaitsSoon() {
        guard !areWaitsScheduled, !waits.isEmpty else { return }
        areWaitsScheduled = true
        loop.execute { [self] in
            areWaitsScheduled = false
            checkWaits()
        }
    }

    private func checkWaits() {
        let now = world.clock()
        let (done, open) = waits.reduce(into: ([(Wait, Bool)](), [Wait]())) { result, wait in
            if wait.conditions.allSatisfy({ $0.holds(in: self) }) {
                result.0.append((wait, true))
            } else if wait.deadline <= now {
                result.0.append((wait, false))
            } else {
                result.1.append(wait)
            }
        }
        waits = open
        for (wait, isMet) in done { wait.answer(isMet) }
    }
}

/// The time of day, which never goes back: the wall clock at the start, and a monotonic one since.
private struct WallClock {
    private let start: Int
    private let origin = NIODeadline.now()

    init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        start = time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    /// Microseconds since 1970.
    var now: Int { start + Int((NIODeadline.now() - origin).nanoseconds / 1000) }
}

extension RESTAnswer {
    /// An answer in plain text.
    static func text(_ status: Int, _ text: String) -> RESTAnswer {
        RESTAnswer(
            status: status, headers: [RateLimitModel.Header("Content-Type", "text/plain; charset=utf-8")],
            body: ByteBuffer(string: text))
    }

    /// An answer of the control API, on one line.
    static func json(_ status: Int, _ value: JSON) -> RESTAnswer {
        var body = ByteBuffer()
        body.writeJSON(value)
        body.writeStaticString("\n")
        return RESTAnswer(
            status: status, headers: [RateLimitModel.Header("Content-Type", "application/json")], body: body)
    }
}
