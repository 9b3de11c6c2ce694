/// How quantities are written in settings.
enum Quantities {
    static let acceptedSizes = "a size such as 65536, 64MB or 1GiB"
    static let acceptedDurations = "a duration such as 500ms, 30s, 5m, 1h or 14d"

    private static let sizeUnits: [(suffix: String, bytes: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("kB", 1000), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("B", 1),
    ]

    private static let durationUnits: [(suffix: String, milliseconds: Int)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Bytes: `65536`, `64MB` (millions), `1GiB` (2^30).
    static func bytes(_ text: String) -> Int? {
        guard let (number, suffix) = split(text) else { return nil }
        if suffix.isEmpty { return number }
        return sizeUnits.first { $0.suffix == suffix }.flatMap { product(number, $0.bytes) }
    }

    /// `500ms`, `30s`, `5m`, `1h`, `14d`; of numbers without a unit only `0`, which needs none.
    static func duration(_ text: String) -> Duration? {
        guard let (number, suffix) = split(text) else { return nil }
        if suffix.isEmpty { return number == 0 ? .zero : nil }
        return durationUnits.first { $0.suffix == suffix }.flatMap { product(number, $0.milliseconds) }
            .map { .milliseconds($0) }
    }

    /// An octal file mode: `660`, `0660` or `0o660`.
    static func fileMode(_ text: String) -> UInt32? {
        let digits = text.hasPrefix("0o") ? text.dropFirst(2) : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
            let mode = UInt32(digits, radix: 8), mode <= 0o777
        else { return nil }
        return mode
    }

    /// Decimal digits and nothing else: no sign, no blanks.
    static func integer(_ text: some StringProtocol) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// A duration as settings write it.
    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        guard milliseconds != 0 else { return "0" }
        let unit = durationUnits.last { milliseconds.isMultiple(of: $0.milliseconds) }
        return unit.map { "\(milliseconds / $0.milliseconds)\($0.suffix)" } ?? "\(milliseconds)ms"
    }

    private static func split(_ text: String) -> (number: Int, suffix: Substring)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        return integer(digits).map { ($0, text[digits.endIndex...]) }
    }

    private static func product(_ left: Int, _ right: Int) -> Int? {
        let (product, overflows) = left.multipliedReportingOverflow(by: right)
        return overflows ? nil : product
    }
}

extension Duration {
    /// In milliseconds, the rest cut off.
    public var wholeMilliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
