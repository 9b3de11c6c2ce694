internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Shared

/// The answer of `GET /gateway/bot` (gateway.mdx, Get Gateway Bot).
struct GatewayBot: Equatable, Sendable {
    var url: String
    var shards: Int
    var total: Int
    var remaining: Int
    /// Until the count of identifies starts over.
    var resetAfter: TimeAmount
    var maxConcurrency: Int

    /// Nil if it is not such an answer.
    init?(_ value: JSONValue) {
        guard let url = value["url"]?.string, let shards = value["shards"]?.int, shards > 0,
            let limit = value["session_start_limit"], let total = limit["total"]?.int,
            let remaining = limit["remaining"]?.int, let resetAfter = limit["reset_after"]?.int, resetAfter >= 0
        else { return nil }
        self.url = url
        self.shards = shards
        self.total = total
        self.remaining = remaining
        self.resetAfter = .milliseconds(Int64(resetAfter))
        maxConcurrency = max(1, limit["max_concurrency"]?.int ?? 1)
    }
}

/// Why `GET /gateway/bot` brought no answer.
enum GatewayBotFailure: Error, Equatable, CustomStringConvertible {
    /// 401: the token is wrong.
    case unauthorized
    case rateLimited(retryAfter: TimeAmount)
    case status(UInt)
    case unreachable(String)
    case unreadable

    var description: String {
        switch self {
        case .unauthorized: "Discord rejects the bot token (401)"
        case .rateLimited(let wait): "Discord asks to wait \(wait.nanoseconds / 1_000_000) ms (429)"
        case .status(let code): "Discord answered with HTTP \(code)"
        case .unreachable(let reason): "Discord cannot be reached: \(reason)"
        case .unreadable: "the answer is not what it should be"
        }
    }
}

/// Asks Discord for the gateway's URL and the limits of identifying.
struct GatewayBotClient: Sendable {
    /// Largest answer read, in bytes; it has about 200.
    static let maximumAnswerBytes = 64 << 10
    static let timeout: TimeAmount = .seconds(10)

    let http: HTTPClient
    let apiURL: APIBaseURL
    let token: Secret
    let userAgent: String

    func fetch() async throws(GatewayBotFailure) -> GatewayBot {
        var request = HTTPClientRequest(url: "\(apiURL)/gateway/bot")
        request.headers.add(name: "Authorization", value: "Bot \(token.exposed)")
        request.headers.add(name: "User-Agent", value: userAgent)
        let answer: HTTPClientResponse
        let body: ByteBuffer
        do {
            answer = try await http.execute(request, timeout: Self.timeout)
            body = try await answer.body.collect(upTo: Self.maximumAnswerBytes)
        } catch {
            throw .unreachable("\(error)")
        }
        switch answer.status.code {
        case 200: break
        case 401: throw .unauthorized
        case 429: throw .rateLimited(retryAfter: Self.retryAfter(answer.headers))
        case let code: throw .status(code)
        }
        guard let bot = (try? JSONParser.read(body, { GatewayBot($0) })).flatMap({ $0 }) else { throw .unreadable }
        return bot
    }

    /// `Retry-After` is in seconds, here possibly with decimals (rate-limits.mdx); without one, a cautious guess.
    private static func retryAfter(_ headers: HTTPHeaders) -> TimeAmount {
        let seconds = headers.first(name: "Retry-After").flatMap(Double.init) ?? 5
        guard seconds.isFinite else { return .seconds(5) }
        return .nanoseconds(Int64(min(max(seconds, 0), 86_400) * 1_000_000_000))
    }
}
