internal import Dispatch
internal import Glibc
public import Logging
internal import NIOCore
internal import Synchronization

/// Where log lines go: a thread of its own writes them, so that a reader who is slow, or a terminal that is stopped, never
/// holds up an event loop. Lines never interleave. What does not fit into the bounded backlog is counted and dropped.
public final class LogOutput: Sendable {
    /// Most bytes that wait to be written, about 5,000 lines: a reader that is further behind than that is stuck.
    static let maximumBacklogBytes = 1 << 20

    private struct Backlog {
        var records: [LogRecord] = []
        var bytes = 0
        var dropped = 0
        /// Whether a drain is under way or about to be.
        var isDraining = false
    }

    private let backlog = Mutex(Backlog())
    private let queue = DispatchQueue(label: "olim.log")
    private let write: @Sendable ([LogRecord]) -> Void
    let formatting: LogFormatting

    init(_ formatting: LogFormatting, write: @escaping @Sendable ([LogRecord]) -> Void) {
        self.formatting = formatting
        self.write = write
    }

    /// Starts logging for this process, once. Every `Logger` made from then on writes here.
    /// - Parameter metadata: what each line says besides what it was given.
    public static func start(
        format: LogFormat, level: Logger.Level, metadata: Logger.MetadataProvider? = nil
    ) -> LogOutput {
        let output = standard(format)
        LoggingSystem.bootstrap(
            { label, provider in
                OutputLogHandler(label: label, level: level, output: output, metadataProvider: provider)
            }, metadataProvider: metadata)
        return output
    }

    private static func standard(_ format: LogFormat) -> LogOutput {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        switch format {
        // https://no-color.org: any value switches colours off.
        case .text where isTerminal:
            return LogOutput(.terminal(isColoured: getenv("NO_COLOR") == nil), write: writeToStandardOutput)
        case .text: return LogOutput(.text, write: writeToStandardOutput)
        case .json: return LogOutput(.json, write: writeToStandardOutput)
        case .journald:
            guard let journal = JournalSocket() else { return LogOutput(.prefixed, write: writeToStandardOutput) }
            return LogOutput(.journal, write: journal.send)
        }
    }

    /// Takes a record to be written soon.
    func append(_ record: LogRecord) {
        let mustDrain = backlog.withLock { backlog in
            guard backlog.bytes + record.bytes.readableBytes <= Self.maximumBacklogBytes else {
                backlog.dropped += 1
                return false
            }
            backlog.records.append(record)
            backlog.bytes += record.bytes.readableBytes
            defer { backlog.isDraining = true }
            return !backlog.isDraining
        }
        if mustDrain { queue.async { self.drain() } }
    }

    /// Waits until everything logged so far is written, but no longer than a second: the end of a process must not hang on
    /// whoever reads its log.
    public func flush() {
        let written = DispatchSemaphore(value: 0)
        queue.async {
            self.drain()
            written.signal()
        }
        _ = written.wait(timeout: .now() + .seconds(1))
    }

    private func drain() {
        while true {
            let (records, dropped) = backlog.withLock { backlog in
                defer {
                    backlog.records = []
                    backlog.dropped = 0
                    backlog.isDraining = !backlog.records.isEmpty
                }
                return (backlog.records, backlog.dropped)
            }
            guard !records.isEmpty else { return }
            write(records)
            let bytes = records.reduce(0) { $0 + $1.bytes.readableBytes }
            backlog.withLock { $0.bytes -= bytes }
            if dropped > 0 { reportDropped(dropped) }
        }
    }

    private func reportDropped(_ count: Int) {
        write([
            formatting.record(
                LogEntry(
                    level: .warning, label: "olim.log", message: "Log lines were dropped: the reader was too slow",
                    metadata: ["count": "\(count)"], error: nil, time: ProcessClock.wallMicroseconds))
        ])
    }

    @Sendable private static func writeToStandardOutput(_ records: [LogRecord]) {
        var bytes = ByteBuffer()
        for record in records { bytes.writeImmutableBuffer(record.bytes) }
        bytes.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    // Whoever shares our standard output made it non-blocking.
                    var wish = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                    poll(&wish, 1, 1000)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }
}
