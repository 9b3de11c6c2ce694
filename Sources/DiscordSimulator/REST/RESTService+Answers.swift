internal import NIOCore
internal import Shared

extension RESTService {
    /// Google's load balancer is in front of Discord; a ban by Cloudflare is told by its absence.
    private static let via = RateLimitModel.Header("Via", "1.1 google")

    static func json(_ status: Int, _ value: JSON) -> RESTAnswer {
        var body = ByteBuffer()
        body.writeJSON(value)
        return RESTAnswer(
            status: status, headers: [RateLimitModel.Header("Content-Type", "application/json"), via], body: body)
    }

    func render(_ result: Result<RESTResult, APIError>) -> RESTAnswer {
        switch result {
        case .success(.json(let status, let value)): Self.json(status, value)
        case .success(.noContent): RESTAnswer(status: 204, headers: [Self.via], body: ByteBuffer())
        case .failure(let error): Self.json(error.status, error.json)
        }
    }

    /// An error of something between client and API, whose body is no JSON.
    static func serverError(_ status: Int) -> RESTAnswer {
        let text = "<html><head><title>\(status)</title></head><body><h1>\(status)</h1></body></html>\n"
        return RESTAnswer(
            status: status, headers: [RateLimitModel.Header("Content-Type", "text/html; charset=UTF-8"), via],
            body: ByteBuffer(string: text))
    }

    /// A ban: HTML, none of Discord's headers and no `Via`.
    static let cloudflare = RESTAnswer(
        status: 429,
        headers: [
            RateLimitModel.Header("Content-Type", "text/html; charset=UTF-8"),
            RateLimitModel.Header("Server", "cloudflare"),
        ],
        body: ByteBuffer(
            string: "<!DOCTYPE html>\n<html><head><title>Access denied | discord.com used Cloudflare to restrict access"
                + "</title></head><body><h1>Error 1015</h1><h2>You are being rate limited</h2></body></html>\n"))
}
