internal import Shared

/// Which messages for channels have been sent: the mean for what may be repeated later than Discord remembers a nonce.
///
/// A row is kept under the message's nonce, which is made from its content's own identity. It is there before the first request
/// goes out, so that no row means no message.
protocol OutgoingMessages: Sendable {
    /// Somebody is about to send this message; says whether anybody was before.
    func beginMessage(
        _ nonce: String, in channel: Snowflake
    ) async throws(StoreError) -> OutgoingMessageState

    /// What was begun at `beginning` has not become a message, and is begun once more.
    /// - Returns: nil if somebody else has begun once more, or it has been sent meanwhile.
    func beginMessageAgain(
        _ nonce: String, in channel: Snowflake, after beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) -> OutgoingMessageState.Beginning?

    /// The message is there.
    func recordMessage(_ nonce: String, in channel: Snowflake, id: Snowflake?) async throws(StoreError)

    /// Nothing that was begun at `beginning` has reached Discord.
    func withdrawMessage(_ nonce: String, begun beginning: OutgoingMessageState.Beginning) async throws(StoreError)
}
