/// A parser whose memory does not stay at the size of the largest line ever read.
struct LineParser {
    /// simdjson keeps about 13 bytes for each byte of its largest text; above this size it is made anew afterwards.
    static let keptBytes = 1 << 20

    private var parser = JSONParser()
    private var largest = 0

    /// The parser for a line of that many bytes. What the last one lent is void.
    mutating func parser(for bytes: Int) -> JSONParser {
        if largest > Self.keptBytes, bytes <= Self.keptBytes {
            parser = JSONParser()
            largest = 0
        }
        largest = max(largest, bytes)
        return parser
    }
}
