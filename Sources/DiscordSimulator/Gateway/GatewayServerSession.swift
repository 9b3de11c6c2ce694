internal import DequeModule
internal import Shared

/// What one connection may do and when: Discord's side of the protocol, without any I/O or clock.
///
/// It checks each frame's form and order (section by section of gateway.mdx) and says what to do; who may identify and
/// what can be resumed is for `SessionDirectory` to decide.
struct GatewayServerSession: Sendable {
    /// Frames per window, and presence updates per theirs (gateway.mdx, Rate Limiting; gateway-events.mdx, Update
    /// Presence).
    static let maximumFrames = 120, maximumPresences = 5
    /// Bytes of a client's payload (gateway.mdx, Sending Events).
    static let maximumPayload = 4096

    /// What the connection's URL asks for.
    struct Parameters: Equatable, Sendable {
        var version: String?
        var encoding: String?
        var compress: String?
    }

    /// What to do.
    enum Action: Equatable, Sendable {
        case hello
        case acknowledge
        case identify(IdentifyRequest)
        case resume(ResumeRequest)
        case requestMembers(MemberRequest)
        /// A heartbeat came, with this `d`.
        case noteHeartbeat(sequence: Int?)
        /// A payload that needs no answer: presence, voice state and the like.
        case noteCommand(opcode: Int)
        /// Discord would not like this.
        case report(String)
        /// With a code, or without a close frame.
        case close(code: Int?, reason: String)
    }

    private enum Phase: Equatable {
        case awaitingIdentify
        case live
        case closed
    }

    private let limits: TimeLimits
    /// Code for a connection whose heartbeats stopped; nil for none at all. Which one Discord uses is not documented.
    private let heartbeatCloseCode: Int?
    private var phase = Phase.awaitingIdentify
    private let openedAt: Int
    private var lastHeartbeat: Int
    private var frames: Deque<Int> = []
    private var presences: Deque<Int> = []

    init(limits: TimeLimits, heartbeatCloseCode: Int?, at now: Int) {
        self.limits = limits
        self.heartbeatCloseCode = heartbeatCloseCode
        openedAt = now
        lastHeartbeat = now
    }

    /// Whether a session is in progress.
    var isLive: Bool { phase == .live }

    /// The connection stands.
    mutating func open(_ parameters: Parameters) -> [Action] {
        guard parameters.version == "10" else {
            return close(4012, "unsupported gateway version \(parameters.version ?? "(none)")")
        }
        guard parameters.encoding == nil || parameters.encoding == "json" else {
            return close(4002, "only encoding=json is simulated")
        }
        var actions: [Action] = []
        if parameters.encoding == nil { actions.append(.report("the URL names no encoding")) }
        if let compress = parameters.compress, !["zlib-stream", "zstd-stream"].contains(compress) {
            return close(4002, "unknown compress=\(compress)")
        }
        return actions + [.hello]
    }

    /// The session was started or resumed.
    mutating func becomeLive() { phase = .live }

    /// The session was ended by the server, the connection was not.
    mutating func becomeIdle() { if phase == .live { phase = .awaitingIdentify } }

    /// The connection is at its end.
    mutating func end() { phase = .closed }

    /// A frame came.
    /// - Parameters:
    ///   - payload: nil if it was not JSON.
    ///   - lastSequence: the highest `s` sent in this session.
    mutating func receive(_ payload: JSON?, byteCount: Int, lastSequence: Int?, at now: Int) -> [Action] {
        guard phase != .closed else { return [] }
        guard byteCount <= Self.maximumPayload else {
            return close(4002, "a payload of \(byteCount) bytes; \(Self.maximumPayload) are allowed")
        }
        guard let payload, payload.members != nil else { return close(4002, "a payload that is no JSON object") }
        frames.append(now)
        while let first = frames.first, first <= now - limits.sendWindow { frames.removeFirst() }
        guard frames.count <= Self.maximumFrames else {
            return close(4008, "more than \(Self.maximumFrames) payloads in \(limits.sendWindow / 1_000_000) s")
        }
        guard let opcode = payload["op"]?.int else { return close(4001, "a payload without op") }
        let extra = (payload.members ?? []).map(\.key).filter { !["op", "d", "s", "t"].contains($0) }
        let objections = extra.map { Action.report("a payload with the unknown field \($0)") }
        return objections + handle(opcode, payload["d"], lastSequence: lastSequence, at: now)
    }

    private mutating func handle(_ opcode: Int, _ d: JSON?, lastSequence: Int?, at now: Int) -> [Action] {
        switch GatewayOpcode(rawValue: opcode) {
        case .heartbeat: return heartbeat(d, lastSequence: lastSequence, at: now)
        case .identify:
            if phase == .live { return close(4005, "a second Identify") }
            let (request, objections) = IdentifyRequest.read(d)
            guard let request else { return close(4001, "a malformed Identify") }
            return objections.map(Action.report) + [.identify(request)]
        case .resume:
            if phase == .live { return close(4005, "a Resume in a live session") }
            guard let request = ResumeRequest(d) else { return close(4001, "a malformed Resume") }
            return [.resume(request)]
        case .presenceUpdate, .voiceStateUpdate, .requestGuildMembers, .requestSoundboardSounds, .requestChannelInfo:
            guard phase == .live else { return close(4003, "op \(opcode) before Identify or Resume") }
            return command(opcode, d, at: now)
        default: return close(4001, "op \(opcode), which clients do not send")
        }
    }

    private mutating func heartbeat(_ d: JSON?, lastSequence: Int?, at now: Int) -> [Action] {
        guard let d, d == .null || d.int != nil else { return close(4001, "a heartbeat without a sequence number") }
        lastHeartbeat = now
        var actions: [Action] = [.noteHeartbeat(sequence: d.int)]
        if let sequence = d.int, phase == .live, sequence > lastSequence ?? 0 || sequence <= 0 {
            actions.append(
                .report("a heartbeat with sequence \(sequence), where the last one sent is \(lastSequence ?? 0)"))
        }
        return actions + [.acknowledge]
    }

    private mutating func command(_ opcode: Int, _ d: JSON?, at now: Int) -> [Action] {
        guard let d, d.members != nil else { return close(4001, "op \(opcode) with a malformed d") }
        switch opcode {
        case GatewayOpcode.presenceUpdate.rawValue:
            if let objection = PresenceRules.objection(to: d) { return close(4001, "op 3: \(objection)") }
            presences.append(now)
            while let first = presences.first, first <= now - limits.presenceWindow { presences.removeFirst() }
            if presences.count > Self.maximumPresences { return [.report("more than 5 presence updates in 20 s")] }
        case GatewayOpcode.voiceStateUpdate.rawValue:
            guard d["guild_id"]?.string != nil, d["self_mute"]?.bool != nil, d["self_deaf"]?.bool != nil else {
                return close(4001, "op 4 with a malformed d")
            }
        case GatewayOpcode.requestGuildMembers.rawValue:
            guard let request = MemberRequest(d) else { return close(4001, "op 8 with a malformed d") }
            return [.noteCommand(opcode: opcode), .requestMembers(request)]
        default: break
        }
        return [.noteCommand(opcode: opcode)]
    }

    /// Time has passed.
    mutating func tick(at now: Int) -> [Action] {
        guard phase != .closed else { return [] }
        let late = now - lastHeartbeat - limits.heartbeatInterval - limits.heartbeatTolerance
        if late > 0 {
            phase = .closed
            return [
                .report("no heartbeat for \((now - lastHeartbeat) / 1000) ms"),
                .close(code: heartbeatCloseCode, reason: "heartbeats stopped"),
            ]
        }
        if phase == .awaitingIdentify, now - openedAt > limits.identifyTimeout {
            return close(4003, "neither Identify nor Resume came")
        }
        return []
    }

    private mutating func close(_ code: Int, _ reason: String) -> [Action] {
        phase = .closed
        return [.report(reason), .close(code: code, reason: reason)]
    }
}
