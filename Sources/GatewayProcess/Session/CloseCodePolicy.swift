/// What becomes of a session whose connection ended (opcodes-and-status-codes.mdx, Gateway Close Event Codes).
enum CloseDisposition: Equatable, Sendable {
    case resume
    /// Resume, but not soon: too much was sent.
    case resumeSlowly
    /// The session is gone: identify anew.
    case identify
    /// Discord rejects the token or the intents.
    case rejected
    /// Discord rejects the shards or the API version.
    case misconfigured

    /// - Parameter code: the received close code; nil if the socket ended without one.
    init(closeCode code: UInt16?) {
        self =
            switch code {
            case 4001, 4003, 4005, 4007, 4009: .identify
            case 4004, 4013, 4014: .rejected
            case 4008: .resumeSlowly
            case 4010, 4011, 4012: .misconfigured
            // 4000, 4002, none, 1000 and 1001 from Discord or something in between, and codes not documented: trying
            // to resume where it cannot work costs one op 9 and nothing else.
            default: .resume
            }
    }
}
