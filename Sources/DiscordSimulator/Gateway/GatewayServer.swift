internal import NIOCore
internal import Shared

/// Discord's gateway: the connections, their sessions, and what is sent to whom.
///
/// Not `Sendable`: it lives on the simulator's one event loop.
final class GatewayServer {
    /// What is decided on the command line.
    struct Settings: Sendable {
        /// Close code when heartbeats stop; nil for none.
        var heartbeatCloseCode: Int? = 4009
        /// Events kept per session for a resume.
        var bufferedEvents = 200_000
        /// Whether payloads have line breaks between their tokens.
        var style = EncodedEvent.Style.compact
    }

    let world: World
    let settings: Settings
    let loop: NIOIsolatedEventLoop
    var ledger = Ledger()
    var faults = GatewayFaults()
    /// What READY names.
    var resumeURL = ""
    var directory: SessionDirectory
    private(set) var connections: [Int: GatewayConnection] = [:]
    var flood: Flood?
    /// What was to be sent meanwhile, and to which session.
    var waitingForFlood: [(event: EncodedEvent, session: String)] = []
    /// The last flood that is over.
    var lastFlood: Flood?
    /// Whether a flood is being sent right now, so that it does not begin again within itself.
    var isPumping = false
    private var lastConnection = 0

    init(world: World, settings: Settings, loop: NIOIsolatedEventLoop) {
        self.world = world
        self.settings = settings
        self.loop = loop
        directory = SessionDirectory(bufferedEvents: settings.bufferedEvents)
    }

    /// Makes the handler of a new connection.
    func makeConnection(_ parameters: GatewayServerSession.Parameters, isResumeURL: Bool) -> GatewayConnection {
        lastConnection += 1
        return GatewayConnection(
            number: lastConnection, parameters: parameters, isResumeURL: isResumeURL, server: self)
    }

    /// Live sessions.
    var liveSessions: [SessionDirectory.Session] {
        directory.order.compactMap { directory.sessions[$0] }.filter { $0.connection != nil }
    }

    func violate(_ what: String) {
        ledger.violate(what, at: world.clock())
        world.changed()
    }

    // MARK: - What connections tell

    func opened(_ connection: GatewayConnection) {
        connections[connection.number] = connection
        ledger.connections += 1
        if faults.take(.reconnectBeforeHello) != nil {
            connection.send(Self.payload(7))
            connection.rules.end()
            loop.scheduleTask(in: .seconds(3)) { connection.close(code: 4000, reason: "reconnect") }
            return
        }
        if faults.take(.noHello) != nil { return }
        perform(connection.rules.open(connection.parameters), on: connection)
    }

    func received(_ payload: JSON?, byteCount: Int, on connection: GatewayConnection) {
        if let opcode = payload?["op"]?.int { ledger.payloads[opcode, default: 0] += 1 }
        let last = connection.session.flatMap { directory.sessions[$0]?.lastSequence }
        let actions = connection.rules.receive(
            payload, byteCount: byteCount, lastSequence: last, at: world.clock())
        perform(actions, on: connection)
        world.changed()
    }

    func peerClosed(_ connection: GatewayConnection, code: Int?) {
        note(connection, code: code, reason: "", isByClient: true)
        // 1000 and 1001 end the session (gateway.mdx, Disconnecting).
        if let session = connection.session, code == 1000 || code == 1001 {
            directory.remove(session)
            connection.session = nil
        }
        world.changed()
    }

    func ended(_ connection: GatewayConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        release(connection)
        resumeFlood()
        world.changed()
    }

    /// Leaves the session behind for a resume.
    private func release(_ connection: GatewayConnection) {
        if let session = connection.session {
            directory.disconnect(session, connection: connection.number, at: world.clock())
        }
        connection.session = nil
    }

    private func note(_ connection: GatewayConnection, code: Int?, reason: String, isByClient: Bool) {
        ledger.closes.append(
            Ledger.Close(
                at: world.clock(), session: connection.session, code: code, reason: reason, isByClient: isByClient))
    }

    /// Time has passed.
    func tick() {
        let now = world.clock()
        for connection in connections.values.sorted(by: { $0.number < $1.number }) {
            perform(connection.rules.tick(at: now), on: connection)
        }
        if !directory.expire(after: world.limits.sessionExpiry, at: now).isEmpty { world.changed() }
    }

    // MARK: - What is done about it

    private func perform(_ actions: [GatewayServerSession.Action], on connection: GatewayConnection) {
        for action in actions {
            switch action {
            case .hello:
                let interval = world.limits.heartbeatInterval / 1000
                connection.send(
                    "{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":\(interval),"
                        + "\"_trace\":[\"[\\\"gateway-prd-sim-1\\\",{\\\"micros\\\":0.0}]\"]}}")
            case .acknowledge:
                if faults.take(.noAcknowledgement, shard: shard(of: connection)) == nil {
                    connection.send(Self.payload(11))
                }
            case .noteHeartbeat(let sequence):
                ledger.heartbeats += 1
                ledger.lastHeartbeat = sequence
            case .noteCommand: break
            case .report(let what): violate(what)
            case .identify(let request): identify(request, on: connection)
            case .resume(let request): resume(request, on: connection)
            case .requestMembers(let request): answer(request, on: connection)
            case .close(let code, let reason): close(connection, code: code, reason: reason)
            }
        }
    }

    /// Closes a connection; the session can be resumed.
    func close(_ connection: GatewayConnection, code: Int?, reason: String) {
        note(connection, code: code, reason: reason, isByClient: false)
        release(connection)
        connection.close(code: code, reason: reason)
    }

    /// Op 9 on a connection; without a resume to come the session ends.
    func invalidate(_ connection: GatewayConnection, resumable: Bool) {
        if !resumable, let session = connection.session { directory.remove(session) }
        if resumable { release(connection) }
        connection.session = nil
        connection.rules.becomeIdle()
        connection.send(Self.payload(9, resumable ? "true" : "false"))
    }

    /// Ends a session without telling anybody.
    func forget(_ session: String) {
        directory.remove(session)
    }

    /// The connection's shard, once it has one.
    func shard(of connection: GatewayConnection) -> Int? {
        connection.session.flatMap { directory.sessions[$0]?.shard }
    }

    static func payload(_ opcode: Int, _ d: String = "null") -> String {
        "{\"t\":null,\"s\":null,\"op\":\(opcode),\"d\":\(d)}"
    }
}
