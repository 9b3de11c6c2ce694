internal import Logging
internal import NIOCore
internal import Shared

/// Takes what Discord sends.
extension GatewaySession: ConnectionOwner {
    nonisolated func happened(_ event: ConnectionEvent, to connection: Int) {
        assumeIsolated { session in
            guard connection == session.connectionNumber else { return }
            session.happened(event)
        }
    }

    nonisolated func received(_ payloads: [ByteBuffer], on connection: Int) {
        assumeIsolated { session in
            guard connection == session.connectionNumber else { return }
            session.received(payloads)
        }
    }

    func happened(_ event: ConnectionEvent) {
        switch event {
        case .connected: handle(.connected)
        case .unreadable(let error):
            counters.unreadable += 1
            logger.error(
                "closing the connection and resuming: what Discord sent cannot be read",
                metadata: ["reason": "\(error)"])
            handle(.unreadable(sequence: lastReceived))
        case .ended(let code, let why):
            var metadata: Logger.Metadata = ["reason": "\(why)"]
            if let code { metadata["code"] = "\(code)" }
            let meaning = code.flatMap { GatewayCloseCode(rawValue: Int($0)) }?.explanation
            if let meaning { metadata["meaning"] = "\(meaning)" }
            logger.warning("a connection to Discord ended", metadata: metadata)
            connection = nil
            connectionNumber += 1
            refuseCommands("the connection to Discord was lost")
            handle(.disconnected(code: code))
        }
    }

    func received(_ payloads: [ByteBuffer]) {
        let number = connectionNumber
        let now = NIODeadline.now()
        let wall = WallClock.now()
        lastFrameAt = now
        lastFrameWall = wall
        for payload in payloads {
            counters.payloadBytes += payload.readableBytes
            do throws(EnvelopeError) {
                try take(payload, now: now, wall: wall)
            } catch {
                deliver()
                counters.unreadable += 1
                logger.error(
                    "closing the connection and resuming: a payload from Discord is malformed",
                    metadata: ["reason": "\(error)", "bytes": "\(payload.readableBytes)"])
                handle(.unreadable(sequence: lastReceived))
            }
            // What comes behind the end of this connection comes again after the resume.
            guard number == connectionNumber else { break }
        }
        deliver()
    }

    func take(_ payload: ByteBuffer, now: NIODeadline, wall: Int64) throws(EnvelopeError) {
        let envelope = try scan(payload)
        switch GatewayOpcode(rawValue: envelope.operation) {
        case .dispatch: try dispatch(envelope, of: payload, now: now, wall: wall)
        case .heartbeat: control(.heartbeatRequested)
        case .reconnect: control(.reconnectRequested)
        case .invalidSession:
            let isResumable = payload.data(of: envelope).readableBytesView.elementsEqual("true".utf8)
            control(.invalidSession(resumable: isResumable))
        case .hello:
            guard let interval = heartbeatInterval(payload.data(of: envelope)) else {
                throw .badMember("heartbeat_interval")
            }
            sendLimiter.heartbeatInterval = interval
            control(.hello(interval: interval))
        case .heartbeatAcknowledgement: control(.heartbeatAcknowledged)
        case .identify, .presenceUpdate, .voiceStateUpdate, .resume, .requestGuildMembers, .requestSoundboardSounds,
            .requestChannelInfo, nil:
            logger.debug("an unknown opcode is ignored", metadata: ["op": "\(envelope.operation)"])
        }
    }

    /// What may move on the session comes behind the dispatches before it.
    func control(_ event: SessionEvent) {
        deliver()
        handle(event)
    }

    func scan(_ payload: ByteBuffer) throws(EnvelopeError) -> Envelope {
        var envelope = Envelope()
        var failure: EnvelopeError?
        payload.withUnsafeReadableBytes { bytes in
            do throws(EnvelopeError) {
                envelope = try EnvelopeScanner.scan(bytes, with: indexer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return envelope
    }

    func heartbeatInterval(_ data: ByteBuffer) -> TimeAmount? {
        guard let milliseconds = try? parser.parse(data)["heartbeat_interval"]?.int, milliseconds > 0 else {
            return nil
        }
        return .milliseconds(Int64(milliseconds))
    }

    func dispatch(
        _ envelope: Envelope, of payload: ByteBuffer, now: NIODeadline, wall: Int64
    ) throws(EnvelopeError) {
        guard let sequence = envelope.sequence else { throw .badMember("s") }
        guard let text = envelope.type else { throw .badMember("t") }
        guard takesDispatches else { return }
        let (name, slot) = payload.withUnsafeReadableBytes { bytes in
            names.name(UnsafeRawBufferPointer(rebasing: bytes[text.start..<text.end]))
        }
        let data = payload.data(of: envelope)
        var interaction: InteractionHead?
        switch name.role {
        case .ready: try ready(data, sequence: sequence)
        case .resumed: control(.resumed)
        case .rateLimited: rateLimited(data)
        case .interaction: interaction = (try? parser.parse(data)).flatMap { InteractionHead($0) }
        case .ordinary, .guild, .channel, .user: break
        }
        lastReceived = sequence
        counters.dispatches += 1
        statistics.note(name.text, slot: slot, now: now)
        // Before READY there is no session that a dispatch could belong to.
        guard let session = sessionID else { return }
        burst.append(
            Dispatch(
                shard: shard, session: session, sequence: sequence, type: name.text,
                key: envelope.key(role: name.role, shard: shard), guildID: envelope.guild(role: name.role),
                interaction: interaction, receivedAt: wall, data: data))
    }

    func ready(_ data: ByteBuffer, sequence: Int) throws(EnvelopeError) {
        // A parser of its own: READY can be large, and comes once.
        guard let ready = (try? JSONParser.read(data, { Ready($0) })).flatMap({ $0 }) else {
            throw .badMember("session_id")
        }
        deliver()
        floor = nil
        host.learned(applicationID: ready.applicationID, userID: ready.userID)
        // Before the session is written down, which is at once.
        readySequence = sequence
        readyData = data
        handle(.ready(ready.session))
    }

    func rateLimited(_ data: ByteBuffer) {
        guard let value = try? parser.parse(data), value["opcode"]?.int == GatewayOpcode.requestGuildMembers.rawValue,
            let meta = value["meta"], let guild = meta["guild_id"]?.snowflake
        else { return }
        receiver.memberRequestLimited(
            shard: shard, guild: guild, nonce: meta["nonce"]?.string, retryAfter: value["retry_after"]?.double ?? 30)
    }

    func deliver() {
        guard !burst.isEmpty else { return }
        if isResuming { machine.replayed(now: .now()) }
        lastDispatchAt = lastFrameAt
        let isTaken = receiver.receive(burst)
        burst.removeAll(keepingCapacity: true)
        guard !isTaken, let session = sessionID else { return }
        // Nothing behind it may be taken before it has come again.
        handle(.refused(isResumable: durableSequence(of: session) != nil))
    }
}
