internal import Logging
internal import NIOCore

/// How a log event becomes bytes.
enum LogFormatting: Sendable {
    /// For a terminal: local time of day, and colours if wanted.
    case terminal(isColoured: Bool)
    /// For a file: full time in UTC.
    case text
    /// One object a line.
    case json
    /// For standard output that systemd reads: its priority in front (sd-daemon(3)), and no time, which it adds itself.
    case prefixed
    /// The journal's fields (systemd.journal-fields(7)).
    case journal

    func record(_ entry: LogEntry) -> LogRecord {
        var bytes = ByteBuffer()
        switch self {
        case .terminal(let isColoured): bytes.writeTerminalLine(entry, isColoured: isColoured)
        case .text:
            bytes.writeTimestamp(entry.time)
            bytes.writeString(" \(entry.level.padded) ")
            bytes.writeLogText(entry)
        case .json: bytes.writeJSONLine(entry)
        case .prefixed:
            bytes.writeString("<\(entry.level.priority)>")
            bytes.writeLogText(entry)
        case .journal: bytes.writeJournalEntry(entry)
        }
        return LogRecord(bytes: bytes)
    }
}

extension Logger.Level {
    /// The name in capitals, as wide as the widest.
    fileprivate var padded: String {
        let name = rawValue.uppercased()
        return name + String(repeating: " ", count: 8 - name.count)
    }

    /// syslog's number (syslog(3)).
    var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// The terminal's colour (ECMA-48, SGR).
    fileprivate var colour: StaticString {
        switch self {
        case .trace, .debug: "\u{1B}[2m"
        case .info: "\u{1B}[32m"
        case .notice: "\u{1B}[36m"
        case .warning: "\u{1B}[33m"
        case .error, .critical: "\u{1B}[1;31m"
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeTerminalLine(_ entry: LogEntry, isColoured: Bool) {
        if isColoured { writeStaticString("\u{1B}[2m") }
        writeTimeOfDay(entry.time)
        if isColoured { writeStaticString("\u{1B}[0m") }
        writeInteger(UInt8(ascii: " "))
        if isColoured { writeStaticString(entry.level.colour) }
        writeString(entry.level.padded)
        if isColoured { writeStaticString("\u{1B}[0m") }
        writeInteger(UInt8(ascii: " "))
        writeLogText(entry)
    }

    /// Label, message and metadata on one line, whatever they contain.
    fileprivate mutating func writeLogText(_ entry: LogEntry) {
        writeVisible(entry.label)
        writeStaticString(": ")
        writeVisible(entry.message)
        for (key, value) in entry.metadata.sorted(by: { $0.key < $1.key }) {
            writeInteger(UInt8(ascii: " "))
            writeVisible(key)
            writeInteger(UInt8(ascii: "="))
            writeLogValue(value.description)
        }
        if let error = entry.error {
            writeStaticString(" error=")
            writeLogValue(error)
        }
        writeInteger(UInt8(ascii: "\n"))
    }

    /// A value in quotes if it would not read as one word.
    private mutating func writeLogValue(_ text: String) {
        let isWord = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != 0x7F }
        if isWord { writeVisible(text) } else { writeString(quotedFully(text)) }
    }

    /// A text with control characters as escapes, so that nobody can forge a line or command a terminal.
    private mutating func writeVisible(_ text: String) {
        guard text.unicodeScalars.contains(where: \.isControl) else {
            writeString(text)
            return
        }
        for scalar in text.unicodeScalars {
            writeString(scalar.isControl ? scalar.escaped(asASCII: true) : String(scalar))
        }
    }

    private func quotedFully(_ text: String) -> String {
        var shown = "\""
        for scalar in text.unicodeScalars {
            shown +=
                scalar.isControl || scalar == "\"" || scalar == "\\" ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return shown + "\""
    }

    fileprivate mutating func writeJSONLine(_ entry: LogEntry) {
        writeStaticString(#"{"time":""#)
        writeTimestamp(entry.time)
        writeStaticString(#"","level":""#)
        writeString(entry.level.rawValue)
        writeStaticString(#"","logger":"#)
        writeJSONString(entry.label)
        writeStaticString(#","message":"#)
        writeJSONString(entry.message)
        if let error = entry.error {
            writeStaticString(#","error":"#)
            writeJSONString(error)
        }
        if !entry.metadata.isEmpty {
            writeStaticString(#","metadata":"#)
            writeJSON(JSON(logged: .dictionary(entry.metadata)))
        }
        writeStaticString("}\n")
    }
}

extension Unicode.Scalar {
    /// Control characters, and the two separators that some programs take for line breaks.
    fileprivate var isControl: Bool {
        properties.generalCategory == .control || self == "\u{2028}" || self == "\u{2029}"
    }
}

extension JSON {
    fileprivate init(logged value: Logger.MetadataValue) {
        switch value {
        case .string(let text): self = .string(text)
        case .stringConvertible(let value): self = .string(value.description)
        case .array(let values): self = .array(values.map { JSON(logged: $0) })
        case .dictionary(let members):
            self = .object(
                members.sorted { $0.key < $1.key }.map { Member($0.key, JSON(logged: $0.value)) })
        }
    }
}
