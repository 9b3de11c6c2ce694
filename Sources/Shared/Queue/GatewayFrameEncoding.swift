public import NIOCore

extension ByteBuffer {
    /// Appends a gateway's frame as one line, with its line break.
    public mutating func writeFrame(_ frame: GatewayFrame) {
        switch frame {
        case .event(let event): return writeFrame(event)
        case .ping: writeStaticString(#"{"op":"ping"}"#)
        case .draining: writeStaticString(#"{"op":"draining"}"#)
        case .pleaseDrain: writeStaticString(#"{"op":"please_drain"}"#)
        case .returned(let ids):
            writeStaticString(#"{"op":"returned","ids":"#)
            writeIDs(ids)
            writeInteger(UInt8(ascii: "}"))
        case .members(let workers): writeJSON(["op": "members", "workers": .integer(workers)])
        case .commandResult(let ref, let failure):
            writeJSON(
                .compact([
                    "op": "command_result", "ref": .integer(ref), "ok": .bool(failure == nil),
                    "message": failure.map(JSON.string),
                ]))
        case .status(let status): writeJSON(.object([.init("op", "status")] + (status.members ?? [])))
        case .goodbye(let reason): writeJSON(["op": "goodbye", "reason": .string(reason)])
        case .error(let code, let message):
            writeJSON(["op": "error", "code": .string(code), "message": .string(message)])
        case .welcome(let welcome): writeJSON(welcome.json)
        }
        writeInteger(UInt8(ascii: "\n"))
    }

    /// Appends an event as one line, with its line break. `data` must be JSON text without line breaks.
    public mutating func writeFrame(_ event: EventFrame) {
        writeEventHead(
            id: event.id, attempt: event.attempt, shard: event.shard, sequence: event.sequence, type: event.type)
        writeJSONString(event.key)
        writeEventTail(
            receivedAt: event.receivedAt, sentAt: event.sentAt, redelivered: event.redelivered,
            deferred: event.deferred, retryOf: event.retryOf, data: event.data)
    }

    /// Appends an event as one line, with its line break, whose key is a class and a number: `guild:1`. Makes no `String`, and
    /// asks for room once: this is written for every event.
    public mutating func writeEvent(
        id: EventID, attempt: Int, shard: Int, sequence: Int, type: String, keyClass: StaticString, keyNumber: UInt64,
        receivedAt: Int64, sentAt: Int64, redelivered: Bool, deferred: Bool, retryOf: EventID?, data: ByteBuffer
    ) {
        var name = type
        let isWritten = name.withUTF8 { name in
            guard LineWriter.isPlain(name) else { return false }
            writeLine(of: LineWriter.eventOverhead + name.count + data.readableBytes) { line in
                line.write(#"{"op":"event","id":"#)
                line.write(decimal: id.rawValue)
                line.write(#","attempt":"#)
                line.write(decimal: Int64(attempt))
                line.write(#","shard":"#)
                line.write(decimal: Int64(shard))
                line.write(#","seq":"#)
                line.write(decimal: Int64(sequence))
                line.write(#","t":""#)
                line.write(UnsafeRawBufferPointer(name))
                line.write(#"","key":""#)
                line.write(keyClass)
                line.write(":")
                line.write(decimal: keyNumber)
                line.write(#"","received_at":"#)
                line.write(decimal: receivedAt)
                line.write(#","sent_at":"#)
                line.write(decimal: sentAt)
                if redelivered { line.write(#","redelivered":true"#) }
                if deferred { line.write(#","deferred":true"#) }
                if let retryOf {
                    line.write(#","retry_of":"#)
                    line.write(decimal: retryOf.rawValue)
                }
                line.write(#","d":"#)
                data.withUnsafeReadableBytes { line.write($0) }
                line.write("}\n")
            }
            return true
        }
        guard !isWritten else { return }
        writeFrame(
            EventFrame(
                id: id, attempt: attempt, shard: shard, sequence: sequence, type: type,
                key: "\(keyClass):\(keyNumber)", receivedAt: receivedAt, sentAt: sentAt, redelivered: redelivered,
                deferred: deferred, retryOf: retryOf, data: data))
    }

    /// Everything before the key's value.
    private mutating func writeEventHead(id: EventID, attempt: Int, shard: Int, sequence: Int, type: String) {
        writeStaticString(#"{"op":"event","id":"#)
        writeDecimal(id.rawValue)
        writeStaticString(#","attempt":"#)
        writeDecimal(attempt)
        writeStaticString(#","shard":"#)
        writeDecimal(shard)
        writeStaticString(#","seq":"#)
        writeDecimal(sequence)
        writeStaticString(#","t":"#)
        writeJSONString(type)
        writeStaticString(#","key":"#)
    }

    /// Everything behind the key's value; `d` comes last, so that a reader can find its bytes at once.
    private mutating func writeEventTail(
        receivedAt: Int64, sentAt: Int64, redelivered: Bool, deferred: Bool, retryOf: EventID?, data: ByteBuffer
    ) {
        writeStaticString(#","received_at":"#)
        writeDecimal(receivedAt)
        writeStaticString(#","sent_at":"#)
        writeDecimal(sentAt)
        if redelivered { writeStaticString(#","redelivered":true"#) }
        if deferred { writeStaticString(#","deferred":true"#) }
        if let retryOf {
            writeStaticString(#","retry_of":"#)
            writeDecimal(retryOf.rawValue)
        }
        writeStaticString(#","d":"#)
        writeImmutableBuffer(data)
        writeStaticString("}\n")
    }
}

extension Welcome {
    fileprivate var json: JSON {
        [
            "op": "welcome",
            "protocol": .integer(protocolVersion),
            "version": .string(version),
            "journal": .string(journal),
            "application_id": applicationID.map { .string($0.description) } ?? .null,
            "user_id": userID.map { .string($0.description) } ?? .null,
            "shards": ["ids": .array(shardIDs.map(JSON.integer)), "count": .integer(shardCount)],
            "workers": .integer(workers),
        ]
    }
}
