internal import Logging
internal import NIOCore
internal import OrderedCollections
internal import Shared

/// A request that cannot be carried out, in words for the operator.
private struct RequestError: Error {
    let message: String
}

/// What an operator asks on the control socket.
extension QueueHub {
    func request(_ line: ByteBuffer, from connection: PeerConnection) {
        guard !connection.isClosing else { return }
        guard let request = try? JSON(ofText: line), let op = request["op"]?.string else {
            return refuse(connection, .malformed, "the line is not a JSON object with an \"op\"")
        }
        guard op == "request" else {
            return refuse(
                connection, .unknownOp, "there is no op \"\(op.prefix(64))\" on the control socket; use \"request\"")
        }
        let ref = request["ref"] ?? .null
        do throws(RequestError) {
            guard let action = request["do"]?.string else { throw RequestError(message: "\"do\" must be a string") }
            let arguments = request["args"] ?? .object([])
            guard arguments.members != nil || arguments == .null else {
                throw RequestError(message: "\"args\" must be an object")
            }
            try perform(action, arguments, ref, connection)
        } catch {
            answer(ref, connection, failure: error.message)
        }
        scheduleTurn()
    }

    private func perform(
        _ action: String, _ arguments: JSON, _ ref: JSON, _ connection: PeerConnection
    ) throws(RequestError) {
        switch action {
        case "status":
            let status = status()
            answer(ref, connection, [.init("status", status)] + (status.members ?? []))
        case "dead-letters.list":
            answer(ref, connection, [.init("dead_letters", .array(deadLetters.letters.values.map(\.summary)))])
        case "dead-letters.show": show(try letter(arguments), ref, connection)
        case "dead-letters.retry": answer(ref, connection, count: try retry(try identifiers(arguments)))
        case "dead-letters.discard":
            let ids = try identifiers(arguments)
            try requireKnown(ids)
            let count = deadLetters.discard(ids)
            logger.notice("dead letters discarded by an operator", metadata: ["count": "\(count)"])
            answer(ref, connection, count: count)
        case "workers.drain": answer(ref, connection, count: try drainWorkers(arguments))
        case "shards.reidentify":
            guard let shard = arguments["id"]?.int else {
                throw RequestError(message: "\"id\" must be the number of a shard")
            }
            if let failure = directory.reidentify(shard: shard) { throw RequestError(message: failure) }
            logger.notice("shard identifies anew at an operator's request", metadata: ["shard": "\(shard)"])
            answer(ref, connection, [])
        case "tail": try tail(arguments, ref, connection)
        default: throw RequestError(message: "there is no request \"\(action.prefix(64))\"")
        }
    }

    // MARK: Answers

    private func answer(_ ref: JSON, _ connection: PeerConnection, _ members: [JSON.Member]) {
        markForFlush(connection)
        connection.out.writeJSON(.object([.init("op", "result"), .init("ref", ref), .init("ok", true)] + members))
        connection.out.writeInteger(UInt8(ascii: "\n"))
    }

    private func answer(_ ref: JSON, _ connection: PeerConnection, count: Int) {
        answer(ref, connection, [.init("count", .integer(count))])
    }

    private func answer(_ ref: JSON, _ connection: PeerConnection, failure: String) {
        markForFlush(connection)
        connection.out.writeJSON(["op": "result", "ref": ref, "ok": false, "message": .string(failure)])
        connection.out.writeInteger(UInt8(ascii: "\n"))
    }

    // MARK: Dead letters

    /// For the queue's turn: a letter is kept before its event leaves the journal.
    func keep(_ letter: DeadLetter) {
        logger.error(
            "event failed too often and is a dead letter",
            metadata: [
                "event": "\(letter.id)", "t": "\(letter.type)", "key": "\(letter.key)",
                "reason": "\(letter.reasons.last ?? "")",
            ])
        do {
            try deadLetters.keep(letter)
            if let record = letter.record { store.finish(record) }
        } catch {
            logger.error("the dead letter cannot be written; it is tried again", metadata: ["error": "\(error)"])
        }
    }

    func keepUnwrittenLetters() {
        for letter in deadLetters.writeUnwritten() {
            if let record = letter.record { store.finish(record) }
        }
    }

    private func letter(_ arguments: JSON) throws(RequestError) -> DeadLetter {
        guard let id = arguments["id"]?.int else {
            throw RequestError(message: "\"id\" must be the id of a dead letter")
        }
        return try letter(EventID(Int64(id)))
    }

    private func letter(_ id: EventID) throws(RequestError) -> DeadLetter {
        let found: DeadLetter?
        do throws(FileFailure) { found = try deadLetters.letter(id) } catch {
            throw RequestError(message: "dead letter \(id): \(error)")
        }
        guard let found else { throw RequestError(message: "there is no dead letter \(id)") }
        return found
    }

    /// The event goes out byte for byte, not through a parser.
    private func show(_ letter: DeadLetter, _ ref: JSON, _ connection: PeerConnection) {
        markForFlush(connection)
        connection.out.writeStaticString(#"{"op":"result","ref":"#)
        connection.out.writeJSON(ref)
        connection.out.writeStaticString(#","ok":true,"dead_letter":"#)
        connection.out.writeJSON(letter.summary)
        // Before the summary's own closing brace.
        connection.out.moveWriterIndex(to: connection.out.writerIndex - 1)
        connection.out.writeStaticString(#","frame":"#)
        connection.out.writeImmutableBuffer(letter.frame)
        connection.out.writeStaticString("}}\n")
    }

    private func identifiers(_ arguments: JSON) throws(RequestError) -> [EventID] {
        if arguments["ids"]?.string == "all" { return Array(deadLetters.letters.keys) }
        guard let elements = arguments["ids"]?.elements, !elements.isEmpty else {
            throw RequestError(message: "\"ids\" must be an array of ids of dead letters, or \"all\"")
        }
        let ids = elements.compactMap(\.int)
        guard ids.count == elements.count else { throw RequestError(message: "\"ids\" must hold integers only") }
        return ids.map { EventID(Int64($0)) }
    }

    private func requireKnown(_ ids: [EventID]) throws(RequestError) {
        if let unknown = ids.first(where: { deadLetters.letters[$0] == nil }) {
            throw RequestError(message: "there is no dead letter \(unknown)")
        }
    }

    private func retry(_ ids: [EventID]) throws(RequestError) -> Int {
        try requireKnown(ids)
        let wall = WallClock.now()
        for id in ids { try retry(try letter(id), wall: wall) }
        logger.notice("dead letters retried by an operator", metadata: ["count": "\(ids.count)"])
        return ids.count
    }

    private func retry(_ letter: DeadLetter, wall: Int64) throws(RequestError) {
        do throws(DiskFailure) { try store.retry(letter, now: now, wall: wall) } catch {
            throw RequestError(message: "dead letter \(letter.id) cannot be queued again: \(error)")
        }
        deadLetters.hide(letter.id)
    }

    // MARK: Workers

    private func drainWorkers(_ arguments: JSON) throws(RequestError) -> Int {
        guard let name = arguments["name"]?.string else {
            throw RequestError(message: "\"name\" must be the name of a worker")
        }
        let named = connections.values.filter { $0.worker != nil && $0.hello?.worker == name && !$0.isClosing }
        guard !named.isEmpty else { throw RequestError(message: "there is no worker \(name)") }
        for connection in named { send(.pleaseDrain, to: connection) }
        return named.count
    }

    // MARK: Tail

    var tailCount: Int { tailing.count }

    private func tail(_ arguments: JSON, _ ref: JSON, _ connection: PeerConnection) throws(RequestError) {
        var filter = TailFilter(ref: ref, events: nil, guild: nil, withContent: false)
        if let events = arguments["events"], events != .null {
            guard let names = events.elements?.compactMap(\.string), names.count == events.elements?.count else {
                throw RequestError(message: "\"events\" must be an array of names")
            }
            filter.events = Set(names)
        }
        if let guild = arguments["guild"], guild != .null {
            guard let id = guild.string.flatMap({ Snowflake($0) }) else {
                throw RequestError(message: "\"guild\" must be the id of a guild, as a string")
            }
            filter.guild = id
        }
        if let content = arguments["content"], content != .null {
            guard let content = content.bool else { throw RequestError(message: "\"content\" must be true or false") }
            filter.withContent = content
        }
        connection.tail = filter
        tailing.insert(connection.number)
    }

    /// Shows an event to those who watch. What they do not read in time is left out and counted.
    func showTail(_ dispatch: Dispatch, id: EventID) {
        for number in tailing {
            guard let connection = connections[number], let filter = connection.tail else {
                tailing.remove(number)
                continue
            }
            guard filter.passes(dispatch) else { continue }
            guard connection.pendingBytes < PeerConnection.maximumAnswerBytes else {
                connection.tailSkipped += 1
                continue
            }
            markForFlush(connection)
            connection.out.writeTail(dispatch, id: id, filter: filter, skipped: connection.tailSkipped)
            connection.tailSkipped = 0
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeTail(_ dispatch: Dispatch, id: EventID, filter: TailFilter, skipped: Int) {
        writeStaticString(#"{"op":"result","ref":"#)
        writeJSON(filter.ref)
        writeStaticString(#","ok":true"#)
        if skipped > 0 {
            writeStaticString(#","skipped":"#)
            writeDecimal(skipped)
        }
        writeStaticString(#","event":{"id":"#)
        writeDecimal(id.rawValue)
        writeStaticString(#","shard":"#)
        writeDecimal(dispatch.shard)
        writeStaticString(#","seq":"#)
        writeDecimal(dispatch.sequence)
        writeStaticString(#","t":"#)
        writeJSONString(dispatch.type)
        writeStaticString(#","key":"#)
        writeJSONString(dispatch.key.description)
        writeStaticString(#","received_at":"#)
        writeDecimal(dispatch.receivedAt)
        writeStaticString(#","bytes":"#)
        writeDecimal(dispatch.data.readableBytes)
        if filter.withContent {
            writeStaticString(#","d":"#)
            writeImmutableBuffer(dispatch.data)
        }
        writeStaticString("}}\n")
    }
}
