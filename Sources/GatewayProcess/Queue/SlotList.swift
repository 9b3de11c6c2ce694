/// The place of an event, key or worker in the arrays that hold them.
typealias Slot = Int32

extension Slot {
    /// No place.
    static let none: Slot = -1
}

/// First, last and number of the slots that one `SlotLinks` chains into a list.
struct SlotList {
    fileprivate(set) var first: Slot = .none
    fileprivate(set) var last: Slot = .none
    fileprivate(set) var count = 0

    var isEmpty: Bool { count == 0 }
}

/// Doubly linked lists over slots: each slot is in at most one list of one `SlotLinks`, and enters and leaves in O(1).
struct SlotLinks {
    private var following: [Slot] = []
    private var preceding: [Slot] = []

    /// Makes room for one more slot.
    mutating func grow() {
        following.append(.none)
        preceding.append(.none)
    }

    func next(after slot: Slot) -> Slot { following[Int(slot)] }

    mutating func append(_ slot: Slot, to list: inout SlotList) {
        following[Int(slot)] = .none
        preceding[Int(slot)] = list.last
        if list.last == .none { list.first = slot } else { following[Int(list.last)] = slot }
        list.last = slot
        list.count += 1
    }

    mutating func remove(_ slot: Slot, from list: inout SlotList) {
        let next = following[Int(slot)]
        let previous = preceding[Int(slot)]
        if previous == .none { list.first = next } else { following[Int(previous)] = next }
        if next == .none { list.last = previous } else { preceding[Int(next)] = previous }
        following[Int(slot)] = .none
        preceding[Int(slot)] = .none
        list.count -= 1
    }
}
