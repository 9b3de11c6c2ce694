/// Rendezvous hashing of keys over workers' names: each key ranks all workers, a worker that joins takes only keys that
/// rank it first, and one that leaves gives up only its own.
///
/// Keys are first hashed into buckets whose ranking is computed once per membership, so that a lookup costs the same
/// whatever the number of workers. The hashes do not depend on the process: a restarted gateway ranks alike.
struct RendezvousTable {
    /// Many more than workers, so that their shares are even to a few per cent.
    static let bucketBits: UInt64 = 12

    private var members: [(slot: Slot, seed: UInt64)] = []
    /// All buckets' rankings, one behind the other; a bucket that was not asked for begins with none. Empty until one is.
    private var rankings: [Slot] = []

    /// - Parameter ordinal: which of the workers of this name it is, so that each has its own share.
    mutating func insert(_ slot: Slot, name: String, ordinal: Int) {
        members.append((slot, (Self.seed(of: name) &+ UInt64(ordinal) &* 0x9E37_79B9_7F4A_7C15).mixed))
        rankings = []
    }

    mutating func remove(_ slot: Slot) {
        members.removeAll { $0.slot == slot }
        rankings = []
    }

    /// All workers, the key's own first.
    mutating func ranking(of key: QueueKey) -> ArraySlice<Slot> {
        guard !members.isEmpty else { return [] }
        if rankings.isEmpty { rankings = Array(repeating: .none, count: members.count << Self.bucketBits) }
        let bucket = key.tableHash >> (64 - Self.bucketBits)
        let places = Int(bucket) * members.count..<(Int(bucket) + 1) * members.count
        if rankings[places.lowerBound] == .none { rank(bucket, in: places) }
        return rankings[places]
    }

    /// Puts each member where it belongs among those before it: without an allocation for each bucket.
    private mutating func rank(_ bucket: UInt64, in places: Range<Int>) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: members.count) { scores in
            for (count, member) in members.enumerated() {
                let score = (member.seed ^ bucket).mixed
                var rank = count
                while rank > 0, scores[rank - 1] < score {
                    scores[rank] = scores[rank - 1]
                    rankings[places.lowerBound + rank] = rankings[places.lowerBound + rank - 1]
                    rank -= 1
                }
                scores[rank] = score
                rankings[places.lowerBound + rank] = member.slot
            }
        }
    }

    /// FNV-1a.
    private static func seed(of name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
