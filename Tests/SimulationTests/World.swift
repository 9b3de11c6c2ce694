import HeapModule
import NIOCore
import TestKit

/// What all parts of a simulation share: the one clock, the one source of chance, what is to happen, and what has happened.
///
/// Nothing here or in the models looks at a real clock, or at the order of a dictionary or set: a seed is a whole run.
final class World {
    /// Something that is to happen at its time.
    private struct Entry: Comparable {
        let at: Int64
        /// What was noted down first comes first.
        let order: UInt64
        let happening: Happening

        static func == (left: Self, right: Self) -> Bool { left.order == right.order }
        static func < (left: Self, right: Self) -> Bool { (left.at, left.order) < (right.at, right.order) }
    }

    let rules: Rules
    var random: SeededGenerator
    let trace = Trace()
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    /// How far the machine's clock is from where it began, in microseconds: it can be set.
    var wallShift: Int64 = 0
    private var agenda = Heap<Entry>()
    private var noted: UInt64 = 0
    private(set) var steps = 0

    init(seed: UInt64, rules: Rules) {
        self.rules = rules
        random = SeededGenerator(seed: seed)
    }

    /// Microseconds since 1970.
    var wall: Int64 { 1_764_000_000_000_000 + Int64(now.uptimeNanoseconds / 1000) + wallShift }

    /// Notes down what is to happen after `delay`.
    func after(_ delay: TimeAmount, _ happening: Happening) { at(now + delay, happening) }

    func at(_ time: NIODeadline, _ happening: Happening) {
        noted += 1
        agenda.insert(Entry(at: Int64(max(time, now).uptimeNanoseconds), order: noted, happening: happening))
    }

    /// Goes to the next thing that happens.
    func next() -> Happening? {
        guard let entry = agenda.popMin() else { return nil }
        now = .uptimeNanoseconds(UInt64(entry.at))
        steps += 1
        trace.step = steps
        trace.time = Int(entry.at / 1_000_000) - 1_000_000
        return entry.happening
    }

    // MARK: Chance

    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    func permille(_ permille: Int) -> Bool { Int.random(in: 0..<1000, using: &random) < permille }

    func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &random) }

    func milliseconds(_ range: ClosedRange<Int64>) -> TimeAmount {
        .microseconds(.random(in: range.lowerBound * 1000...range.upperBound * 1000, using: &random))
    }
}
