internal import Logging

/// Formats events and hands them to the process's `LogOutput`.
struct OutputLogHandler: LogHandler {
    let label: String
    let output: LogOutput
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(
        label: String, level: Logger.Level, output: LogOutput, metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.metadataProvider = metadataProvider
        self.output = output
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        output.append(
            output.formatting.record(
                LogEntry(
                    level: event.level, label: label, message: event.message.description,
                    metadata: allMetadata(event.metadata), error: event.error.map { "\($0)" },
                    time: ProcessClock.wallMicroseconds)))
    }

    /// What is nearer to the event wins.
    private func allMetadata(_ own: Logger.Metadata?) -> Logger.Metadata {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own { all.merge(own) { $1 } }
        return all
    }
}
