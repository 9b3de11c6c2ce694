/// Prometheus' text format, read more strictly than Prometheus does: what its linter (`promtool check metrics`) would object to is an
/// error as well.
public struct MetricsPage: Sendable {
    /// One metric with all its samples.
    public struct Family: Sendable, Equatable {
        /// Without the endings of a histogram's lines.
        public let name: String
        /// `counter`, `gauge` or `histogram`.
        public let kind: String
        /// What it is.
        public let help: String
        /// Its lines.
        public var samples: [Sample] = []
    }

    /// One line.
    public struct Sample: Sendable, Equatable {
        /// With the ending of a histogram's line.
        public let name: String
        /// Values by labels' names.
        public let labels: [String: String]
        /// The number.
        public let value: Double
    }

    /// What is wrong, and in which line.
    public struct Fault: Error, Equatable, CustomStringConvertible {
        /// In a few words.
        public let description: String
    }

    /// In the page's order.
    public private(set) var families: [Family] = []

    /// The names of all lines: those of a histogram have endings that its family has not.
    public var names: Set<String> { Set(families.flatMap { [$0.name] + $0.samples.map(\.name) }) }

    /// Reads a page.
    public init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Fault(description: "the last line has no end") }
        var help: (name: String, text: String)?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, !words[3].isEmpty, help == nil else { throw Self.fault(line, "HELP") }
                help = (words[2], words[3])
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, let described = help, described.name == words[2] else {
                    throw Self.fault(line, "TYPE without its HELP")
                }
                try begin(Family(name: words[2], kind: words[3], help: described.text))
                help = nil
            } else {
                guard help == nil else { throw Self.fault(line, "HELP without TYPE") }
                try add(try Self.sample(String(line)), line)
            }
        }
        for family in families { try Self.check(family) }
    }

    /// The values of a metric whose labels are or include these.
    public func values(_ name: String, _ labels: [String: String] = [:]) -> [Double] {
        families.flatMap(\.samples)
            .filter { sample in sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value } }
            .map(\.value)
    }

    private static func fault(_ line: some StringProtocol, _ what: String) -> Fault {
        Fault(description: "\(what): \(line)")
    }

    // MARK: Families

    private mutating func begin(_ family: Family) throws {
        guard !families.contains(where: { $0.name == family.name }) else { throw Self.fault(family.name, "twice") }
        guard ["counter", "gauge", "histogram"].contains(family.kind) else { throw Self.fault(family.name, "kind") }
        families.append(family)
    }

    private mutating func add(_ sample: Sample, _ line: some StringProtocol) throws {
        guard let last = families.indices.last else { throw Self.fault(line, "sample without TYPE") }
        let family = families[last]
        let endings = family.kind == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        guard endings.contains(where: { sample.name == family.name + $0 }) else { throw Self.fault(line, "family") }
        guard !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
            throw Self.fault(line, "the same series twice")
        }
        families[last].samples.append(sample)
    }

    /// The conventions of names (prometheus.io/docs/practices/naming).
    private static func check(_ family: Family) throws {
        guard isName(family.name, colons: true) else { throw fault(family.name, "name") }
        guard (family.kind == "counter") == family.name.hasSuffix("_total") else { throw fault(family.name, "_total") }
        for unit in ["_ms", "_milliseconds", "_us", "_minutes", "_kb", "_kib", "_mb", "_percent"] {
            guard !family.name.hasSuffix(unit), !family.name.hasSuffix(unit + "_total") else {
                throw fault(family.name, "no base unit")
            }
        }
        guard family.help.first?.isUppercase == true else { throw fault(family.help, "HELP") }
        for sample in family.samples where family.kind == "counter" {
            guard sample.value >= 0 else { throw fault(family.name, "a counter below 0") }
        }
        if family.kind == "histogram" { try check(buckets: family) }
    }

    private static func check(buckets family: Family) throws {
        let buckets = family.samples.filter { $0.name.hasSuffix("_bucket") }
        let bounds = buckets.compactMap { $0.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) } }
        guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity else {
            throw fault(family.name, "bounds")
        }
        let counts = buckets.map(\.value)
        guard counts == counts.sorted(),
            counts.last == family.samples.first(where: { $0.name.hasSuffix("_count") })?.value
        else { throw fault(family.name, "buckets") }
    }

    // MARK: Lines

    private static func sample(_ line: String) throws -> Sample {
        var rest = Substring(line)
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = String(rest.prefix { $0 != "=" })
                rest = rest.dropFirst(label.count)
                guard isName(label, colons: false), rest.hasPrefix("=\"") else { throw fault(line, "label") }
                rest = rest.dropFirst(2)
                guard labels.updateValue(try value(&rest, line), forKey: label) == nil else {
                    throw fault(line, "a label twice")
                }
                guard rest.first == "," || rest.first == "}" else { throw fault(line, "labels") }
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        guard rest.first == " ", let number = Double(rest.dropFirst()), number.isFinite else {
            throw fault(line, "value")
        }
        return Sample(name: name, labels: labels, value: number)
    }

    /// A label's value up to and with its closing quote.
    private static func value(_ rest: inout Substring, _ line: String) throws -> String {
        var text = ""
        while let next = rest.popFirst() {
            switch next {
            case "\"": return text
            case "\\":
                guard let escaped = rest.popFirst(), let meant = ["\\": "\\", "\"": "\"", "n": "\n"][escaped] else {
                    throw fault(line, "escape")
                }
                text += meant
            default: text.append(next)
            }
        }
        throw fault(line, "a value without end")
    }

    private static func isName(_ text: String, colons: Bool) -> Bool {
        guard let first = text.utf8.first, first < UInt8(ascii: "0") || first > UInt8(ascii: "9") else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }
}
