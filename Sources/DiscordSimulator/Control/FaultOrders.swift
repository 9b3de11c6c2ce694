internal import NIOCore
internal import Shared

// Faults, ordered by the control API or on the command line.
extension Simulator {
    /// Carries out an order: `"on":"rest"` as `RESTFault` reads it; otherwise one that waits for its time as
    /// `GatewayFault` reads it, or one that strikes the open connections now.
    func order(_ order: JSON) throws {
        if order["on"]?.string == "rest" { return rest.faults.add(try RESTFault(order)) }
        if let fault = GatewayFault(order) { return gateway.faults.add(fault) }
        guard let kind = order["kind"]?.string, let strike = ImmediateFault(rawValue: kind) else {
            let kinds = GatewayFault.Kind.allCases.map(\.rawValue) + ImmediateFault.allCases.map(\.rawValue)
            throw ControlError(description: "kind must be one of \(kinds.joined(separator: ", "))")
        }
        switch strike {
        case .resumeURLDown: return setResumeListener(false)
        case .resumeURLUp: return setResumeListener(true)
        case .forgetSessions:
            for id in gateway.directory.order where gateway.directory.sessions[id]?.connection == nil {
                gateway.forget(id)
            }
            return
        default: break
        }
        let shard = order["shard"]?.int
        for connection in gateway.connections.values.sorted(by: { $0.number < $1.number }) {
            guard shard == nil || gateway.shard(of: connection) == shard else { continue }
            try apply(strike, order, to: connection)
        }
    }

    /// Trouble that strikes at once.
    enum ImmediateFault: String, CaseIterable {
        /// Op 7, op 9 (`resumable`), op 1.
        case reconnect
        case invalidSession = "invalid_session"
        case requestHeartbeat = "heartbeat_request"
        /// A close frame with `code`.
        case close
        /// The end of the TCP connection without a close frame; with RST in the middle of a frame.
        case disconnect, reset
        /// Nothing is read or written any more, the connection stays.
        case stall
        /// A message whose compressed bytes are wrong, or cut off.
        case corrupt, truncate
        /// A payload that is no JSON, one with an opcode that nobody knows, one with an event that nobody knows.
        case malformed
        case unknownOpcode = "unknown_opcode"
        case unknownEvent = "unknown_event"
        /// An event of several MB (`bytes`).
        case large
        /// Sessions that wait for a resume are gone.
        case forgetSessions = "forget_sessions"
        /// Nobody answers at the URL that READY names.
        case resumeURLDown = "resume_url_down"
        case resumeURLUp = "resume_url_up"
    }

    private func apply(_ fault: ImmediateFault, _ order: JSON, to connection: GatewayConnection) throws {
        switch fault {
        case .reconnect: connection.send(GatewayServer.payload(7))
        case .invalidSession: gateway.invalidate(connection, resumable: order["resumable"]?.bool ?? false)
        case .requestHeartbeat: connection.send(GatewayServer.payload(1))
        case .close: gateway.close(connection, code: order["code"]?.int ?? 4000, reason: "by order")
        case .disconnect: gateway.close(connection, code: nil, reason: "by order")
        case .reset: connection.resetWithinFrame()
        case .stall: connection.stall()
        case .corrupt: connection.sendCorrupt(isTruncated: false)
        case .truncate: connection.sendCorrupt(isTruncated: true)
        case .malformed: connection.send("{\"t\":\"MESSAGE_CREATE\",\"s\":oops")
        case .unknownOpcode: connection.send(GatewayServer.payload(99, "{\"reason\":\"new\"}"))
        case .unknownEvent, .large:
            guard let session = connection.session else { return }
            let filler = String(repeating: "x", count: fault == .large ? order["bytes"]?.int ?? 4 << 20 : 0)
            let d: JSON = ["guild_id": "1", "filler": .string(filler)]
            gateway.deliver("SIMULATOR_UNKNOWN_EVENT", guild: nil, d, to: session)
        case .forgetSessions, .resumeURLDown, .resumeURLUp: break
        }
    }
}
