/// The last things that happened, to be read after a promise was broken. Words are put together only then.
final class Trace {
    private struct Entry {
        let step: Int
        /// In milliseconds.
        let time: Int
        let what: StaticString
        let numbers: (Int, Int, Int)
    }

    /// Entries kept.
    var capacity = 60
    private var entries: [Entry] = []
    private var next = 0
    var step = 0
    var time = 0
    /// Tells two runs apart.
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    func note(_ what: StaticString, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0) {
        for number in [UInt64(bitPattern: Int64(a)), UInt64(bitPattern: Int64(b)), UInt64(bitPattern: Int64(c))] {
            digest = (digest ^ number) &* 0x0000_0100_0000_01B3
        }
        let entry = Entry(step: step, time: time, what: what, numbers: (a, b, c))
        if entries.count < capacity {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % capacity
        }
    }

    /// Of interest only to whoever wants to see much.
    func detail(_ what: StaticString, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0) {
        if capacity >= 1000 { note(what, a, b, c) }
    }

    /// The last `count` lines, the newest last.
    func lines(_ count: Int) -> [String] {
        (entries[next...] + entries[..<next]).suffix(count)
            .map { "step \($0.step), \($0.time) ms: \($0.what) \($0.numbers.0) \($0.numbers.1) \($0.numbers.2)" }
    }
}
