internal import Shared
internal import Synchronization

/// What this worker has done since it started, for reports and metrics.
final class WorkerCounters: Sendable {
    struct Values: Sendable, Equatable {
        var events: [String: Int] = [:]
        var acknowledged = 0
        var nacks = 0
        var releases = 0
        var outages = 0
        var malformed = 0
        /// Events that could not be handled and never will be.
        var pointless = 0
        /// Messages that may have been sent, or not, and were not sent again.
        var unclear = 0
        /// Interactions that were answered with an apology.
        var apologies = 0
        /// Interactions whose time was over.
        var tooLate = 0
        var commands: [String: Int] = [:]
        /// Daily runs by how they ended.
        var runs: [String: Int] = [:]
        var reconnects = 0
        /// How long handlers ran, waits for Discord and the database included.
        var handlers = Histogram.seconds
    }

    private let values = Mutex(Values())

    func change(_ body: (inout Values) -> Void) {
        values.withLock { body(&$0) }
    }

    var current: Values { values.withLock { $0 } }
}

extension WorkerCounters.Values {
    /// As a member of the worker's report.
    var json: JSON {
        func object(_ counts: [String: Int]) -> JSON {
            .object(counts.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .integer($0.value)) })
        }
        return [
            "events": object(events), "acknowledged": .integer(acknowledged), "nacks": .integer(nacks),
            "releases": .integer(releases), "outages": .integer(outages), "malformed": .integer(malformed),
            "pointless": .integer(pointless), "too_late": .integer(tooLate),
            "unclear": .integer(unclear), "apologies": .integer(apologies), "commands": object(commands),
            "runs": object(runs), "reconnects": .integer(reconnects),
            "handlers": ["runs": .integer(handlers.count), "seconds": .double(handlers.sum)],
        ]
    }
}
