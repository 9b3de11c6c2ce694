/// Discord's rate limits as topics/rate-limits.mdx describes them: windows per (bucket, top-level resource), the global
/// limit per bot, and the count of invalid requests that ends in a ban by Cloudflare.
///
/// Times are microseconds since 1970, passed in.
struct RateLimitModel {
    /// So many requests in so long a window, which starts with the first of them.
    struct Limit: Equatable, Sendable {
        var requests: Int
        /// Microseconds.
        var window: Int

        init(_ requests: Int, perMilliseconds window: Int) {
            self.requests = requests
            self.window = window * 1000
        }
    }

    /// Which limits hold. No per-route number is documented: these are of the size that bots see.
    struct Configuration: Sendable {
        /// 50 requests a second for each bot (rate-limits.mdx, Global Rate Limit).
        var global = Limit(50, perMilliseconds: 1000)
        /// 10,000 answers of 401, 403 and 429 in ten minutes for each address (rate-limits.mdx, Invalid Request Limit).
        var invalid = Limit(10_000, perMilliseconds: 600_000)
        /// How long a ban by Cloudflare lasts; undocumented. Microseconds.
        var banDuration = 60_000_000
        /// By operation, such as `create_message`; an entry that is nil gives that route no limit and no headers.
        var routes: [String: Limit?] = Self.routes
        /// For operations without an entry.
        var fallback: Limit? = Limit(10, perMilliseconds: 10_000)

        /// No limits at all, for measurements.
        static var unlimited: Configuration {
            var configuration = Configuration()
            configuration.routes = [:]
            configuration.fallback = nil
            configuration.global.requests = .max
            return configuration
        }

        static let routes: [String: Limit?] = [
            "create_message": Limit(5, perMilliseconds: 5000),
            "update_message": Limit(5, perMilliseconds: 5000),
            "delete_message": Limit(5, perMilliseconds: 1000),
            "delete_old_message": Limit(3, perMilliseconds: 1000),
            "list_messages": Limit(10, perMilliseconds: 5000),
            "get_message": Limit(10, perMilliseconds: 5000),
            "add_my_message_reaction": Limit(1, perMilliseconds: 250),
            "delete_my_message_reaction": Limit(1, perMilliseconds: 250),
            "execute_webhook": Limit(5, perMilliseconds: 2000),
            "update_webhook_message": Limit(5, perMilliseconds: 2000),
            "update_original_webhook_message": Limit(5, perMilliseconds: 2000),
            "get_original_webhook_message": Limit(5, perMilliseconds: 2000),
            "delete_original_webhook_message": Limit(5, perMilliseconds: 2000),
            // Discord sends no limit with callbacks: hikari calls such headers unexpected.
            "create_interaction_response": nil,
            "bulk_set_application_commands": Limit(5, perMilliseconds: 20_000),
            "bulk_set_guild_application_commands": Limit(5, perMilliseconds: 20_000),
            "get_gateway": nil,
            "get_bot_gateway": Limit(2, perMilliseconds: 5000),
        ]
    }

    /// Who asks for what.
    struct Request: Equatable {
        /// Name of the limit; normally the operation.
        var bucket: String
        /// Top-level resource, such as `channel_id=1`; empty if there is none.
        var resource: String
        /// Whom the global limit counts: the bot, or the address if unauthenticated.
        var identity: String
        /// Interaction routes do not count against the global limit.
        var isExemptFromGlobal: Bool
    }

    /// What to answer with.
    enum Decision: Equatable {
        /// Go on; the headers belong on the answer.
        case pass([Header])
        case limited(Refusal)
    }

    /// One header line.
    struct Header: Equatable, Sendable {
        var name: String
        var value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Who else is limited by the same limit.
    enum Scope: String, Equatable, Sendable { case user, global, shared }

    /// A 429.
    struct Refusal: Equatable, Sendable {
        var scope: Scope
        /// Microseconds.
        var retryAfter: Int
        /// JSON error code, such as 20028 for the write limit of a channel.
        var code: Int?
        var headers: [Header]
    }

    /// Windows kept before the ended ones are looked for and dropped.
    private static let manyWindows = 4096

    private struct Key: Hashable {
        var bucket: String
        var resource: String
    }

    private struct Window {
        var end: Int
        var used: Int
    }

    var configuration: Configuration
    private var windows: [Key: Window] = [:]
    private var globals: [String: Window] = [:]
    private var invalid = Window(end: 0, used: 0)
    private var bannedUntil = 0
    /// 401, 403 and 429 answered since the start, without shared ones.
    private(set) var invalidRequests = 0
    /// 429 answered since the start, by scope.
    private(set) var refusals: [String: Int] = [:]

    init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// Whether Cloudflare lets nothing through; asked before anything else is looked at.
    func isBanned(at now: Int) -> Bool { now < bannedUntil }

    /// Starts a ban by Cloudflare.
    mutating func ban(until end: Int) { bannedUntil = end }

    /// Counts a request against the global limit and its own, in this order; one that is refused uses nothing up.
    mutating func admit(_ request: Request, at now: Int) -> Decision {
        if !request.isExemptFromGlobal, let refusal = countGlobally(request.identity, at: now) {
            return .limited(refusal)
        }
        guard let limit = limit(of: request.bucket) else { return .pass([]) }
        let key = Key(bucket: request.bucket, resource: request.resource)
        var window = windows[key] ?? Window(end: 0, used: 0)
        if now >= window.end { window = Window(end: now + limit.window, used: 0) }
        guard window.used < limit.requests else {
            let headers = headers(request.bucket, limit, remaining: 0, end: window.end, now: now)
            return .limited(refuse(.user, after: window.end - now, headers: headers))
        }
        window.used += 1
        // Every interaction has a token and so a window of its own; the ended ones need not be kept.
        if windows.count >= Self.manyWindows { windows = windows.filter { now < $0.value.end } }
        windows[key] = window
        let remaining = limit.requests - window.used
        return .pass(headers(request.bucket, limit, remaining: remaining, end: window.end, now: now))
    }

    /// A 429 that somebody ordered, whatever the counts say.
    mutating func refuse(
        _ request: Request, scope: Scope, retryAfter: Int, code: Int? = nil, at now: Int
    ) -> Refusal {
        guard scope != .global else { return refuse(.global, after: retryAfter, headers: [], code: code) }
        // With a shared limit the headers tell of the caller's own window, which may be far from full.
        let limit = limit(of: request.bucket) ?? Limit(5, perMilliseconds: 5000)
        let window = windows[Key(bucket: request.bucket, resource: request.resource)]
        let isOpen = window.map { now < $0.end } ?? false
        let used = isOpen ? window?.used ?? 0 : 0
        let end = scope == .user ? now + retryAfter : isOpen ? window?.end ?? now : now + limit.window
        let remaining = scope == .user ? 0 : max(0, limit.requests - used)
        let headers = headers(request.bucket, limit, remaining: remaining, end: end, now: now)
        return refuse(scope, after: retryAfter, headers: headers, code: code)
    }

    /// Counts an answer; enough invalid ones start a ban.
    /// - Returns: whether this one did.
    mutating func note(status: Int, isShared: Bool, at now: Int) -> Bool {
        guard status == 401 || status == 403 || (status == 429 && !isShared) else { return false }
        invalidRequests += 1
        if now >= invalid.end { invalid = Window(end: now + configuration.invalid.window, used: 0) }
        invalid.used += 1
        guard invalid.used >= configuration.invalid.requests else { return false }
        bannedUntil = now + configuration.banDuration
        invalid = Window(end: 0, used: 0)
        return true
    }

    private func limit(of bucket: String) -> Limit? {
        if let entry = configuration.routes[bucket] { return entry }
        return configuration.fallback
    }

    private mutating func countGlobally(_ identity: String, at now: Int) -> Refusal? {
        var window = globals[identity] ?? Window(end: 0, used: 0)
        if now >= window.end { window = Window(end: now + configuration.global.window, used: 0) }
        guard window.used < configuration.global.requests else {
            return refuse(.global, after: window.end - now, headers: [])
        }
        window.used += 1
        globals[identity] = window
        return nil
    }

    private mutating func refuse(
        _ scope: Scope, after wait: Int, headers: [Header], code: Int? = nil
    ) -> Refusal {
        refusals[scope.rawValue, default: 0] += 1
        var headers = headers
        headers.append(Header("Retry-After", String((wait + 999_999) / 1_000_000)))
        if scope == .global { headers.append(Header("X-RateLimit-Global", "true")) }
        headers.append(Header("X-RateLimit-Scope", scope.rawValue))
        return Refusal(scope: scope, retryAfter: wait, code: code, headers: headers)
    }

    private func headers(_ bucket: String, _ limit: Limit, remaining: Int, end: Int, now: Int) -> [Header] {
        [
            Header("X-RateLimit-Limit", String(limit.requests)),
            Header("X-RateLimit-Remaining", String(remaining)),
            Header("X-RateLimit-Reset", Self.seconds(end)),
            Header("X-RateLimit-Reset-After", Self.seconds(end - now)),
            Header("X-RateLimit-Bucket", Self.opaqueID(of: bucket)),
        ]
    }

    /// Seconds with three decimals, rounded up so that nobody who waits that long comes too early.
    static func seconds(_ microseconds: Int) -> String {
        let milliseconds = (max(0, microseconds) + 999) / 1000
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }

    /// Twenty hexadecimal digits that are the same in every run and tell nothing of the route or its resource.
    static func opaqueID(of bucket: String) -> String {
        var digits = ""
        for seed in [0xcbf2_9ce4_8422_2325, 0x9ae1_6a3b_2f90_404f] as [UInt64] {
            // FNV-1a; only has to differ between names.
            let hash = bucket.utf8.reduce(seed) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
            let text = String(hash, radix: 16)
            digits += String(repeating: "0", count: 16 - text.count) + text
        }
        return String(digits.prefix(20))
    }
}
