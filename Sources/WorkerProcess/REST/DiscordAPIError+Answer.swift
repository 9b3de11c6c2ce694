extension DiscordAPIError {
    /// Codes of answers that ask to come again: not ready (110000, 110001), overloaded (130000), service limited (40062).
    private static let temporaryCodes: Set<Int> = [40062, 110_000, 110_001, 130_000]
    /// How long a caller had better wait after an outage that outlasted all attempts.
    static let outageRetryAfter: Duration = .seconds(5)

    /// What an answer that is no success means (topics/opcodes-and-status-codes.mdx).
    init(_ route: Route, status: Int, _ body: ErrorBody, retryAfter: Duration? = nil) {
        let kind = Self.kind(of: route, status: status, code: body.code)
        var text = "\(route): status \(status)"
        if let code = body.code { text += ", code \(code)" }
        if let message = body.message { text += ", \(message)" }
        if !body.details.isEmpty { text += " (\(body.details.joined(separator: "; ")))" }
        self.init(
            kind: kind, status: status, code: body.code,
            retryAfter: kind == .unavailable ? retryAfter ?? Self.outageRetryAfter : nil, description: text)
    }

    /// No answer, or a request that was not sent.
    static func unavailable(_ route: Route, _ reason: String, retryAfter: Duration = outageRetryAfter)
        -> DiscordAPIError
    {
        DiscordAPIError(
            kind: .unavailable, status: nil, code: nil, retryAfter: retryAfter, description: "\(route): \(reason)")
    }

    /// An interaction that can no longer be answered.
    static func tooLate(_ interaction: InteractionReference, _ reason: String) -> DiscordAPIError {
        DiscordAPIError(
            kind: .tooLate, status: nil, code: nil, retryAfter: nil,
            description: "\(Route.callback(of: interaction)): \(reason)")
    }

    /// A request that is wrong in itself and was not sent.
    static func rejected(_ route: Route, _ reason: String) -> DiscordAPIError {
        DiscordAPIError(kind: .rejected, status: nil, code: nil, retryAfter: nil, description: "\(route): \(reason)")
    }

    private static func kind(of route: Route, status: Int, code: Int?) -> Kind {
        switch code {
        case 40060: return .alreadyAnswered
        case 10062, 50027: return .tooLate
        case 10015 where route.routeClass == .interaction: return .notYetAnswered
        case .some(let code) where temporaryCodes.contains(code): return .unavailable
        default: break
        }
        switch status {
        case 401 where route.routeClass == .bot: return .unauthorized
        case 408, 429, 500...: return .unavailable
        default: return .rejected
        }
    }
}
