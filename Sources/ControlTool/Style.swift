internal import Glibc

/// Colours and weights of a terminal (ECMA-48, SGR).
enum Style {
    /// Whether a person reads standard output who has not asked for plain text (no-color.org).
    static var isWelcome: Bool {
        isatty(STDOUT_FILENO) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
    }

    static func bold(_ text: String) -> String { styled(text, 1) }
    static func dim(_ text: String) -> String { styled(text, 2) }
    static func red(_ text: String) -> String { styled(text, 31) }
    static func yellow(_ text: String) -> String { styled(text, 33) }
    static func cyan(_ text: String) -> String { styled(text, 36) }

    private static func styled(_ text: String, _ code: Int) -> String {
        text.isEmpty ? "" : "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}
