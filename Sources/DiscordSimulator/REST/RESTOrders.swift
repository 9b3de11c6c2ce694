internal import Shared

// What the control endpoint says to the REST side and hears from it.

/// An order about limits that cannot be understood.
struct RESTOrderError: Error, Equatable, CustomStringConvertible {
    let description: String
}

extension RateLimitModel.Configuration {
    /// Changes limits as ordered:
    /// `{"global":{"requests":50,"ms":1000},"routes":{"create_message":{"requests":5,"ms":5000},"get_guild":null},
    /// "fallback":null,"invalid":{"requests":10000,"ms":600000},"ban_ms":60000}`; `"unlimited":true` lifts all first.
    /// Null is no limit.
    mutating func apply(_ order: JSON) throws(RESTOrderError) {
        var changed = order["unlimited"]?.bool == true ? .unlimited : self
        for member in order.members ?? [] {
            switch member.key {
            case "unlimited": break
            case "global":
                changed.global =
                    try Self.limit(member.value, "global") ?? RateLimitModel.Limit(.max, perMilliseconds: 1)
            case "invalid":
                changed.invalid =
                    try Self.limit(member.value, "invalid") ?? RateLimitModel.Limit(.max, perMilliseconds: 1)
            case "fallback": changed.fallback = try Self.limit(member.value, "fallback")
            case "ban_ms":
                guard let duration = member.value.int, (0...86_400_000).contains(duration) else {
                    throw RESTOrderError(description: "ban_ms must be 0 to 86400000")
                }
                changed.banDuration = duration * 1000
            case "routes":
                for route in member.value.members ?? [] {
                    // The value is itself optional: this route has no limit.
                    changed.routes.updateValue(try Self.limit(route.value, route.key), forKey: route.key)
                }
            default: throw RESTOrderError(description: "unknown member \(member.key)")
            }
        }
        self = changed
    }

    private static func limit(_ order: JSON, _ name: String) throws(RESTOrderError) -> RateLimitModel.Limit? {
        if order == .null { return nil }
        guard let requests = order["requests"]?.int, requests > 0, let window = order["ms"]?.int,
            (1...86_400_000).contains(window)
        else { throw RESTOrderError(description: "\(name) needs requests from 1 and ms from 1 to 86400000") }
        return RateLimitModel.Limit(requests, perMilliseconds: window)
    }
}

extension RESTService {
    /// What was asked for and refused so far.
    var report: JSON {
        func counts<Key: Comparable>(_ counts: [Key: Int], _ name: (Key) -> String) -> JSON {
            .object(counts.sorted { $0.key < $1.key }.map { JSON.Member(name($0.key), .integer($0.value)) })
        }
        return [
            "requests": counts(statistics.requests) { $0 }, "statuses": counts(statistics.statuses) { "\($0)" },
            "rate_limited": counts(limits.refusals) { $0 }, "invalid_requests": .integer(limits.invalidRequests),
            "bans": .integer(statistics.bans), "refusals": .array(statistics.refusals.map(JSON.string)),
        ]
    }
}
