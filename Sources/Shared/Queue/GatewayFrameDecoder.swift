public import NIOCore

/// Reads the lines of the gateway.
public struct GatewayFrameDecoder {
    private var parser = LineParser()

    /// The parsed `d` of the event that `decode` returned last, so that it need not be parsed again. Valid until the next
    /// `decode`; nil after any other frame.
    public private(set) var eventData: JSONValue?

    /// Why there is no `eventData` although `decode` returned an event: its `d` is nothing that can be read here. Such an event
    /// is to be nacked, so that it ends where an operator sees it.
    public private(set) var eventProblem: JSONError?

    /// Makes a decoder.
    public init() {}

    /// Reads one line. An event's `data` is a slice of it.
    /// - Throws: `malformed` or `unknown_op`, which a worker ignores: a later gateway may have frames of its own.
    public mutating func decode(_ line: ByteBuffer) throws(FrameError) -> GatewayFrame {
        eventData = nil
        eventProblem = nil
        let parser = parser.parser(for: line.readableBytes)
        if let (event, data) = EventLine.read(line, parser: parser) {
            eventData = data
            return .event(event)
        }
        let fields: FrameFields
        do throws(FrameError) {
            fields = try FrameFields(line, parser: parser)
        } catch {
            guard let event = line.eventWithUnreadableData(parser) else { throw error }
            eventProblem = JSONError("the event cannot be read: \(error.message)")
            return .event(event)
        }
        switch fields.op {
        case "event":
            let (event, data) = try fields.event(line)
            eventData = data
            return .event(event)
        case "ping": return .ping
        case "returned": return .returned(try fields.ids("ids"))
        case "welcome": return .welcome(try fields.welcome())
        case "members": return .members(try fields.integer("workers"))
        case "command_result":
            let succeeded = try fields.bool("ok")
            return .commandResult(
                ref: try fields.integer("ref"),
                failure: succeeded ? nil : try fields.optionalString("message") ?? "no reason was given")
        case "status": return .status(.object(fields.members))
        case "draining": return .draining
        case "please_drain": return .pleaseDrain
        case "goodbye": return .goodbye(reason: try fields.optionalString("reason") ?? "")
        case "error":
            return .error(code: try fields.string("code"), message: try fields.optionalString("message") ?? "")
        default: throw fields.unknownOp
        }
    }
}

extension ByteBuffer {
    /// The event of a line of which everything but `d` can be read; nil if that is not what is wrong with the line.
    fileprivate func eventWithUnreadableData(_ parser: JSONParser) -> EventFrame? {
        guard var readable = textBefore(member: "d") else { return nil }
        readable.writeStaticString("null}")
        guard let fields = try? FrameFields(readable, parser: parser), fields.op == "event",
            var (event, _) = try? fields.event(readable)
        else { return nil }
        let start = readerIndex + readable.readableBytes - "null}".utf8.count
        event.data = getSlice(at: start, length: max(0, writerIndex - 1 - start)) ?? ByteBuffer()
        return event
    }
}

extension FrameFields {
    fileprivate func welcome() throws(FrameError) -> Welcome {
        let shards = try object("shards")
        guard let ids = shards["ids"], let count = shards["count"]?.int else {
            throw malformed("shards", "an object with \"ids\" and \"count\"")
        }
        return Welcome(
            protocolVersion: try integer("protocol"),
            version: try string("version"),
            journal: try string("journal"),
            applicationID: try snowflake("application_id"),
            userID: try snowflake("user_id"),
            shardIDs: try integers("shards", of: ids),
            shardCount: count,
            workers: try integer("workers")
        )
    }

    private func snowflake(_ field: StaticString) throws(FrameError) -> Snowflake? {
        guard let value = optional(field) else { return nil }
        guard let id = value.snowflake else { throw malformed(field, "a snowflake or null") }
        return id
    }

    /// An event that is not spelled as `EventLine` expects it.
    fileprivate func event(_ line: ByteBuffer) throws(FrameError) -> (EventFrame, JSONValue) {
        var event = EventFrame(
            id: EventID(-1), attempt: -1, shard: -1, sequence: -1, type: "", key: "", receivedAt: -1, sentAt: -1,
            data: ByteBuffer())
        var data: (place: Int, value: JSONValue)?
        var count = 0
        for (key, value) in root.members {
            switch key {
            case "id": event.id = EventID(Int64(value.int ?? -1))
            case "attempt": event.attempt = value.int ?? -1
            case "shard": event.shard = value.int ?? -1
            case "seq": event.sequence = value.int ?? -1
            case "t": event.type = value.string ?? ""
            case "key": event.key = value.string ?? ""
            case "received_at": event.receivedAt = Int64(value.int ?? -1)
            case "sent_at": event.sentAt = Int64(value.int ?? -1)
            case "redelivered": event.redelivered = try flag("redelivered")
            case "deferred": event.deferred = try flag("deferred")
            case "retry_of": event.retryOf = try retryOf()
            case "d": data = data ?? (count, value)
            default: break
            }
            count += 1
        }
        try check(event)
        guard let data else { throw malformed("d", "the event") }
        event.data = line.rawMember(data.place, isLast: data.place == count - 1)
        return (event, data.value)
    }

    private func retryOf() throws(FrameError) -> EventID? {
        optional("retry_of") == nil ? nil : EventID(Int64(try integer("retry_of")))
    }

    private func check(_ event: EventFrame) throws(FrameError) {
        guard Self.integers.contains(Int(event.id.rawValue)) else { throw malformed("id", "an event id") }
        guard event.attempt >= 1 else { throw malformed("attempt", "an integer from 1") }
        guard event.shard >= 0 else { throw malformed("shard", "an integer from 0") }
        guard event.sequence >= 0 else { throw malformed("seq", "an integer from 0") }
        guard !event.type.isEmpty else { throw malformed("t", "the name of a dispatch") }
        guard !event.key.isEmpty else { throw malformed("key", "a string such as \"guild:1\"") }
        guard event.receivedAt >= 0 else { throw malformed("received_at", "microseconds since 1970") }
        guard event.sentAt >= 0 else { throw malformed("sent_at", "microseconds since 1970") }
    }
}
