/// How often values fell into which range.
public struct Histogram: Sendable, Equatable {
    /// Upper bounds of the buckets, inclusive, ascending.
    public let bounds: [Double]
    /// Values in each bucket alone.
    public private(set) var counts: [Int]
    /// All values.
    public private(set) var count = 0
    /// Their sum.
    public private(set) var sum = 0.0

    /// For times in seconds, from a statement to an interaction that is nearly too late.
    public static let seconds = Histogram(bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])

    /// Makes an empty one.
    public init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count)
    }

    /// Counts a value.
    public mutating func add(_ value: Double) {
        count += 1
        sum += value
        if let bucket = bounds.firstIndex(where: { value <= $0 }) { counts[bucket] += 1 }
    }
}
