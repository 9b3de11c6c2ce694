extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmingBlanks: SubSequence {
        guard let start = firstIndex(where: { !$0.isBlank }), let end = lastIndex(where: { !$0.isBlank }) else {
            return self[endIndex...]
        }
        return self[start...end]
    }
}

extension Character {
    /// Whether this is a space or a tab.
    var isBlank: Bool { self == " " || self == "\t" }
}

extension Array where Element == String {
    /// The entry that the fewest typing mistakes turn into `text`, if that are at most `limit`.
    func nearest(to text: String, within limit: Int) -> String? {
        map { (name: $0, distance: typingDistance($0, text)) }.min { $0.distance < $1.distance }
            .flatMap { $0.distance <= limit ? $0.name : nil }
    }
}

/// How many typing mistakes lie between two texts: a byte left out, added, replaced, or swapped with its neighbour
/// (optimal string alignment distance).
func typingDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let isSame = left[row] == right[column]
            var best = Swift.min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                best = Swift.min(best, beforeLast[column - 1] + 1)
            }
            current.append(best)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
