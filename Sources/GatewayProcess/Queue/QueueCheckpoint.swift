internal import Shared

/// What the next process must know of this one's queue in memory: how far each shard's run of finished dispatches goes,
/// what is finished beyond it, and which dispatches a worker has seen under which id.
struct QueueCheckpoint: Equatable, Sendable {
    /// A dispatch that is not finished and comes again after RESUME.
    struct Pending: Equatable, Sendable {
        let sequence: Int
        let id: EventID
        /// First receipt, in microseconds since 1970.
        let receivedAt: Int64
        var wasDelivered: Bool
        var isDeferred: Bool
        var failures: Int
        var deaths: Int
    }

    struct Shard: Equatable, Sendable {
        let shard: Int
        let session: String
        /// The last of the unbroken run of finished dispatches.
        let contiguous: Int?
        /// Finished beyond it, ascending.
        let finished: [ClosedRange<Int>]
        let pending: [Pending]
        /// Of what is neither, a process that did not end in order may have delivered some.
        var isUncertain = false
    }

    /// Names the state directory's queue to workers.
    var journal: String
    var lastID: EventID
    /// Written by a process that ended in order: nothing was delivered after it.
    var endedInOrder: Bool
    /// The queue was in memory; otherwise the journal knows better how far sessions were received.
    var isOfMemory: Bool
    var shards: [Shard]
    var wishes: [WorkerWishes.Remembered]
}

extension QueueCheckpoint {
    var json: JSON {
        [
            "format": 1,
            "journal": .string(journal),
            "last_id": .integer(Int(lastID.rawValue)),
            "ended_in_order": .bool(endedInOrder),
            "in_memory": .bool(isOfMemory),
            "shards": .array(shards.map(\.json)),
            "wishes": .array(wishes.map(\.json)),
        ]
    }

    /// Nil if it is not one of this format.
    init?(_ json: JSON) {
        guard json["format"]?.int == 1, let journal = json["journal"]?.string, let last = json["last_id"]?.int,
            let endedInOrder = json["ended_in_order"]?.bool, let isOfMemory = json["in_memory"]?.bool,
            let shards = json["shards"]?.elements,
            let wishes = json["wishes"]?.elements
        else { return nil }
        self.init(
            journal: journal, lastID: EventID(Int64(last)), endedInOrder: endedInOrder,
            isOfMemory: isOfMemory, shards: shards.compactMap(Shard.init),
            wishes: wishes.compactMap(WorkerWishes.Remembered.init))
        guard self.shards.count == shards.count, self.wishes.count == wishes.count else { return nil }
    }
}

extension QueueCheckpoint.Shard {
    fileprivate var json: JSON {
        .compact([
            "shard": .integer(shard),
            "session": .string(session),
            "contiguous": contiguous.map(JSON.integer),
            "finished": .array(finished.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) }),
            "pending": .array(pending.map(\.json)),
            "uncertain": isUncertain ? true : nil,
        ])
    }

    fileprivate init?(_ json: JSON) {
        guard let shard = json["shard"]?.int, let session = json["session"]?.string,
            let finished = json["finished"]?.elements, let pending = json["pending"]?.elements
        else { return nil }
        let ranges: [ClosedRange<Int>] = finished.compactMap {
            guard let bounds = $0.elements, bounds.count == 2, let low = bounds[0].int, let high = bounds[1].int,
                low <= high
            else { return nil }
            return low...high
        }
        self.init(
            shard: shard, session: session, contiguous: json["contiguous"]?.int, finished: ranges,
            pending: pending.compactMap(QueueCheckpoint.Pending.init), isUncertain: json["uncertain"]?.bool ?? false)
        guard ranges.count == finished.count, self.pending.count == pending.count else { return nil }
    }
}

extension QueueCheckpoint.Pending {
    /// An array, because a busy gateway writes many of these.
    fileprivate var json: JSON {
        .array([
            .integer(sequence), .integer(Int(id.rawValue)), .integer(Int(receivedAt)), .bool(wasDelivered),
            .bool(isDeferred), .integer(failures), .integer(deaths),
        ])
    }

    fileprivate init?(_ json: JSON) {
        guard let fields = json.elements, fields.count == 7, let sequence = fields[0].int, let id = fields[1].int,
            let receivedAt = fields[2].int, let wasDelivered = fields[3].bool, let isDeferred = fields[4].bool,
            let failures = fields[5].int, let deaths = fields[6].int
        else { return nil }
        self.init(
            sequence: sequence, id: EventID(Int64(id)), receivedAt: Int64(receivedAt), wasDelivered: wasDelivered,
            isDeferred: isDeferred, failures: failures, deaths: deaths)
    }
}
