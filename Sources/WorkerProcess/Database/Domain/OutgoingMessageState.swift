internal import Shared

/// How far a message for a channel has come, by its nonce. Times are by the database's clock, which all workers share.
enum OutgoingMessageState: Sendable, Equatable {
    /// When sending began, in microseconds since 1970. Names the beginning, too.
    typealias Beginning = Int64

    /// Nobody has tried yet; sending begins now.
    case new(Beginning)
    /// Somebody has tried, so long ago, and what became of it is not known.
    case begun(Beginning, age: Duration, in: Snowflake)
    /// It is there. Discord does not tell the id of one that was deleted since.
    case sent(Snowflake?)
}
