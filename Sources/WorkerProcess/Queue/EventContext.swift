internal import Logging
internal import Shared

/// On behalf of which events a task works: one in a handler, several where they are written together. Log lines, requests to Discord and
/// statements bear their ids, which are those of the gateway's log.
enum EventContext {
    @TaskLocal static var current: [EventID] = []

    /// Named in a log line at most.
    private static let named = 16

    /// What each log line of such a task says besides: `event`, or `events`.
    static let metadata = Logger.MetadataProvider {
        let events = current
        switch events.count {
        case 0: return [:]
        case 1: return ["event": "\(events[0])"]
        default:
            let more = events.count > named ? ["and \(events.count - named) more"] : []
            return ["events": .array((events.prefix(named).map { "\($0)" } + more).map { .string($0) })]
        }
    }

    /// The header that requests to Discord bear: of no meaning to Discord, but seen by whatever records them on the way.
    static let header = "X-Olim-Event"
}
