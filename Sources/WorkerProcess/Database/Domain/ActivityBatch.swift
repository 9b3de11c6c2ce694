internal import Shared

/// Decides what of a batch of counted messages is new: the part of `recordActivity` without the database.
struct ActivityBatch: Sendable {
    /// What one member is counted for on one day in one guild.
    struct Total: Sendable, Equatable {
        let guild: Snowflake
        let member: Snowflake
        let day: Int32
        var messages: Int64
    }

    /// Where a key's cursor goes.
    struct Cursor: Sendable, Equatable {
        let key: String
        let event: EventID
    }

    /// What is to be written.
    struct Changes: Sendable, Equatable {
        /// By guild, member and day, the order in which every worker locks the rows.
        var totals: [Total] = []
        /// By key, only those that advance.
        var cursors: [Cursor] = []
    }

    /// The events of one key in the batch.
    struct Span: Sendable, Equatable {
        let key: String
        var first: EventID
        var last: EventID
        var count = 0
    }

    private let events: [ActivityEvent]
    /// Of each key, in the order in which their cursors are locked.
    let spans: [Span]
    /// The keys whose cursors are to be locked, in the order of locking, each once.
    var keys: [String] { spans.map(\.key) }

    init(_ events: [ActivityEvent]) {
        self.events = events
        var spans: [String: Span] = [:]
        for event in events {
            var span = spans[event.key] ?? Span(key: event.key, first: event.event, last: event.event)
            span.first = min(span.first, event.event)
            span.last = max(span.last, event.event)
            span.count += 1
            spans[event.key] = span
        }
        // By bytes, which is what COLLATE "C" and SQLite's BINARY do too.
        self.spans = spans.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    private init(events: [ActivityEvent], spans: [Span]) {
        self.events = events
        self.spans = spans
    }

    /// Two batches of about half of the events, of which no key is in both; one is empty if there is only one key.
    var halves: (ActivityBatch, ActivityBatch) {
        var count = 0
        let end = spans.firstIndex { span in
            defer { count += span.count }
            return 2 * count >= events.count && count > 0
        }
        let first = Array(spans[..<(end ?? spans.endIndex)])
        let keys = Set(first.map(\.key))
        return (
            ActivityBatch(events: events.filter { keys.contains($0.key) }, spans: first),
            ActivityBatch(events: events.filter { !keys.contains($0.key) }, spans: Array(spans[first.endIndex...]))
        )
    }

    /// Drops what the cursors have passed and what is in the batch twice, and adds up the rest.
    ///
    /// - Parameter cursors: the last event counted of each key; none is missing in a database, but one that is counts from
    ///   the beginning.
    func changes(after cursors: [String: EventID]) -> Changes {
        var seen: Set<Identity> = []
        var totals: [Place: Int64] = [:]
        var advanced: [String: EventID] = [:]
        for event in events {
            if let cursor = cursors[event.key], event.event <= cursor { continue }
            guard seen.insert(Identity(key: event.key, event: event.event)).inserted else { continue }
            let place = Place(guild: event.guild, member: event.member, day: Int32(clamping: event.day))
            totals[place, default: 0] += 1
            advanced[event.key] = max(advanced[event.key] ?? event.event, event.event)
        }
        return Changes(
            totals: totals.sorted { $0.key < $1.key }.map { place, count in
                Total(guild: place.guild, member: place.member, day: place.day, messages: count)
            },
            cursors: spans.compactMap { span in advanced[span.key].map { Cursor(key: span.key, event: $0) } }
        )
    }

    private struct Identity: Hashable {
        let key: String
        let event: EventID
    }

    private struct Place: Hashable, Comparable {
        let guild: Snowflake
        let member: Snowflake
        let day: Int32

        static func < (left: Place, right: Place) -> Bool {
            (left.guild, left.member, left.day) < (right.guild, right.member, right.day)
        }
    }
}
