internal import Logging
internal import NIOCore

/// One log event, formatted.
struct LogRecord: Sendable {
    /// The line with its break, or an entry in the journal's native protocol.
    var bytes: ByteBuffer
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
