extension SettingsReader {
    /// A setting's value; the default if it is not set, and also if it is wrong, which is then reported.
    mutating func value<Value>(
        _ name: String, default standard: Value, isSecret: Bool = false,
        _ parse: (String) throws(ValueError) -> Value
    ) -> Value {
        guard let found = text(name) else { return standard }
        do throws(ValueError) {
            return try parse(found.text)
        } catch {
            let shown = isSecret ? "is not accepted" : "is \(quoted(found.text))"
            report("\(found.origin) \(shown); it must be \(error.accepted)")
            return standard
        }
    }

    /// The same for a parser that has but one thing to say.
    mutating func value<Value>(
        _ name: String, default standard: Value, accepted: String, _ parse: (String) -> Value?
    ) -> Value {
        value(name, default: standard) { text throws(ValueError) in
            guard let value = parse(text) else { throw ValueError(accepted: accepted) }
            return value
        }
    }

    mutating func integer(_ name: String, default standard: Int, in range: ClosedRange<Int>) -> Int {
        value(name, default: standard, accepted: "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            Quantities.integer($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func size(_ name: String, default standard: Int, minimum: Int) -> Int {
        value(name, default: standard, accepted: "\(Quantities.acceptedSizes), at least \(minimum)") {
            Quantities.bytes($0).flatMap { $0 >= minimum ? $0 : nil }
        }
    }

    mutating func duration(
        _ name: String, default standard: Duration, in range: ClosedRange<Duration>, orZero isZeroAllowed: Bool = false
    ) -> Duration {
        let bounds = "from \(Quantities.text(range.lowerBound)) to \(Quantities.text(range.upperBound))"
        let accepted = "\(Quantities.acceptedDurations), \(bounds)" + (isZeroAllowed ? ", or 0 for off" : "")
        return value(name, default: standard, accepted: accepted) {
            Quantities.duration($0).flatMap { range.contains($0) || isZeroAllowed && $0 == .zero ? $0 : nil }
        }
    }

    mutating func choice<Value: RawRepresentable<String> & CaseIterable>(_ name: String, default standard: Value)
        -> Value
    {
        let all = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return value(name, default: standard, accepted: "one of \(all)") { Value(rawValue: $0) }
    }

    /// A path that is not checked further than for what no path can be.
    mutating func path(_ name: String, default standard: String) -> String {
        value(name, default: standard, accepted: "a path") { $0.utf8.contains(0) ? nil : $0 }
    }

    mutating func socketPath(_ name: String, default standard: String) -> String {
        let found = text(name)
        let path = found?.text ?? standard
        if let problem = SocketPath.problem(with: path) {
            report("\(found?.origin ?? name): the path \(quoted(path)) \(problem)")
        }
        return path
    }
}
