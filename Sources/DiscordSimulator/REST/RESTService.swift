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

        /// Refusals kept.
        static let keptRefusals = 200
    }

    let document: OpenAPIDocument
    var limits = RateLimitModel()
    var faults = RESTFaults()
    private(set) var statistics = Statistics()
    let handlers: RESTHandlers
    private let parser = JSONParser()

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
        guard UserAgent.isValid(request.header("user-agent")) else { throw .userAgent }
        let (path, query) = try split(request.target)
        let segments = path.split(separator: "/").map { QueryString.decode($0) }
        let match = document.routes.match(method: request.method, segments: segments)
        guard case .operation(let operation, let parameters) = match else {
            if case .wrongMethod = match { throw .wrongMethod }
            throw .notFound
        }
        progress.operation = operation
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

// MARK: - Forms

extension RESTService {
    private func validate(_ call: inout RESTCall, _ request: RESTRequest) throws(APIError) {
        if request.body.readableBytes > MessageRules.maximumRequestBytes { throw .tooLarge }
        var errors = FormErrors()
        do throws(OpenAPIError) {
            try validateParameters(call, into: &errors)
        } catch {
            throw APIError(500, 0, error.description)
        }
        if !errors.isEmpty { throw .invalidForm(errors) }
        if !call.operation.bodies.isEmpty { try readBody(&call, request) }
    }

    private func validateParameters(_ call: RESTCall, into errors: inout FormErrors) throws(OpenAPIError) {
        let validator = SchemaValidator(library: document.library, coercesText: true)
        for parameter in call.operation.pathParameters {
            let value = call.parameters[parameter.name] ?? ""
            try validator.validate(.string(value), against: parameter.schema, at: [parameter.name], into: &errors)
        }
        for parameter in call.operation.queryParameters {
            let values = call.query.filter { $0.name == parameter.name }.map { JSON.string($0.value) }
            if values.isEmpty {
                if parameter.isRequired { errors.addRequired(at: [parameter.name]) }
                continue
            }
            let value = values.count == 1 ? values[0] : .array(values)
            try validator.validate(value, against: parameter.schema, at: [parameter.name], into: &errors)
        }
    }

    private func readBody(_ call: inout RESTCall, _ request: RESTRequest) throws(APIError) {
        let accepted = call.operation.bodies.map(\.contentType)
        let contentType = request.header("content-type")
        do throws(RequestBody.Failure) {
            call.body = try RequestBody.read(request.body, contentType: contentType, accepted: accepted, parser: parser)
        } catch {
            throw APIError(error)
        }
        var errors = FormErrors()
        for file in call.body.files where file.size > MessageRules.maximumFileBytes {
            errors.add("FILE_TOO_LARGE", "The file is larger than 10 MiB.", at: [file.field])
        }
        let type = ContentType(contentType ?? "").type
        if let schema = call.operation.bodies.first(where: { $0.contentType == type })?.schema {
            do throws(OpenAPIError) {
                try SchemaValidator(library: document.library, coercesText: call.body.isForm)
                    .validate(call.body.value, against: schema, at: [], into: &errors)
            } catch {
                throw APIError(500, 0, error.description)
            }
        }
        if !errors.isEmpty { throw .invalidForm(errors) }
    }
}

// MARK: - Answers

extension RESTService {
    /// Google's load balancer is in front of Discord; a ban by Cloudflare is told by its absence.
    private static let via = RateLimitModel.Header("Via", "1.1 google")

    private static func json(_ status: Int, _ value: JSON) -> RESTAnswer {
        var body = ByteBuffer()
        body.writeJSON(value)
        return RESTAnswer(
            status: status, headers: [RateLimitModel.Header("Content-Type", "application/json"), via], body: body)
    }

    private func render(_ result: Result<RESTResult, APIError>) -> RESTAnswer {
        switch result {
        case .success(.json(let status, let value)): Self.json(status, value)
        case .success(.noContent): RESTAnswer(status: 204, headers: [Self.via], body: ByteBuffer())
        case .failure(let error): Self.json(error.status, error.json)
        }
    }

    /// An error of something between client and API, whose body is no JSON.
    private static func serverError(_ status: Int) -> RESTAnswer {
        let text = "<html><head><title>\(status)</title></head><body><h1>\(status)</h1></body></html>\n"
        return RESTAnswer(
            status: status, headers: [RateLimitModel.Header("Content-Type", "text/html; charset=UTF-8"), via],
            body: ByteBuffer(string: text))
    }

    /// A ban: HTML, none of Discord's headers and no `Via`.
    private static let cloudflare = RESTAnswer(
        status: 429,
        headers: [
            RateLimitModel.Header("Content-Type", "text/html; charset=UTF-8"),
            RateLimitModel.Header("Server", "cloudflare"),
        ],
        body: ByteBuffer(
            string: "<!DOCTYPE html>\n<html><head><title>Access denied | discord.com used Cloudflare to restrict access"
                + "</title></head><body><h1>Error 1015</h1><h2>You are being rate limited</h2></body></html>\n"))
}

/// The form that Discord asks of bots (reference.mdx, User Agent).
enum UserAgent {
    /// Whether this is `DiscordBot ($url, $version)`, with anything behind it. The comma is not insisted upon:
    /// discord.py, which Discord serves, leaves it out.
    static func isValid(_ header: String?) -> Bool {
        header?.prefixMatch(of: /DiscordBot \(\S+[ ,]\s*[^\s)][^)]*\)/) != nil
    }
}

extension RateLimitModel.Request {
    /// Who counts where: the bucket is the operation's, the resource the path's top-level one.
    init(_ operation: Operation, _ parameters: [String: String], address: String, at now: Int) {
        let token = parameters["webhook_token"] ?? parameters["interaction_token"]
        let names = ["channel_id", "guild_id", "webhook_id"]
        var resource = names.first { parameters[$0] != nil }.map { "\($0)=\(parameters[$0] ?? "")" } ?? ""
        if let token { resource += "/\(token)" }
        var bucket = operation.id
        if bucket == "delete_message", let message = parameters["message_id"].flatMap({ Snowflake($0) }),
            now / 1000 - Int(message.millisecondsSince1970) > 14 * 86_400_000
        {
            // One route with two limits, by the age of the message (discord-api-docs #8330).
            bucket = "delete_old_message"
        }
        self.init(
            bucket: bucket, resource: resource, identity: operation.isOpen ? address : "bot",
            isExemptFromGlobal: token != nil)
    }
}
