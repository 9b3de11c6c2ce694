internal import DequeModule
internal import Logging
internal import NIOCore
internal import Shared

/// Sends what workers ask for.
extension GatewaySession {
    /// Sends a worker's payload as soon as the send limits let it.
    func send(_ payload: ByteBuffer, completion: @escaping @Sendable (CommandOutcome) -> Void) {
        guard machine.isReady else { return completion(.refused("shard \(shard) has no live session")) }
        guard payload.readableBytes <= OutgoingPayload.maximumBytes else {
            return completion(.refused("the payload is longer than \(OutgoingPayload.maximumBytes) bytes"))
        }
        let opcode = (try? parser.parse(payload))?["op"]?.int.flatMap(GatewayOpcode.init)
        let kind: SendLimiter.Kind
        switch opcode {
        case .presenceUpdate: kind = .presence
        case .voiceStateUpdate, .requestGuildMembers, .requestSoundboardSounds, .requestChannelInfo: kind = .command
        default: return completion(.refused("only the opcodes 3, 4, 8, 31 and 43 may be sent"))
        }
        guard commands.count < Self.maximumWaitingCommands else {
            return completion(.refused("\(commands.count) commands wait for Discord's send limit already"))
        }
        commands.append(PendingCommand(payload: payload, kind: kind, completion: completion))
        sendCommands()
    }

    func sendCommands() {
        guard commandTimer == nil else { return }
        while let next = commands.first {
            switch sendLimiter.send(next.kind, now: .now()) {
            case .now:
                commands.removeFirst()
                sendCommand(next)
            case .notBefore(let deadline):
                commandTimer = eventLoop.scheduleTask(deadline: deadline) {
                    self.assumeIsolated {
                        $0.commandTimer = nil
                        $0.sendCommands()
                    }
                }
                return
            }
        }
    }

    func sendCommand(_ command: PendingCommand) {
        guard let connection else { return command.completion(.refused("the connection to Discord was lost")) }
        connection.send(command.payload).whenComplete { result in
            switch result {
            case .success: command.completion(.sent)
            case .failure: command.completion(.refused("the connection to Discord was lost"))
            }
        }
    }

    func refuseCommands(_ reason: String) {
        commandTimer?.cancel()
        commandTimer = nil
        let refused = commands
        commands.removeAll()
        for command in refused { command.completion(.refused(reason)) }
    }
}
