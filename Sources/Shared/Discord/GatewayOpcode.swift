/// What a gateway payload is (topics/opcodes-and-status-codes.mdx). Unknown numbers are ignored: Discord adds some without
/// a new API version.
public enum GatewayOpcode: Int, Sendable, CaseIterable {
    /// Received: an event, with `s` and `t`.
    case dispatch = 0
    /// Both ways: ours carries the last sequence number; Discord's asks for one at once.
    case heartbeat = 1
    /// Sent: begins a session.
    case identify = 2
    /// Sent: the bot's status.
    case presenceUpdate = 3
    /// Sent: joins, moves in or leaves a voice channel.
    case voiceStateUpdate = 4
    /// Sent: goes on with a session.
    case resume = 6
    /// Received: reconnect and resume at once.
    case reconnect = 7
    /// Sent: asks for a guild's members.
    case requestGuildMembers = 8
    /// Received: the session is invalid; `d` says whether it can be resumed.
    case invalidSession = 9
    /// Received: the first payload of a connection.
    case hello = 10
    /// Received: answers a heartbeat.
    case heartbeatAcknowledgement = 11
    /// Sent: asks for soundboard sounds.
    case requestSoundboardSounds = 31
    /// Sent: asks for the voice status of channels.
    case requestChannelInfo = 43
}
