/// Rendezvous hashing of keys over workers' names: each key ranks all workers, a worker that joins takes only keys that
/// rank it first, and one that leaves gives up only its own.
///
/// Keys are first hashed into buckets whose ranking is computed once per membership, so that a lookup costs the same
/// whatever the number of workers. The hashes do not depend on the process: a restarted gateway ranks alike.
struct RendezvousTable {
    /// Many more than workers, so that their shares are even to a few per cent.
    static let bucketBits: UInt64 = 12

    private var members: [(slot: Slot, seed: UInt64)] = []
    private var rankings: [[Slot]] = Array(repeating: [], count: 1 << bucketBits)

    /// - Parameter ordinal: which of the workers of this name it is, so that each has its own share.
    mutating func insert(_ slot: Slot, name: String, ordinal: Int) {
        members.append((slot, (Self.seed(of: name) &+ UInt64(ordinal) &* 0x9E37_79B9_7F4A_7C15).mixed))
        forgetRankings()
    }

    mutating func remove(_ slot: Slot) {
        members.removeAll { $0.slot == slot }
        forgetRankings()
    }

    /// All workers, the key's own first.
    mutating func ranking(of key: QueueKey) -> [Slot] {
        let bucket = Int(key.tableHash >> (64 - Self.bucketBits))
        if rankings[bucket].count != members.count {
            rankings[bucket] = members.map { (($0.seed ^ UInt64(bucket)).mixed, $0.slot) }
                .sorted { $0 > $1 }
                .map(\.1)
        }
        return rankings[bucket]
    }

    private mutating func forgetRankings() {
        for bucket in rankings.indices { rankings[bucket] = [] }
    }

    /// FNV-1a.
    private static func seed(of name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
