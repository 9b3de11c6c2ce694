/// Where everything of a chart of days stands: bars, lines, labels. Pure, so that a table can test it. Units are pixels of the
/// picture; the origin is at the top left.
struct ChartLayout: Sendable, Equatable {
    struct Bar: Sendable, Equatable {
        let x: Double
        let y: Double
        let width: Double
        let height: Double
    }

    struct Label: Sendable, Equatable {
        let text: String
        /// Right end for numbers, middle for dates.
        let x: Double
        let y: Double
    }

    static let width = 800.0
    static let height = 320.0
    private static let left = 64.0
    /// Half a date fits beside the middle of the last bar.
    private static let right = 28.0
    private static let top = 16.0
    private static let bottom = 44.0
    /// Lines across, the one at zero excluded.
    private static let lines = 4
    /// Dates below that fit beside each other.
    private static let dates = 8

    let bars: [Bar]
    /// Heights of the lines across, the lowest first, each with its number.
    let scale: [Label]
    let days: [Label]

    /// - Parameters:
    ///   - counts: one for each day, ascending.
    ///   - lastDay: days since 1970.
    init(_ counts: [Int], lastDay: Int) {
        let step = Self.step(for: counts.max() ?? 0)
        let most = Double(step * Self.lines)
        let bottom = Self.height - Self.bottom
        let room = bottom - Self.top
        let slot = (Self.width - Self.left - Self.right) / Double(max(1, counts.count))
        bars = counts.enumerated().map { place, count in
            let height = Double(count) / most * room
            return Bar(
                x: Self.left + Double(place) * slot + slot * 0.14, y: bottom - height, width: slot * 0.72,
                height: height)
        }
        scale = (0...Self.lines).map { line in
            Label(
                text: Self.short(line * step), x: Self.left - 12,
                y: bottom - Double(line) / Double(Self.lines) * room)
        }
        let every = max(1, (counts.count + Self.dates - 1) / Self.dates)
        // Counted from the end, so that today always has its date.
        days = counts.indices.filter { (counts.count - 1 - $0).isMultiple(of: every) }.map { place in
            let day = lastDay - (counts.count - 1 - place)
            let date = LocalDate(daysSince1970: Int64(day))
            return Label(
                text: date.map { "\($0.day).\($0.month)." } ?? "", x: Self.left + (Double(place) + 0.5) * slot,
                y: bottom + 26)
        }
    }

    /// The least of 1, 2, 5, 10, 20 … of which so many lines reach the most.
    static func step(for most: Int) -> Int {
        var power = 1
        while true {
            for factor in [1, 2, 5] where factor * power * lines >= most { return factor * power }
            power *= 10
        }
    }

    /// 1200 as 1.2k.
    static func short(_ number: Int) -> String {
        guard number >= 1000 else { return "\(number)" }
        let (unit, name) = number >= 1_000_000 ? (1_000_000, "M") : (1000, "k")
        let tenths = number * 10 / unit
        return tenths.isMultiple(of: 10) ? "\(tenths / 10)\(name)" : "\(tenths / 10).\(tenths % 10)\(name)"
    }
}
