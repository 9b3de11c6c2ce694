internal import Shared

/// Trouble ordered for REST requests, so that clients can be seen to live through it.
struct RESTFault: Equatable, Sendable {
    /// Whether the request is carried out all the same.
    enum Moment: String, Equatable, Sendable { case before, after }

    /// What goes wrong.
    enum Kind: Equatable, Sendable {
        /// An answer with this status and a body that is not JSON, as proxies send it.
        case status(Int, Moment)
        /// The connection is reset instead of an answer.
        case reset(Moment)
        /// The answer comes so many microseconds late; the request is carried out at once.
        case delay(Int)
        /// A 429 of this scope; the wait in microseconds, and the JSON code if there is one.
        case limit(RateLimitModel.Scope, retryAfter: Int, code: Int?)
        /// A 429 in HTML without any of Discord's headers.
        case cloudflare
    }

    var kind: Kind
    /// Operations it strikes, such as `create_message`; empty for all.
    var operations: Set<String> = []
    /// Only requests whose path below the base URL contains this.
    var pathPart: String?
    /// Requests let through before it strikes.
    var skip = 0
    /// Requests it strikes; nil for all until it is lifted.
    var count: Int? = 1
}

/// The faults ordered and not yet used up, in the order of ordering.
struct RESTFaults: Equatable, Sendable {
    private var faults: [RESTFault] = []

    /// Orders one.
    mutating func add(_ fault: RESTFault) { faults.append(fault) }

    /// Lifts all.
    mutating func removeAll() { faults = [] }

    var isEmpty: Bool { faults.isEmpty }

    /// The first fault that strikes this request, used up by one.
    mutating func strike(operation: String, path: String) -> RESTFault.Kind? {
        for index in faults.indices {
            let fault = faults[index]
            guard fault.operations.isEmpty || fault.operations.contains(operation) else { continue }
            if let part = fault.pathPart, !path.contains(part) { continue }
            if fault.skip > 0 {
                faults[index].skip -= 1
                continue
            }
            if let count = fault.count {
                faults[index].count = count - 1
                if count <= 1 { faults.remove(at: index) }
            }
            return fault.kind
        }
        return nil
    }
}

extension RESTFault {
    /// Reads an order of the control endpoint:
    /// `{"kind":"status","status":502,"when":"after","operation":"create_message","count":3}`; `kind` is one of
    /// `status` (`status`, `when`), `reset` (`when`), `delay` (`ms`), `rate_limit` (`scope`, `retry_after_ms`, `code`)
    /// and `cloudflare`; `operation` (a name or a list), `path`, `skip` and `count` (null for ever) narrow it.
    init(_ order: JSON) throws(RESTFaultError) {
        kind = try Self.kind(order)
        if let name = order["operation"]?.string {
            operations = [name]
        } else if let names = order["operation"]?.elements {
            operations = Set(names.compactMap(\.string))
        }
        pathPart = order["path"]?.string
        skip = try Self.natural(order, "skip", default: 0)
        count = order["count"] == .null ? nil : try Self.natural(order, "count", default: 1)
    }

    private static func kind(_ order: JSON) throws(RESTFaultError) -> Kind {
        let moment = order["when"]?.string ?? "before"
        guard let moment = Moment(rawValue: moment) else {
            throw RESTFaultError(description: "when must be before or after")
        }
        switch order["kind"]?.string {
        case "status":
            guard let status = order["status"]?.int, (400...599).contains(status) else {
                throw RESTFaultError(description: "status must be 400 to 599")
            }
            return .status(status, moment)
        case "reset": return .reset(moment)
        case "delay": return .delay(try natural(order, "ms", default: 1000) * 1000)
        case "rate_limit":
            guard let scope = RateLimitModel.Scope(rawValue: order["scope"]?.string ?? "user") else {
                throw RESTFaultError(description: "scope must be user, global or shared")
            }
            let wait = try natural(order, "retry_after_ms", default: 1000) * 1000
            return .limit(scope, retryAfter: wait, code: order["code"]?.int)
        case "cloudflare": return .cloudflare
        default:
            throw RESTFaultError(description: "kind must be status, reset, delay, rate_limit or cloudflare")
        }
    }

    private static func natural(
        _ order: JSON, _ field: String, default standard: Int
    ) throws(RESTFaultError) -> Int {
        guard let value = order[field] else { return standard }
        guard let number = value.int, (0...1_000_000_000).contains(number) else {
            throw RESTFaultError(description: "\(field) must be a whole number from 0")
        }
        return number
    }
}

/// An order for a fault that cannot be understood.
struct RESTFaultError: Error, Equatable, CustomStringConvertible {
    let description: String
}
