internal import NIOCore
internal import Shared

/// What an Identify says (gateway-events.mdx, Identify).
struct Identity: Sendable {
    var token: Secret
    var intents: Intents
    /// Text under the bot's name, or nil.
    var presence: String?
    var shardCount: Int
}

/// The payloads a session sends by itself.
enum OutgoingPayload {
    /// Discord closes the connection on longer ones (gateway.mdx, Sending Events).
    static let maximumBytes = 4096

    static func heartbeat(sequence: Int?) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeStaticString(#"{"op":1,"d":"#)
        if let sequence { buffer.writeDecimal(sequence) } else { buffer.writeStaticString("null") }
        buffer.writeStaticString("}")
        return buffer
    }

    static func identify(_ identity: Identity, shard: Int) -> ByteBuffer {
        payload(
            .identify,
            .compact([
                "token": .string(identity.token.exposed),
                "intents": .integer(identity.intents.rawValue),
                "properties": ["os": "linux", "browser": "olim", "device": "olim"],
                "shard": [.integer(shard), .integer(identity.shardCount)],
                "presence": identity.presence.map(presence),
            ]))
    }

    static func resume(token: Secret, session: String, sequence: Int) -> ByteBuffer {
        payload(
            .resume, ["token": .string(token.exposed), "session_id": .string(session), "seq": .integer(sequence)])
    }

    /// A custom status: type 4, its text in `state` (gateway-events.mdx, Activity Types).
    private static func presence(_ text: String) -> JSON {
        [
            "since": nil, "status": "online", "afk": false,
            "activities": [["name": "Custom Status", "type": 4, "state": .string(text)]],
        ]
    }

    private static func payload(_ opcode: GatewayOpcode, _ data: JSON) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeJSON(["op": .integer(opcode.rawValue), "d": data])
        return buffer
    }
}
