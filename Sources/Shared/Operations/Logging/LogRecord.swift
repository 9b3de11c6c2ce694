internal import Logging
internal import NIOCore

/// One log event, formatted: a line, or the journal's fields.
struct LogRecord: Sendable {
    /// The line with its break, or the fields one behind the other, each `NAME=value`.
    var bytes: ByteBuffer
    /// Where each field ends; empty for a line.
    var fieldEnds: [Int] = []
}

/// A log event with all that goes into a record.
struct LogEntry {
    let level: Logger.Level
    let label: String
    let message: String
    let metadata: Logger.Metadata
    let error: String?
    /// Microseconds since 1970.
    let time: Int64
}
