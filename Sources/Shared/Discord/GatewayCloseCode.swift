/// The documented codes with which Discord closes a gateway connection (topics/opcodes-and-status-codes.mdx).
public enum GatewayCloseCode: Int, Sendable, CaseIterable {
    case unknownError = 4000
    case unknownOpcode = 4001
    case decodeError = 4002
    case notAuthenticated = 4003
    case authenticationFailed = 4004
    case alreadyAuthenticated = 4005
    case invalidSequence = 4007
    case rateLimited = 4008
    case sessionTimedOut = 4009
    case invalidShard = 4010
    case shardingRequired = 4011
    case invalidAPIVersion = 4012
    case invalidIntents = 4013
    case disallowedIntents = 4014

    /// The code to close with so that the session stays resumable; 1000 and 1001 would end it (gateway.mdx, Disconnecting).
    public static let resumable = 4000

    /// What to do after the connection was closed with this code.
    public var disposition: GatewayCloseDisposition {
        switch self {
        // 4008 came from sending too much: resume, but behind the usual backoff.
        case .unknownError, .decodeError, .rateLimited: .resume
        // 4003 is also sent to a live session whose token was reset; the next IDENTIFY then brings the fatal answer.
        case .unknownOpcode, .notAuthenticated, .alreadyAuthenticated, .invalidSequence, .sessionTimedOut: .identify
        case .authenticationFailed, .invalidIntents, .disallowedIntents: .fatal(.rejected)
        case .invalidShard, .shardingRequired, .invalidAPIVersion: .fatal(.configuration)
        }
    }

    /// What to do after a connection ended with a code, documented or not, or with none. Resuming where that cannot work
    /// costs one INVALID_SESSION, so everything unknown, 1000 and 1001 among it, is resumed.
    public static func disposition(of code: Int?) -> GatewayCloseDisposition {
        code.flatMap(GatewayCloseCode.init)?.disposition ?? .resume
    }

    /// What the code means, in words.
    public var explanation: String {
        switch self {
        case .unknownError: "an error on Discord's side"
        case .unknownOpcode: "an unknown opcode or a bad payload was sent"
        case .decodeError: "a payload could not be decoded or was too long"
        case .notAuthenticated: "not identified, or the session was invalidated"
        case .authenticationFailed: "the bot token is wrong"
        case .alreadyAuthenticated: "identified twice"
        case .invalidSequence: "the sequence number to resume from was invalid"
        case .rateLimited: "payloads were sent too fast"
        case .sessionTimedOut: "the session timed out"
        case .invalidShard: "the shard or the shard count is invalid"
        case .shardingRequired: "the bot is in too many guilds for this shard count"
        case .invalidAPIVersion: "the API version is invalid"
        case .invalidIntents: "an intent is unknown to Discord"
        case .disallowedIntents: "a privileged intent is not enabled for the bot"
        }
    }
}

/// How a session goes on after its connection was closed.
public enum GatewayCloseDisposition: Sendable, Equatable {
    /// Reconnect and resume.
    case resume
    /// The session is gone: reconnect and identify.
    case identify
    /// Reconnecting changes nothing: the process ends.
    case fatal(ProcessExit)
}
