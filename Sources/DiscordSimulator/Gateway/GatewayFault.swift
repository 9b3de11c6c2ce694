internal import Shared

/// Trouble ordered for connections to come or for events to come.
struct GatewayFault: Equatable, Sendable {
    /// What goes wrong.
    enum Kind: String, CaseIterable, Sendable {
        /// The upgrade to WebSocket is answered with 503.
        case refuseConnection = "refuse_connection"
        /// Nothing comes after the upgrade.
        case noHello = "no_hello"
        /// Op 7 comes instead of Hello.
        case reconnectBeforeHello = "reconnect_before_hello"
        /// An Identify is answered with op 9 (`resumable`).
        case invalidOnIdentify = "identify_invalid"
        /// An Identify is answered with a close (`code`).
        case closeOnIdentify = "identify_close"
        /// An Identify is accepted but READY does not come.
        case noReady = "no_ready"
        /// A Resume is answered with op 9 (`resumable`).
        case invalidOnResume = "resume_invalid"
        /// A Resume is answered with a close (`code`).
        case closeOnResume = "resume_close"
        /// A heartbeat is not answered.
        case noAcknowledgement = "no_ack"
        /// An event comes twice.
        case duplicate
        /// An event comes later than those after it (`ms`).
        case delay
        /// An event does not come (`events`: names; none: all).
        case drop
        /// Payloads have line breaks between their tokens.
        case pretty
        /// An event's `d` has fields that nobody knows.
        case extraFields = "extra_fields"
    }

    var kind: Kind
    /// Only this shard.
    var shard: Int?
    /// How often it strikes; nil until it is lifted.
    var count: Int? = 1
    var code: Int?
    var resumable = false
    /// Microseconds.
    var delay = 0
    var events: Set<String> = []
}

/// The faults ordered and not yet used up.
struct GatewayFaults: Equatable, Sendable {
    private(set) var faults: [GatewayFault] = []

    mutating func add(_ fault: GatewayFault) { faults.append(fault) }

    mutating func removeAll() { faults = [] }

    var isEmpty: Bool { faults.isEmpty }

    /// The first fault of that kind that strikes here, used up by one.
    mutating func take(_ kind: GatewayFault.Kind, shard: Int? = nil, event: String? = nil) -> GatewayFault? {
        guard !faults.isEmpty else { return nil }
        let found = faults.firstIndex { fault in
            fault.kind == kind && (fault.shard == nil || shard == nil || fault.shard == shard)
                && (event.map { fault.events.isEmpty || fault.events.contains($0) } ?? true)
        }
        guard let index = found else { return nil }
        let fault = faults[index]
        if let count = fault.count {
            faults[index].count = count - 1
            if count <= 1 { faults.remove(at: index) }
        }
        return fault
    }
}

extension GatewayFault {
    /// Reads an order of the control endpoint; nil if its kind is none that waits for its time.
    init?(_ order: JSON) {
        guard let kind = order["kind"]?.string.flatMap(Kind.init(rawValue:)) else { return nil }
        self.kind = kind
        shard = order["shard"]?.int
        count = order["count"] == .null ? nil : max(1, order["count"]?.int ?? 1)
        code = order["code"]?.int
        resumable = order["resumable"]?.bool ?? false
        delay = (order["ms"]?.int ?? 1000) * 1000
        events = Set((order["events"]?.elements ?? []).compactMap(\.string))
    }
}
