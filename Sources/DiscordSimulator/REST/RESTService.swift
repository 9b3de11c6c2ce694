internal import NIOCore
internal import Shared

/// Takes every REST request through Discord's checks in Discord's order and hands what passes to its handler.
///
/// Not `Sendable`: it belongs to the simulator's one event loop.
final class RESTService {
    /// Base path of the one version that is served.
    static let basePath = "/api/v10"

    /// What a caller may want to know of what was asked for and refused.
    struct Statistics: Equatable, Sendable {
        /// Requests by operation, whatever became of them.
        var requests: [String: Int] = [:]
        /// Answers by status.
        var statuses: [Int: Int] = [:]
        /// Why requests were refused, the last ones, oldest first.
        var refusals: [String] = []
        /// Bans by Cloudflare that too many invalid requests brought.
        var bans = 0

        /// Which request a client said was for which of its events (`X-Olim-Event`), the last ones, oldest first.
        var traces: [Trace] = []

        /// A request for an event.
        struct Trace: Equatable, Sendable {
            let operation: String
            let event: String
        }

        /// Traces kept.
        static let keptTraces = 1000
        /// Refusals kept.
        static let keptRefusals = 200
    }

    let document: OpenAPIDocument
    var limits = RateLimitModel()
    var faults = RESTFaults()
    private(set) var statistics = Statistics()
    let handlers: RESTHandlers
    let parser = JSONParser()

    init(handlers: RESTHandlers) throws(OpenAPIError) {
        self.handlers = handlers
        document = try OpenAPIDocument()
    }

    /// Answers one request.
    func answer(_ request: RESTRequest, at now: Int) -> RESTAnswer {
        if limits.isBanned(at: now) { return Self.cloudflare }
        var progress = Progress()
        let result: Result<RESTResult, APIError>
        do throws(APIError) {
            result = .success(try carryOut(request, at: now, &progress))
        } catch {
            result = .failure(error)
        }
        var answer = progress.substitute ?? render(result)
        answer.headers = progress.headers + answer.headers
        answer.delay = progress.delay
        answer.resetsConnection = progress.resets
        note(request, progress, result, answer, at: now)
        return answer
    }

    /// What the checks on the way have found out.
    private struct Progress {
        var operation: Operation?
        var headers: [RateLimitModel.Header] = []
        /// An answer that replaces the handler's.
        var substitute: RESTAnswer?
        var isShared = false
        var resets = false
        var delay = 0
    }

    private func carryOut(
        _ request: RESTRequest, at now: Int, _ progress: inout Progress
    ) throws(APIError) -> RESTResult {
        let (path, query) = try split(request.target)
        let segments = path.split(separator: "/").map { QueryString.decode($0) }
        let match = document.routes.match(method: request.method, segments: segments)
        guard case .operation(let operation, let parameters) = match else {
            if case .wrongMethod = match { throw .wrongMethod }
            throw .notFound
        }
        progress.operation = operation
        // discord.py sends no such name to the routes that carry a token, and Discord serves it.
        let agent = request.header("user-agent") ?? ""
        guard operation.isOpen ? !agent.isEmpty : UserAgent.isValid(agent) else { throw .userAgent }
        try authorize(request, for: operation)
        let fault = faults.strike(operation: operation.id, path: path)
        guard try pass(fault, operation, parameters, request, at: now, &progress) else { return .noContent }
        var call = RESTCall(
            operation: operation, parameters: parameters, query: QueryString.parse(query),
            body: RequestBody(value: .null), now: now)
        do throws(APIError) {
            try validate(&call, request)
            let result = try handlers.handle(call)
            handlers.noteAnswer(call, status: result.status, code: nil)
            strikeAfter(fault, &progress)
            return result
        } catch {
            handlers.noteAnswer(call, status: error.status, code: error.code)
            throw error
        }
    }

    private func split(_ target: String) throws(APIError) -> (path: String, query: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts.first ?? "")
        guard path == Self.basePath || path.hasPrefix("\(Self.basePath)/") else {
            throw path.hasPrefix("/api") ? .invalidVersion : .notFound
        }
        return (String(path.dropFirst(Self.basePath.count)), parts.count > 1 ? String(parts[1]) : "")
    }

    private func authorize(_ request: RESTRequest, for operation: Operation) throws(APIError) {
        if operation.isOpen { return }
        guard request.header("authorization") == "Bot \(handlers.token)" else { throw .unauthorized }
        if !operation.takesBotToken { throw .botsCannot }
    }

    /// Applies rate limits and those faults that come before the request is carried out.
    /// - Returns: whether the request goes on.
    private func pass(
        _ fault: RESTFault.Kind?, _ operation: Operation, _ parameters: [String: String], _ request: RESTRequest,
        at now: Int, _ progress: inout Progress
    ) throws(APIError) -> Bool {
        let counted = RateLimitModel.Request(operation, parameters, address: request.address, at: now)
        switch fault {
        case .cloudflare:
            progress.substitute = Self.cloudflare
            return false
        case .limit(let scope, let wait, let code):
            refuse(limits.refuse(counted, scope: scope, retryAfter: wait, code: code, at: now), &progress)
            return false
        default: break
        }
        switch limits.admit(counted, at: now) {
        case .pass(let headers): progress.headers = headers
        case .limited(let refusal):
            refuse(refusal, &progress)
            return false
        }
        switch fault {
        case .status(let status, .before):
            progress.substitute = Self.serverError(status)
            return false
        case .reset(.before):
            progress.resets = true
            progress.substitute = Self.serverError(502)
            return false
        default: return true
        }
    }

    private func strikeAfter(_ fault: RESTFault.Kind?, _ progress: inout Progress) {
        switch fault {
        case .status(let status, .after): progress.substitute = Self.serverError(status)
        case .reset(.after): progress.resets = true
        case .delay(let wait): progress.delay = wait
        default: break
        }
    }

    private func refuse(_ refusal: RateLimitModel.Refusal, _ progress: inout Progress) {
        let seconds = Double(refusal.retryAfter) / 1_000_000
        let body = JSON.compact([
            "message": refusal.scope == .shared && refusal.code == nil
                ? "The resource is being rate limited." : "You are being rate limited.",
            "retry_after": .double(seconds), "global": .bool(refusal.scope == .global),
            "code": refusal.code.map(JSON.integer),
        ])
        progress.isShared = refusal.scope == .shared
        progress.substitute = Self.json(429, body)
        progress.headers = refusal.headers
    }

    private func note(
        _ request: RESTRequest, _ progress: Progress, _ result: Result<RESTResult, APIError>, _ answer: RESTAnswer,
        at now: Int
    ) {
        statistics.requests[progress.operation?.id ?? "unknown", default: 0] += 1
        statistics.statuses[answer.status, default: 0] += 1
        if let event = request.header("x-olim-event") {
            statistics.traces.append(.init(operation: progress.operation?.id ?? "unknown", event: event))
            if statistics.traces.count > Statistics.keptTraces { statistics.traces.removeFirst() }
        }
        if limits.note(status: answer.status, isShared: progress.isShared, at: now) { statistics.bans += 1 }
        guard case .failure(let error) = result else { return }
        let path = request.target.split(separator: "?").first.map(String.init) ?? ""
        let place = progress.operation?.id ?? path
        let details = error.errors.map { " \($0.json.text)" } ?? ""
        statistics.refusals.append(
            "\(request.method) \(place): \(error.status)/\(error.code) \(error.message)\(details)")
        if statistics.refusals.count > Statistics.keptRefusals { statistics.refusals.removeFirst() }
    }
}

/// The form that Discord asks of bots (reference.mdx, User Agent).
enum UserAgent {
    /// Whether this is `DiscordBot ($url, $version)`, with anything behind it. The comma is not insisted upon:
    /// discord.py, which Discord serves, leaves it out.
    static func isValid(_ header: String?) -> Bool {
        header?.prefixMatch(of: /DiscordBot \(\S+[ ,]\s*[^\s)][^)]*\)/) != nil
    }
}
