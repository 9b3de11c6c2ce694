/// Writes Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
///
/// A metric's name ends in its base unit (`_seconds`, `_bytes`), a counter's in `_total`. Labels take few values: a shard, a worker, a
/// class; never a guild, and never a name that somebody else makes up.
public struct MetricsText: Sendable {
    /// One value of a metric with its labels.
    public struct Sample: Sendable {
        var labels: [(name: String, value: String)]
        var value: Double

        /// A value under labels, in the order in which they are written.
        public init(_ labels: KeyValuePairs<String, String> = [:], _ value: Double) {
            self.labels = labels.map { ($0.key, $0.value) }
            self.value = value
        }

        /// A count under labels.
        public init(_ labels: KeyValuePairs<String, String> = [:], _ value: Int) {
            self.init(labels, Double(value))
        }
    }

    /// What has been written so far.
    public private(set) var text = ""

    /// Begins an empty page.
    public init() {}

    /// What can rise and fall. Without a sample only the metric's description is written.
    public mutating func gauge(_ name: String, _ help: String, _ samples: [Sample]) {
        describe(name, "gauge", help)
        for sample in samples { write(name, sample.labels, sample.value) }
    }

    /// What can rise and fall; nothing but the description if there is no value now.
    public mutating func gauge(_ name: String, _ help: String, _ value: Double?) {
        gauge(name, help, value.map { [Sample([:], $0)] } ?? [])
    }

    /// What can rise and fall, as a whole number.
    public mutating func gauge(_ name: String, _ help: String, _ value: Int?) {
        gauge(name, help, value.map(Double.init))
    }

    /// What only rises, until the process or the connection it belongs to begins anew.
    public mutating func counter(_ name: String, _ help: String, _ samples: [Sample]) {
        describe(name, "counter", help)
        for sample in samples { write(name, sample.labels, sample.value) }
    }

    /// What only rises, until the process begins anew.
    public mutating func counter(_ name: String, _ help: String, _ value: Double) {
        counter(name, help, [Sample([:], value)])
    }

    /// What only rises, as a whole number.
    public mutating func counter(_ name: String, _ help: String, _ value: Int) {
        counter(name, help, Double(value))
    }

    /// How values are distributed.
    public mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        describe(name, "histogram", help)
        var count = 0
        for (bound, inBucket) in zip(histogram.bounds, histogram.counts) {
            count += inBucket
            write(name + "_bucket", [("le", Self.number(bound))], Double(count))
        }
        write(name + "_bucket", [("le", "+Inf")], Double(histogram.count))
        write(name + "_sum", [], histogram.sum)
        write(name + "_count", [], Double(histogram.count))
    }

    private mutating func describe(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(kind)\n"
    }

    private mutating func write(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0.name)=\"\(Self.escaped($0.value, withQuotes: true))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " \(Self.number(value))\n"
    }

    /// Whole numbers without a fraction; the rest as Go's ParseFloat reads it.
    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        return Int(exactly: value).map(String.init) ?? value.description
    }

    private static func escaped(_ text: String, withQuotes: Bool = false) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": shown += "\\\\"
            case "\n": shown += "\\n"
            case "\"" where withQuotes: shown += "\\\""
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}
