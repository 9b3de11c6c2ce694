/// What an answer says about limits: all that `RateLimiter` needs of it.
struct RateLimitAnswer: Sendable, Equatable {
    /// The five `X-RateLimit-*` headers that most answers bear (topics/rate-limits.mdx, Header Format).
    struct Window: Sendable, Equatable {
        /// Requests per window, at least 1.
        var limit: Int
        /// Requests left in the window.
        var remaining: Int
        /// Time until the window ends.
        var resetAfter: Duration
        /// When it ends by Discord's clock, in seconds since 1970: compared between answers to tell whether they speak of
        /// the same window, never with a clock of ours.
        var reset: Double?
        /// Names the limit, without the top-level resource.
        var bucket: String?
    }

    /// Whom a 429 is about.
    enum Scope: String, Sendable, CaseIterable {
        /// This bot on this route.
        case user
        /// Everybody who uses this resource; not this bot's fault.
        case shared
        /// This bot on all routes.
        case global
        /// This address: Cloudflare answered, not Discord.
        case address
    }

    var status: Int
    /// Discord's JSON error code.
    var code: Int?
    var window: Window?
    /// Set on a 429.
    var limited: (scope: Scope, retryAfter: Duration)?

    init(
        status: Int, code: Int? = nil, window: Window? = nil, limited: (scope: Scope, retryAfter: Duration)? = nil
    ) {
        self.status = status
        self.code = code
        self.window = window
        self.limited = limited
    }

    /// Reads an answer. Whatever is missing or makes no sense is left out: nothing of this is promised on every route.
    /// - Parameters:
    ///   - header: the value of the header of that name.
    ///   - retryAfter: `retry_after` of a JSON body, in seconds.
    ///   - isGlobal: `global` of a JSON body.
    init(
        status: Int, code: Int?, retryAfter: Double?, isGlobal: Bool, header: (_ name: String) -> String?
    ) {
        self.init(status: status, code: code)
        if let limit = header("X-RateLimit-Limit").flatMap({ Int($0) }),
            let remaining = header("X-RateLimit-Remaining").flatMap({ Int($0) }),
            let resetAfter = header("X-RateLimit-Reset-After").flatMap({ Double($0) })
        {
            window = Window(
                limit: max(1, limit), remaining: max(0, remaining), resetAfter: Self.duration(seconds: resetAfter),
                reset: header("X-RateLimit-Reset").flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil },
                bucket: header("X-RateLimit-Bucket"))
        }
        guard status == 429 else { return }
        let scope = header("X-RateLimit-Scope").flatMap(Scope.init)
        // A ban by Cloudflare shows neither `retry_after` nor Discord's headers, nor the Via of Discord's own proxy.
        let isDiscords = scope != nil || window != nil || header("Via") != nil
        let wait = retryAfter ?? (isDiscords ? header("Retry-After").flatMap { Double($0) } : nil)
        guard let wait else {
            let told = header("Retry-After").flatMap { Double($0) } ?? 0
            limited = (.address, Self.duration(seconds: told))
            return
        }
        let isGlobal = isGlobal || scope == .global || header("X-RateLimit-Global")?.lowercased() == "true"
        limited = (isGlobal ? .global : scope == .shared ? .shared : .user, Self.duration(seconds: wait))
    }

    /// Seconds from outside, kept between 0 and a day so that no arithmetic on them can overflow.
    private static func duration(seconds: Double) -> Duration {
        guard seconds.isFinite, seconds > 0 else { return .zero }
        return .milliseconds(Int64((min(seconds, 86_400) * 1000).rounded(.up)))
    }

    static func == (left: RateLimitAnswer, right: RateLimitAnswer) -> Bool {
        left.status == right.status && left.code == right.code && left.window == right.window
            && left.limited?.scope == right.limited?.scope && left.limited?.retryAfter == right.limited?.retryAfter
    }
}
