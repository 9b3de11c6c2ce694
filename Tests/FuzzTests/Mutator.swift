import TestKit

/// Makes new inputs out of good ones: the same seed makes the same inputs.
struct Mutator {
    private var random: SeededGenerator
    private let seeds: [[UInt8]]

    /// What often matters to parsers of text and of numbers.
    private static let tokens: [[UInt8]] =
        [
            "\"", "\\", "{", "}", "[", "]", ":", ",", "\\u", "\\ud800", "\\u0000", "null", "true", "-", "0", "1e999",
            "-0", ".",
            "18446744073709551616", "9007199254740993", "\n", "\r\n", "\u{0}", "\u{FEFF}", "é", "👋", "\"d\":",
            "\"op\":", "\"id\":",
            "\"guild_id\":", "=", "'", "#", "$", "%", "%2", "@", "://", "export ",
        ].map { Array($0.utf8) } + [
            [0xFF], [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0x00, 0x00, 0xFF, 0xFF], [0x7F],
        ]

    init(seed: UInt64, seeds: [[UInt8]]) {
        random = SeededGenerator(seed: seed)
        self.seeds = seeds.isEmpty ? [[]] : seeds
    }

    mutating func next() -> [UInt8] {
        var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
        for _ in 0..<Int.random(in: 1...6, using: &random) { mutate(&bytes) }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        switch Int.random(in: 0..<9, using: &random) {
        case 0: if let place = place(in: bytes) { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 1: if let place = place(in: bytes) { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        case 2, 3: insert(Self.tokens[Int.random(in: 0..<Self.tokens.count, using: &random)], into: &bytes)
        case 4: bytes.removeSubrange(range(in: bytes))
        case 5: insert(Array(bytes[range(in: bytes)]), into: &bytes)
        case 6:
            let other = seeds[Int.random(in: 0..<seeds.count, using: &random)]
            insert(Array(other[range(in: other)]), into: &bytes)
        case 7: bytes.removeLast(min(bytes.count, Int.random(in: 0...bytes.count, using: &random)))
        default:
            // A number's neighbours and limits.
            if let place = place(in: bytes) {
                bytes[place] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF].randomElement(using: &random) ?? 0
            }
        }
    }

    private mutating func place(in bytes: [UInt8]) -> Int? {
        bytes.isEmpty ? nil : Int.random(in: 0..<bytes.count, using: &random)
    }

    private mutating func range(in bytes: [UInt8]) -> Range<Int> {
        let start = Int.random(in: 0...bytes.count, using: &random)
        return start..<min(bytes.count, start + Int.random(in: 0...32, using: &random))
    }

    private mutating func insert(_ inserted: [UInt8], into bytes: inout [UInt8]) {
        bytes.insert(contentsOf: inserted, at: Int.random(in: 0...bytes.count, using: &random))
    }
}
