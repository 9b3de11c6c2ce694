/// Tells whoever runs a handler that a REST call inside it is still at it, so that the event's ack timeout is extended.
///
/// Bind it around a handler: `WaitObserver.$current.withValue(observer) { try await handle(event) }`. Every call of
/// `DiscordAPI` within notifies it when it begins to wait for a rate limit or between two attempts, again every
/// `interval` while the wait lasts, and before each further attempt.
struct WaitObserver: Sendable {
    /// Time between two notices of one wait: a third of the shortest sensible `QUEUE_ACK_TIMEOUT`.
    static let interval: Duration = .seconds(5)

    /// The observer of the running handler; nil outside of one.
    @TaskLocal static var current: WaitObserver?

    /// Called on an arbitrary thread, with the time within which the next notice comes if the wait goes on. It must return
    /// at once.
    let isWaiting: @Sendable (_ next: Duration) -> Void

    init(_ isWaiting: @escaping @Sendable (_ next: Duration) -> Void) {
        self.isWaiting = isWaiting
    }
}
