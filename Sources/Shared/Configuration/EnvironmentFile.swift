/// The assignments of a `.env` file.
///
/// One assignment a line: `NAME=value`, with `export` in front if wanted. `#` begins a comment at the start of a line or
/// behind white space. Single quotes take everything literally; double quotes know `\n`, `\r`, `\t`, `\\`, `\"` and `\$`.
/// Nothing is substituted, and no value spans lines.
struct EnvironmentFile: Equatable {
    /// One assignment.
    struct Entry: Equatable {
        let name: String
        let value: String
        /// Counted from 1.
        let line: Int
    }

    private(set) var entries: [Entry] = []
    /// What could not be read, each with its line number and without the line's content, which may be a secret.
    private(set) var problems: [String] = []

    /// Reads a whole file's text.
    init(parsing text: String) {
        let text = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            do throws(SyntaxError) {
                if let (name, value) = try Self.assignment(in: line) {
                    entries.append(Entry(name: name, value: value, line: index + 1))
                }
            } catch {
                problems.append("line \(index + 1): \(error.reason)")
            }
        }
    }

    private struct SyntaxError: Error {
        let reason: String
    }

    private static func assignment(in line: Substring) throws(SyntaxError) -> (name: String, value: String)? {
        var rest = line.trimmingBlanks
        guard let first = rest.first, first != "#" else { return nil }
        if rest.hasPrefix("export"), rest.dropFirst("export".count).first?.isBlank == true {
            rest = rest.dropFirst("export".count).trimmingBlanks
        }
        guard let equals = rest.firstIndex(of: "=") else {
            throw SyntaxError(reason: "there is no \"=\" behind the name")
        }
        let name = rest[..<equals].trimmingBlanks
        guard isName(name) else {
            throw SyntaxError(reason: "what is before \"=\" is not a name of letters, digits and \"_\"")
        }
        return (String(name), try value(of: rest[rest.index(after: equals)...].trimmingBlanks))
    }

    private static func isName(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    private static func value(of text: Substring) throws(SyntaxError) -> String {
        switch text.first {
        case "'": try singleQuoted(text.dropFirst())
        case "\"": try doubleQuoted(text.dropFirst())
        default: bare(text)
        }
    }

    private static func bare(_ text: Substring) -> String {
        var isBehindBlank = true
        for index in text.indices {
            if text[index] == "#", isBehindBlank { return String(text[..<index].trimmingBlanks) }
            isBehindBlank = text[index].isBlank
        }
        return String(text)
    }

    private static func singleQuoted(_ text: Substring) throws(SyntaxError) -> String {
        guard let end = text.firstIndex(of: "'") else { throw SyntaxError(reason: "the single quote is not closed") }
        try checkRemainder(text[text.index(after: end)...])
        return String(text[..<end])
    }

    private static func doubleQuoted(_ text: Substring) throws(SyntaxError) -> String {
        // By scalars: a combining mark behind a quote would otherwise make one character with it.
        var value = String.UnicodeScalarView()
        var isEscaped = false
        for index in text.unicodeScalars.indices {
            let scalar = text.unicodeScalars[index]
            if isEscaped {
                value.append(try escaped(scalar))
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                try checkRemainder(text[text.unicodeScalars.index(after: index)...])
                return String(value)
            } else {
                value.append(scalar)
            }
        }
        throw SyntaxError(reason: "the double quote is not closed")
    }

    private static func escaped(_ scalar: Unicode.Scalar) throws(SyntaxError) -> Unicode.Scalar {
        switch scalar {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "\\", "\"", "$": return scalar
        default:
            throw SyntaxError(
                reason: #"double quotes know only \n, \r, \t, \\, \" and \$ behind a backslash; use single quotes"#)
        }
    }

    private static func checkRemainder(_ text: Substring) throws(SyntaxError) {
        guard let first = text.first else { return }
        let rest = text.trimmingBlanks
        guard rest.isEmpty || first.isBlank && rest.first == "#" else {
            throw SyntaxError(reason: "there is text behind the closing quote")
        }
    }
}
