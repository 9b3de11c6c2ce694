internal import NIOCore
internal import Shared

/// What a session needs of the shards' supervisor. Called on the event loop.
protocol SessionHost: AnyObject, Sendable {
    /// `session.permitGranted()` follows.
    nonisolated func requestPermit(for shard: Int)
    nonisolated func withdrawPermit(of shard: Int)
    nonisolated func identified(_ shard: Int)
    /// The URL from `GET /gateway/bot`; nil while it is not known, and `session.generalURLKnown()` follows.
    nonisolated func generalURL() -> String?
    /// Session id, resume URL or liveness changed.
    nonisolated func sessionChanged(_ shard: Int)
    nonisolated func learned(applicationID: Snowflake?, userID: Snowflake?)
    nonisolated func ended(_ shard: Int, _ ending: SessionAction.Ending)
    /// The process stood still and its sockets have yet to be read: no deadline counts for the moment.
    nonisolated func holdsDeadlines(now: NIODeadline) -> Bool
}
