public import NIOCore

extension ByteBuffer {
    /// Appends a worker's frame as one line, with its line break.
    public mutating func writeFrame(_ frame: WorkerFrame) {
        switch frame {
        case .ack(let ids): writeIDs(ids, op: #"{"op":"ack","ids":"#)
        case .extend(let ids): writeIDs(ids, op: #"{"op":"extend","ids":"#)
        case .nack(let ids, let reason):
            writeStaticString(#"{"op":"nack","ids":"#)
            writeIDs(ids)
            writeReason(reason)
        case .release(let scope, let milliseconds, let reason):
            writeStaticString(#"{"op":"release","ids":"#)
            switch scope {
            case .all: writeStaticString(#""all""#)
            case .ids(let ids): writeIDs(ids)
            }
            writeStaticString(#","retry_after_ms":"#)
            writeDecimal(milliseconds)
            writeReason(reason)
        case .hello(let hello): writeJSON(hello.json)
        case .report(let report): writeJSON(.object([.init("op", "report")] + (report.members ?? [])))
        case .command(let ref, let shard, let payload):
            writeJSON(["op": "command", "ref": .integer(ref), "shard": .integer(shard), "payload": payload])
        case .drain: writeStaticString(#"{"op":"drain"}"#)
        case .status: writeStaticString(#"{"op":"status"}"#)
        case .pong: writeStaticString(#"{"op":"pong"}"#)
        }
        writeInteger(UInt8(ascii: "\n"))
    }

    private mutating func writeReason(_ reason: String) {
        writeStaticString(#","reason":"#)
        writeJSONString(reason)
        writeInteger(UInt8(ascii: "}"))
    }

    private mutating func writeIDs(_ ids: [EventID], op: StaticString) {
        writeStaticString(op)
        writeIDs(ids)
        writeInteger(UInt8(ascii: "}"))
    }

    /// Appends event ids as a JSON array.
    mutating func writeIDs(_ ids: [EventID]) {
        writeInteger(UInt8(ascii: "["))
        for (position, id) in ids.enumerated() {
            if position > 0 { writeInteger(UInt8(ascii: ",")) }
            writeDecimal(id.rawValue)
        }
        writeInteger(UInt8(ascii: "]"))
    }
}

extension WorkerHello {
    /// The frame, without what is not set. Lists are sorted so that one hello is always the same bytes.
    fileprivate var json: JSON {
        func list(_ names: Set<String>) -> JSON { .array(names.sorted().map(JSON.string)) }
        return .compact([
            "op": "hello",
            "protocol": .integer(protocolVersions.upperBound),
            "protocol_min": protocolVersions.count == 1 ? nil : .integer(protocolVersions.lowerBound),
            "worker": .string(worker),
            "version": .string(version),
            "capacity": .integer(capacity),
            "capacity_bytes": capacityBytes.map(JSON.integer),
            "events": events.map(list),
            "ephemeral": ephemeral.isEmpty ? nil : list(ephemeral),
            "immediate": immediate.isEmpty ? nil : list(immediate),
            "journal": journal.map(JSON.string),
            "done": done.isEmpty ? nil : .array(done.map { .integer(Int($0.rawValue)) }),
        ])
    }
}
