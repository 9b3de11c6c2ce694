internal import Shared

/// What an error that a handler threw means for its event.
enum HandlerFailure: Sendable, Equatable {
    /// It can never be handled, and repeating it changes nothing: acknowledged and counted.
    case pointless(String)
    /// An interaction whose time is over: acknowledged and counted.
    case tooLate(String)
    /// Discord is not to be had, or the database too busy: released, uncounted.
    case notNow(Duration, String)
    /// The database is not to be had: everything but interactions is released, uncounted.
    case databaseDown(String)
    /// Discord does not accept the token: the process ends.
    case unauthorized(String)
    /// Whatever else: counted against the event.
    case failed(String)

    /// Used where Discord did not say how long.
    static let standardRetry: Duration = .seconds(5)

    init(_ error: any Error) {
        switch error {
        case let error as DiscordAPIError: self.init(error)
        case let error as StoreError: self.init(error)
        default: self = .failed("\(error)")
        }
    }

    private init(_ error: DiscordAPIError) {
        switch error.kind {
        case .tooLate: self = .tooLate(error.description)
        case .rejected: self = .pointless(error.description)
        case .unauthorized: self = .unauthorized(error.description)
        case .unavailable: self = .notNow(error.retryAfter ?? Self.standardRetry, error.description)
        // The responder deals with these; what is left of them changes from one moment to the next.
        case .alreadyAnswered, .notYetAnswered: self = .notNow(.seconds(1), error.description)
        }
    }

    private init(_ error: StoreError) {
        switch error.kind {
        case .conflict: self = .notNow(.seconds(1), error.description)
        case .unavailable, .closed, .misconfigured: self = .databaseDown(error.description)
        case .rejected: self = .failed(error.description)
        }
    }
}
