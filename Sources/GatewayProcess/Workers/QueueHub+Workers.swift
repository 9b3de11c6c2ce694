internal import Logging
internal import NIOCore
internal import Shared

/// What workers say.
extension QueueHub {
    /// Applies one line of a worker or guest.
    func take(_ line: ByteBuffer, from connection: PeerConnection) {
        if connection.isClosing { return takeLast(line, from: connection) }
        do throws(FrameError) {
            try take(decoder.decode(line), from: connection)
        } catch {
            refuse(connection, error.code, error.message)
        }
    }

    /// From a connection that is being closed, only acknowledgements count.
    private func takeLast(_ line: ByteBuffer, from connection: PeerConnection) {
        guard let worker = connection.worker, case .ack(let ids)? = try? decoder.decode(line) else { return }
        queue.acknowledge(ids, by: worker, now: now)
    }

    private func take(_ frame: WorkerFrame, from connection: PeerConnection) throws(FrameError) {
        switch frame {
        case .ack(let ids):
            queue.acknowledge(ids, by: try worker(connection, "ack"), now: now)
            if logsEvents { logAcknowledgement(of: ids, by: connection) }
        case .extend(let ids): queue.extend(ids, by: try worker(connection, "extend"), now: now)
        case .nack(let ids, let reason):
            queue.nack(
                ids, reason: reason, by: try worker(connection, "nack"), now: now, wall: WallClock.now(), using: &random
            )
        case .release(let scope, let milliseconds, let reason):
            try release(scope, milliseconds, reason, from: connection)
        case .pong:
            _ = try worker(connection, "pong")
            connection.unansweredPing = nil
        case .hello(let hello): try greet(hello, connection)
        case .report(let report):
            _ = try worker(connection, "report")
            connection.report = report
        case .drain: try drain(connection)
        case .command(let ref, let shard, let payload): try command(ref, shard, payload, from: connection)
        case .status:
            if case .guest = connection.role { connection.role = .guest(isTool: true) }
            sendStatus(to: connection)
        }
    }

    private func logAcknowledgement(of ids: [EventID], by connection: PeerConnection) {
        for id in ids {
            logger.debug(
                "event acknowledged",
                metadata: ["event": "\(id)", "worker": "\(connection.hello?.worker ?? "")"])
        }
    }

    private func worker(_ connection: PeerConnection, _ op: StaticString) throws(FrameError) -> WorkerID {
        guard let worker = connection.worker else {
            throw FrameError(.unexpected, "\"\(op)\" came before \"hello\"")
        }
        return worker
    }

    // MARK: Coming and going

    private func greet(_ hello: WorkerHello, _ connection: PeerConnection) throws(FrameError) {
        guard connection.worker == nil else { throw FrameError(.unexpected, "a second \"hello\" on one connection") }
        guard !isGoing else { throw FrameError(.shuttingDown, "the gateway is going; connect again with backoff") }
        if hello.journal == identity.description { store.acknowledgeDone(hello.done, now: now) }
        let worker = queue.join(
            name: hello.worker, capacity: hello.capacity, capacityBytes: hello.capacityBytes,
            wish: .init(events: hello.events, ephemeral: hello.ephemeral, immediate: hello.immediate), now: now)
        connection.role = .worker(worker)
        connection.hello = hello
        connection.lastPing = now
        connectionOfWorker[worker.slot] = connection.number
        wishesChanged = true
        logger.info(
            "worker joined",
            metadata: [
                "worker": "\(hello.worker)", "version": "\(hello.version)", "pid": "\(connection.peer.pid)",
                "capacity": "\(hello.capacity)",
            ])
        send(
            .welcome(
                Welcome(
                    protocolVersion: QueueProtocol.agreed(hello.protocolVersions) ?? QueueProtocol.versions.upperBound,
                    version: Version.current, journal: identity.description, applicationID: directory.applicationID,
                    userID: directory.userID, shardIDs: directory.shardIDs, shardCount: directory.shardCount,
                    workers: queue.workerCount)),
            to: connection)
        announceMembers(except: connection)
    }

    private func drain(_ connection: PeerConnection) throws(FrameError) {
        let worker = try worker(connection, "drain")
        connection.isDraining = true
        queue.drain(worker, now: now)
        // Whatever was given to it before goes out before.
        applyEffects(now: now)
        send(.draining, to: connection)
    }

    private func release(
        _ scope: ReleaseScope, _ milliseconds: Int, _ reason: String, from connection: PeerConnection
    ) throws(FrameError) {
        let worker = try worker(connection, "release")
        let time = TimeAmount.milliseconds(Int64(min(milliseconds, 86_400_000)))
        switch scope {
        case .ids(let ids): queue.release(ids, for: time, by: worker, now: now)
        case .all:
            queue.releaseAll(for: time, by: worker, now: now)
            logger.notice(
                "worker gave everything back",
                metadata: [
                    "worker": "\(connection.hello?.worker ?? "")", "reason": "\(reason)", "ms": "\(milliseconds)",
                ])
        }
    }

    // MARK: Commands

    /// What a worker may ask a session to send; the rest is the session's own (gateway-events.mdx, Send Events).
    private static let allowedOpcodes: Set<Int> = [3, 4, 8, 31, 43]

    private func command(
        _ ref: Int, _ shard: Int, _ payload: JSON, from connection: PeerConnection
    ) throws(FrameError) {
        _ = try worker(connection, "command")
        counters.commands += 1
        connection.openCommands += 1
        guard connection.openCommands <= PeerConnection.maximumOpenCommands else {
            return finishCommand(
                ref, of: connection, failure: "more than \(PeerConnection.maximumOpenCommands) commands are under way")
        }
        guard let opcode = payload["op"]?.int, Self.allowedOpcodes.contains(opcode) else {
            return finishCommand(
                ref, of: connection, failure: "only payloads with op 3, 4, 8, 31 or 43 are sent for workers")
        }
        // Discord would end the session over it (4002), for all workers.
        guard case .object = payload["d"] else {
            return finishCommand(ref, of: connection, failure: "the payload has no object \"d\"")
        }
        var bytes = ByteBuffer()
        bytes.writeJSON(payload)
        let number = connection.number
        let target = MemberRequests.target(of: payload)
        directory.send(bytes, to: shard) { [self] outcome in
            assumeIsolated { $0.commandSent(outcome, ref, shard, target, connection: number) }
        }
    }

    private func commandSent(
        _ outcome: CommandOutcome, _ ref: Int, _ shard: Int, _ target: (guild: Snowflake, nonce: String?)?,
        connection number: Int
    ) {
        guard let connection = connections[number] else { return }
        switch (outcome, target) {
        case (.refused(let reason), _): finishCommand(ref, of: connection, failure: reason)
        case (.sent, nil): finishCommand(ref, of: connection, failure: nil)
        case (.sent, let target?):
            memberRequests.sent(
                .init(
                    connection: number, ref: ref, shard: shard, guild: target.guild, nonce: target.nonce,
                    deadline: now + settings.memberRequestDoubt))
        }
        scheduleTurn()
    }

    func finishCommand(_ ref: Int, of connection: PeerConnection, failure: String?) {
        connection.openCommands -= 1
        send(.commandResult(ref: ref, failure: failure), to: connection)
    }
}
