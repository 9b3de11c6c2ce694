public import NIOCore

/// Reads the lines of workers. One decoder serves all connections of an event loop.
public struct WorkerFrameDecoder {
    private var parser = LineParser()

    /// Makes a decoder.
    public init() {}

    /// Reads one line.
    /// - Throws: `malformed`, `unknown_op`, or `unsupported_protocol` for the hello of another version, whose other fields
    ///   are not looked at.
    public mutating func decode(_ line: ByteBuffer) throws(FrameError) -> WorkerFrame {
        let fields = try FrameFields(line, parser: parser.parser(for: line.readableBytes))
        switch fields.op {
        case "ack": return .ack(try fields.ids("ids"))
        case "pong": return .pong
        case "extend": return .extend(try fields.ids("ids"))
        case "nack": return .nack(try fields.ids("ids"), reason: try fields.reason())
        case "release": return try fields.release()
        case "hello": return .hello(try fields.hello())
        case "report": return try fields.report()
        case "command": return try fields.command()
        case "status": return .status
        case "drain": return .drain
        default: throw fields.unknownOp
        }
    }
}

extension FrameFields {
    fileprivate func hello() throws(FrameError) -> WorkerHello {
        let versions = try protocolVersions()
        guard QueueProtocol.agreed(versions) != nil else {
            throw FrameError(
                .unsupportedProtocol,
                """
                the worker speaks queue protocol \(versions.inWords), this gateway \(QueueProtocol.versions.inWords); \
                upgrade the older of the two
                """)
        }
        let worker = try string("worker")
        guard QueueProtocol.isWorkerName(worker) else {
            throw malformed("worker", QueueProtocol.acceptedWorkerNames)
        }
        return WorkerHello(
            protocolVersions: versions,
            worker: worker,
            version: try string("version"),
            capacity: try integer("capacity", in: QueueProtocol.capacityRange),
            capacityBytes: optional("capacity_bytes") == nil
                ? nil : try integer("capacity_bytes", in: 1...Self.integers.upperBound),
            events: try names("events"),
            ephemeral: try names("ephemeral") ?? [],
            immediate: try names("immediate") ?? [],
            journal: try optionalString("journal"),
            done: optional("done") == nil ? [] : try ids("done")
        )
    }

    /// `protocol` alone is the only version.
    private func protocolVersions() throws(FrameError) -> ClosedRange<Int> {
        let highest = try integer("protocol")
        guard optional("protocol_min") != nil else { return highest...highest }
        let lowest = try integer("protocol_min")
        guard lowest <= highest else { throw malformed("protocol_min", "an integer up to \"protocol\"") }
        return lowest...highest
    }

    /// A reason may be left out; one that is too long is cut, not refused.
    fileprivate func reason() throws(FrameError) -> String {
        let reason = try optionalString("reason") ?? ""
        guard reason.utf8.count > QueueProtocol.maximumReasonBytes else { return reason }
        var end = reason.utf8.index(reason.startIndex, offsetBy: QueueProtocol.maximumReasonBytes - 3)
        while end.samePosition(in: reason.unicodeScalars) == nil { end = reason.utf8.index(before: end) }
        return reason[..<end] + "…"
    }

    fileprivate func release() throws(FrameError) -> WorkerFrame {
        let scope: ReleaseScope
        if let ids = optional("ids"), ids.equals("all") {
            scope = .all
        } else if optional("ids")?.kind == .array {
            scope = .ids(try ids("ids"))
        } else {
            throw malformed("ids", "an array of event ids, or \"all\"")
        }
        return .release(
            scope, retryAfterMilliseconds: try integer("retry_after_ms"), reason: try reason())
    }

    fileprivate func report() throws(FrameError) -> WorkerFrame {
        for field in ["database", "tasks", "metrics"] as [StaticString] where optional(field) != nil {
            _ = try object(field)
        }
        return .report(.object(members))
    }

    fileprivate func command() throws(FrameError) -> WorkerFrame {
        let payload = try object("payload")
        guard payload["op"]?.int != nil else {
            throw malformed("payload", "a gateway payload: an object with an integer \"op\"")
        }
        return .command(ref: try integer("ref"), shard: try integer("shard"), payload: JSON(payload))
    }

    /// All members but `op`.
    var members: [JSON.Member] {
        root.members.compactMap { $0.key == "op" ? nil : JSON.Member($0.key, JSON($0.value)) }
    }
}

extension ClosedRange<Int> {
    fileprivate var inWords: String { count == 1 ? "\(lowerBound)" : "\(lowerBound) to \(upperBound)" }
}
