internal import Shared

/// Slots by key, for what is looked up with every event: an open table with linear probing and a cheap hash.
///
/// `Dictionary` hashes so that nobody can choose keys that collide, at ten times the cost. The keys here are Discord's ids and
/// the queue's own, which nobody chooses.
struct SlotTable<Key: SlotTableKey> {
    private struct Entry {
        var key: Key
        /// None where the entry is empty.
        var slot: Slot
    }

    private var entries: [Entry] = []
    private var mask = 0
    private(set) var count = 0

    private static var smallestCapacity: Int { 64 }

    subscript(key: Key) -> Slot? {
        guard let place = place(of: key) else { return nil }
        return entries[place].slot
    }

    /// Replaces what the key had.
    mutating func insert(_ slot: Slot, for key: Key) {
        if let place = place(of: key) {
            entries[place].slot = slot
            return
        }
        // Kept five eighths full at most: chains stay short.
        if (count + 1) * 8 > entries.count * 5 { grow() }
        put(Entry(key: key, slot: slot))
        count += 1
    }

    /// Nothing happens if it is not there.
    mutating func remove(_ key: Key) {
        guard var hole = place(of: key) else { return }
        count -= 1
        // What stands behind it moves up, unless that would take it before the place where its search begins.
        var next = (hole + 1) & mask
        while entries[next].slot != .none {
            let home = home(of: entries[next].key)
            if (next &- home) & mask >= (next &- hole) & mask {
                entries[hole] = entries[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        entries[hole].slot = .none
    }

    private func home(of key: Key) -> Int { Int(truncatingIfNeeded: key.tableHash) & mask }

    private func place(of key: Key) -> Int? {
        guard count > 0 else { return nil }
        var place = home(of: key)
        while entries[place].slot != .none {
            if entries[place].key == key { return place }
            place = (place + 1) & mask
        }
        return nil
    }

    private mutating func put(_ entry: Entry) {
        var place = home(of: entry.key)
        while entries[place].slot != .none { place = (place + 1) & mask }
        entries[place] = entry
    }

    private mutating func grow() {
        let old = entries
        let capacity = max(Self.smallestCapacity, old.count * 2)
        entries = Array(repeating: Entry(key: .placeholder, slot: .none), count: capacity)
        mask = capacity - 1
        for entry in old where entry.slot != .none { put(entry) }
    }
}

/// What a `SlotTable` can be asked for.
protocol SlotTableKey: Equatable {
    /// Well mixed, and the same in each process.
    var tableHash: UInt64 { get }
    /// Any value; it fills empty entries.
    static var placeholder: Self { get }
}

extension EventID: SlotTableKey {
    var tableHash: UInt64 { UInt64(bitPattern: rawValue).mixed }
    static var placeholder: EventID { EventID(0) }
}

extension QueueKey: SlotTableKey {
    var tableHash: UInt64 { (number ^ (UInt64(keyClass.rawValue) << 61)).mixed }
    static var placeholder: QueueKey { QueueKey(keyClass: .shard, number: 0) }
}

extension UInt64 {
    /// SplitMix64's finaliser.
    var mixed: UInt64 {
        var mixed = self &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
