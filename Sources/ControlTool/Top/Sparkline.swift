/// A chart one line high: each sample a block of one of eight heights.
enum Sparkline {
    private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// The last samples, the newest at the right, on a scale from 0 to their largest; what is not known is left blank.
    static func text(_ samples: [Double?], width: Int) -> String {
        let shown = samples.suffix(max(0, width))
        let largest = shown.compactMap { $0 }.max() ?? 0
        let line = shown.map { sample -> Character in
            guard let sample else { return " " }
            guard largest > 0, sample > 0 else { return blocks[0] }
            return blocks[min(blocks.count - 1, Int(sample / largest * Double(blocks.count)))]
        }
        return String(repeating: " ", count: max(0, width - line.count)) + String(line)
    }
}
