/// Permanent refusals (403, 404) by route and resource, so that the same request is not sent again and again: loops of
/// those are what gets an address banned (topics/rate-limits.mdx, Invalid Request Limit).
///
/// They are not for ever, because an administrator may grant what was missing and expects it to work: each is forgotten
/// after a time that starts at `firstTime` and doubles while the refusals go on, up to `longestTime`.
struct RefusalMemory: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Short enough that "I gave it the permission" is followed by success before anybody looks for another reason.
    static let firstTime: Duration = .seconds(60)
    /// A daily task in a channel that is gone, or a busy channel without permission, asks at most this often.
    static let longestTime: Duration = .seconds(3600)
    /// Bounds memory, at about 200 bytes each.
    static let maximumCount = 10_000

    /// An answer that would be the same again.
    struct Refusal: Sendable, Equatable {
        let status: Int
        let code: Int
    }

    private struct Entry {
        let refusal: Refusal
        let until: Instant
        let time: Duration
    }

    private var entries: [Route.Key: Entry] = [:]

    /// How many are remembered, expired ones included.
    var count: Int { entries.count }

    /// Discord's codes that are about the resource in the path, whatever the request says: unknown channel (10003), guild
    /// (10004), application (10002); missing access (50001) or permissions (50013); nobody there who would take a
    /// direct message (50007, 50278). Others are about the request's own content, or about a part of the resource.
    private static let codes: Set<Int> = [10002, 10003, 10004, 50001, 50007, 50013, 50278]

    /// The refusal to expect for a request.
    func refusal(of key: Route.Key, at now: Instant) -> Refusal? {
        entries[key].flatMap { $0.until > now ? $0.refusal : nil }
    }

    /// Takes note of an answer to a route that needs the bot token.
    mutating func record(status: Int, code: Int?, of key: Route.Key, at now: Instant) {
        guard status == 403 || status == 404, let code, Self.codes.contains(code) else {
            if status < 300 { entries[key] = nil }
            return
        }
        let time = entries[key].map { min($0.time * 2, Self.longestTime) } ?? Self.firstTime
        if entries[key] == nil, entries.count >= Self.maximumCount { makeRoom(at: now) }
        entries[key] = Entry(refusal: Refusal(status: status, code: code), until: now + time, time: time)
    }

    /// Forgets what nobody asked for since its time was over.
    mutating func sweep(at now: Instant) {
        entries = entries.filter { $0.value.until + Self.longestTime > now }
    }

    private mutating func makeRoom(at now: Instant) {
        entries = entries.filter { $0.value.until > now }
        guard entries.count >= Self.maximumCount else { return }
        let oldest = entries.sorted { $0.value.until < $1.value.until }.prefix(Self.maximumCount / 10)
        for (key, _) in oldest { entries[key] = nil }
    }
}
