/// A mistake that the simulation must notice: each is one that would break a promise of the queue.
///
/// For tests only: in release builds none of them can apply, and the compiler leaves nothing of the question.
public enum Mutation: String, CaseIterable, Sendable {
    /// Events are queued, and their numbers count, although they were not written.
    case queueUnwritten
    /// With `fsync`, the number to resume from is what was written, not what was synced.
    case resumeFromUnsynced
    /// With `fsync`, events are queued before they are synced.
    case queueUnsynced
    /// A key is handed to another worker while the first one still has events of it.
    case handKeyOverEarly
    /// What Discord replays is taken for new.
    case takeReplays
    /// A worker's death counts against every event that it had.
    case blameEverything
    /// That an event was delivered is not written down.
    case forgetDeliveries
    /// A segment goes although an event in it is not finished.
    case deleteLiveSegment
    /// Rewriting leaves out an event that is not finished.
    case rewriteWithoutEvent
    /// After a nack the worker goes on with the key at once, not when the gateway has taken its events back.
    case goOnAfterNack
    /// A worker acknowledges before the effect.
    case acknowledgeFirst

    #if DEBUG
        /// The one that applies here.
        @TaskLocal public static var current: Mutation?
    #endif

    /// Whether this mistake is to be made.
    @inline(__always)
    public static func applies(_ mutation: Mutation) -> Bool {
        #if DEBUG
            current == mutation
        #else
            false
        #endif
    }
}
