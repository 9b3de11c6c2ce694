internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Shared

/// Answers an interaction with a deferral.
protocol InteractionDeferring: Sendable {
    func callAsFunction(_ call: DeferralPolicy.Call) async -> DeferralPolicy.Outcome
}

/// `POST /interactions/{id}/{token}/callback` (receiving-and-responding.mdx), which needs no bot token and has rate limits
/// of its own.
struct InteractionCallback: InteractionDeferring {
    let client: HTTPClient
    /// Base URL without a slash at its end.
    let apiURL: String
    /// After this the answer would come too late for a second try anyway.
    static let timeout: TimeAmount = .milliseconds(1500)

    func callAsFunction(_ call: DeferralPolicy.Call) async -> DeferralPolicy.Outcome {
        var request = HTTPClientRequest(url: "\(apiURL)/interactions/\(call.interaction)/\(call.token)/callback")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "user-agent", value: "DiscordBot (olim, \(Version.current))")
        let flags: JSON? = call.isEphemeral ? ["flags": 64] : nil
        request.body = .bytes(ByteBuffer(string: JSON.compact(["type": .integer(call.type), "data": flags]).text))
        do {
            let response = try await client.execute(request, timeout: Self.timeout)
            let body = try? await response.body.collect(upTo: 64 << 10)
            return Self.outcome(status: Int(response.status.code), body: body ?? ByteBuffer())
        } catch {
            return Self.outcome(of: error)
        }
    }

    /// 2xx, and 40060 (somebody has answered), mean done; 5xx may have been carried out.
    static func outcome(status: Int, body: ByteBuffer) -> DeferralPolicy.Outcome {
        if (200..<300).contains(status) { return .deferred }
        let code = (try? JSON(ofText: body))?["code"]?.int
        if code == 40060 { return .deferred }
        if status >= 500 { return .ambiguous }
        return .refused("status \(status)\(code.map { ", code \($0)" } ?? "")")
    }

    /// Only what certainly happened before anything was sent leaves the interaction unanswered.
    static func outcome(of error: any Error) -> DeferralPolicy.Outcome {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout:
            return .unreachable("connecting took too long")
        case is NIOConnectionError: return .unreachable("no connection")
        case let error as IOError where error.errnoCode == ECONNREFUSED: return .unreachable("connection refused")
        default: return .ambiguous
        }
    }
}
