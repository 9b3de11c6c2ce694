internal import ArgumentParser
internal import Shared

struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Tell by the exit code whether events are being handled: 0 yes, 69 no.",
        discussion: """
            For health checks of containers. It names what is wrong on standard output.

            With --worker or --this-worker it looks at one worker instead, and asks on the queue socket (QUEUE_SOCKET), which is \
            all that a worker shares with the gateway: it is healthy while it is connected and its database answers.
            """)

    @OptionGroup var options: ControlOptions

    @Option(help: "Look at the worker of this name.")
    var worker: String?

    @Flag(help: "Look at the worker that runs with these settings on this machine.")
    var thisWorker = false

    func validate() throws {
        if worker != nil, thisWorker { throw ValidationError("--worker and --this-worker exclude each other") }
    }

    func run() throws {
        try ending { () throws(ControlFailure) in
            if let worker { return try report(try workerHealth(.name(worker))) }
            if thisWorker { return try report(try workerHealth(try ControlOptions.settings().worker)) }
            let diagnosis = Diagnosis(of: try options.connect().request("status").value["status"] ?? [:])
            try report(
                Health(subject: "the gateway", failures: diagnosis.failures, warnings: diagnosis.warnings))
        }
    }

    private func workerHealth(_ match: ControlSettings.WorkerMatch) throws(ControlFailure) -> Health {
        let path: String
        if let socket = options.socket { path = socket } else { path = try ControlOptions.settings().queueSocket }
        return Health(of: match, in: try ControlConnection(path: path).queueStatus())
    }

    private func report(_ health: Health) throws(ControlFailure) {
        Output.write(options.json ? health.json.text : health.text)
        guard health.failures.isEmpty else { throw ControlFailure(.unavailable, "\(health.subject) is not healthy") }
    }
}

/// Whether something does its work, and why not.
struct Health: Equatable {
    /// In words, for the last line.
    var subject: String
    var failures: [String] = []
    var warnings: [String] = []

    var text: String { failures.isEmpty ? "healthy" : failures.joined(separator: "\n") }

    var json: JSON {
        [
            "healthy": .bool(failures.isEmpty), "failures": .array(failures.map(JSON.string)),
            "warnings": .array(warnings.map(JSON.string)),
        ]
    }
}

extension Health {
    /// The worker's health as the gateway sees it: of several of one name, each must be well.
    init(of match: ControlSettings.WorkerMatch, in status: JSON) {
        subject = "the worker"
        let workers = (status["workers"]?.elements ?? []).filter { match.matches($0["name"]?.string ?? "") }
        if workers.isEmpty {
            let wanted =
                switch match {
                case .name(let name): "named \(Words.line(name))"
                case .prefix(let prefix): "whose name begins with \(Words.line(prefix))"
                }
            failures = ["no worker \(wanted) is connected to the gateway"]
        }
        for worker in workers { failures += Diagnosis.failures(ofWorker: worker) }
    }
}
