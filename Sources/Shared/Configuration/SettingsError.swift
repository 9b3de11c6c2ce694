/// A configuration that a program cannot start with: all that is wrong with it, at once.
public struct SettingsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One line each: the variable, its value unless that is secret, and what is accepted.
    public let problems: [String]
    /// What would not have stopped the start.
    public let warnings: [String]

    /// All problems, one a line.
    public var description: String { problems.joined(separator: "\n") }
}

/// Why a text is no value of its kind: what is accepted instead.
struct ValueError: Error {
    let accepted: String
}
