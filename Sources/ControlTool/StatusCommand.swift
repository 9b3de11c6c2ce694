internal import ArgumentParser
internal import Shared

struct StatusCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show shards, queue and workers; what is wrong comes first.")

    @OptionGroup var options: ControlOptions

    func perform() throws(ControlFailure) -> String {
        let result = try options.connect().request("status")
        return options.json ? try result.raw("status") : StatusText.text(result.value["status"] ?? [:])
    }
}

struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Tell by the exit code whether events are being handled: 0 yes, 69 no.",
        discussion: "For health checks of containers. It names what is wrong on standard output.")

    @OptionGroup var options: ControlOptions

    func run() throws {
        try ending { () throws(ControlFailure) in
            let diagnosis = Diagnosis(of: try options.connect().request("status").value["status"] ?? [:])
            Output.write(options.json ? Self.json(diagnosis).text : Self.text(diagnosis))
            guard diagnosis.failures.isEmpty else { throw ControlFailure(.unavailable, "the gateway is not healthy") }
        }
    }

    static func text(_ diagnosis: Diagnosis) -> String {
        diagnosis.failures.isEmpty ? "healthy" : diagnosis.failures.joined(separator: "\n")
    }

    static func json(_ diagnosis: Diagnosis) -> JSON {
        [
            "healthy": .bool(diagnosis.failures.isEmpty),
            "failures": .array(diagnosis.failures.map(JSON.string)),
            "warnings": .array(diagnosis.warnings.map(JSON.string)),
        ]
    }
}
