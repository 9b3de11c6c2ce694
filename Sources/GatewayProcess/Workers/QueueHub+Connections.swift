internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Shared

/// Who connects, and how connections end.
extension QueueHub {
    func listen(on socket: UnixListener.Socket, isControl: Bool) async throws {
        let hub = self
        let channel = try await ServerBootstrap(group: eventLoop)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                guard let options = channel as? any SocketOptionProvider else {
                    return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
                }
                return options.unsafeGetSocketOption(level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
                    .flatMapThrowing { (peer: PeerCredentials) in
                        try hub.assumeIsolated { try $0.accepted(channel, peer: peer, isControl: isControl) }
                    }
            }
            .withBoundSocket(socket.descriptor)
            .get()
        listeners.append((channel, socket))
    }

    private func accepted(_ channel: any Channel, peer: PeerCredentials, isControl: Bool) throws {
        let number = nextNumber
        nextNumber += 1
        let connection = PeerConnection(
            number: number, channel: channel, peer: peer, now: now, role: isControl ? .operator : .guest(isTool: false))
        connections[number] = connection
        try channel.pipeline.syncOperations.addHandler(PeerHandler(hub: self, number: number))
        let allowed = isControl ? [settings.ownUID, 0] : settings.allowedUIDs
        if !allowed.contains(peer.uid) {
            refuse(
                connection, .forbidden,
                isControl
                    ? "user \(peer.uid) may not use the control socket"
                    : "user \(peer.uid) is not in QUEUE_ALLOWED_UIDS of the gateway")
        } else if connections.count > settings.maximumConnections {
            refuse(connection, .busy, "there are \(settings.maximumConnections) connections already")
        } else if isGoing, !isControl {
            refuse(connection, .shuttingDown, "the gateway is going; connect again with backoff")
        }
    }

    func received(_ bytes: ByteBuffer, from number: Int) {
        guard let connection = connections[number], !connection.hasEnded else { return }
        unfinishedBytes -= connection.splitter.unfinishedBytes
        defer {
            unfinishedBytes += connection.splitter.unfinishedBytes
            if unfinishedBytes > settings.maximumUnfinishedBytes { cutLongestLine() }
        }
        connection.splitter.append(bytes)
        do throws(FrameError) {
            while let line = try connection.splitter.nextLine() {
                if case .operator = connection.role {
                    request(line, from: connection)
                } else {
                    take(line, from: connection)
                }
            }
        } catch {
            if !connection.isClosing { refuse(connection, error.code, error.message) }
        }
        scheduleTurn()
    }

    /// Sends away who holds most of the room for lines that have not ended: the others' lines are to get through.
    private func cutLongestLine() {
        guard
            let longest = connections.values.max(by: {
                $0.splitter.unfinishedBytes < $1.splitter.unfinishedBytes
            })
        else { return }
        unfinishedBytes -= longest.splitter.unfinishedBytes
        longest.splitter.giveUp()
        guard !longest.isClosing else { return }
        refuse(
            longest, .busy,
            "unfinished lines take more than \(settings.maximumUnfinishedBytes) bytes together, and this is the longest"
        )
    }

    /// The peer sends no more. What it asked for is still written; its acknowledgements have all been applied.
    func inputEnded(_ number: Int) {
        guard let connection = connections[number] else { return }
        end(connection)
        let channel = connection.channel
        if connection.pendingBytes == 0 {
            channel.close(promise: nil)
        } else {
            flush(connection)
            // Whoever has stopped talking and does not read either is cut off.
            connection.closingAt = now + settings.farewell
            channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
        }
    }

    func disconnected(_ number: Int) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        unfinishedBytes -= connection.splitter.unfinishedBytes
        connection.splitter.giveUp()
        end(connection)
    }

    /// Gives the worker's events to others. Once per connection.
    private func end(_ connection: PeerConnection) {
        guard !connection.hasEnded else { return }
        connection.hasEnded = true
        connection.tail = nil
        memberRequests.forget(connection: connection.number)
        guard let worker = connection.worker else { return }
        let isOrderly = connection.isDraining || isGoing
        let held = queue.heldCount(of: worker)
        queue.leave(worker, isOrderly ? .leave : .death, now: now, wall: WallClock.now(), using: &random)
        connectionOfWorker[worker.slot] = nil
        wishesChanged = true
        logger.info(
            "worker left",
            metadata: [
                "worker": "\(connection.hello?.worker ?? "")", "pid": "\(connection.peer.pid)",
                "held": "\(held)", "orderly": "\(isOrderly)",
            ])
        announceMembers(except: nil)
        scheduleTurn()
        if isGoing, !isWorkLeft { resumeGoodbye() }
    }

    /// Says why, and closes. Acknowledgements that are under way still count.
    func refuse(_ connection: PeerConnection, _ code: QueueProtocol.ErrorCode, _ message: String) {
        guard !connection.isClosing else { return }
        counters.refusals[code.rawValue, default: 0] += 1
        logger.warning(
            "connection refused",
            metadata: [
                "code": "\(code.rawValue)", "reason": "\(message)", "pid": "\(connection.peer.pid)",
                "uid": "\(connection.peer.uid)", "worker": "\(connection.hello?.worker ?? "")",
            ])
        connection.closingAt = now + settings.farewell
        if let worker = connection.worker { queue.drain(worker, now: now) }
        send(.error(code: code.rawValue, message: message), to: connection)
        flush(connection)
        let channel = connection.channel
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(mode: .output, promise: nil) }
    }

    func announceMembers(except newcomer: PeerConnection?) {
        let count = queue.workerCount
        for connection in connections.values where connection.worker != nil && connection !== newcomer {
            if !connection.hasEnded, !connection.isClosing { send(.members(count), to: connection) }
        }
    }
}
