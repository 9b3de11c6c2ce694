internal import ArgumentParser
internal import Shared

/// What all commands that talk to the gateway have in common.
struct ControlOptions: ParsableArguments {
    @Option(help: "The gateway's control socket.", completion: .file())
    var socket: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func connect() throws(ControlFailure) -> ControlConnection {
        if let socket { return try ControlConnection(path: socket) }
        return try ControlConnection(path: try Self.settings().controlSocket)
    }

    static func settings() throws(ControlFailure) -> ControlSettings {
        do throws(SettingsError) {
            return try ControlSettings.load(from: .process())
        } catch {
            throw ControlFailure(.configuration, error.problems.joined(separator: "; "))
        }
    }
}

/// A command that prints a text and ends.
protocol ControlCommand: ParsableCommand {
    /// Does the work and returns what to print.
    func perform() throws(ControlFailure) -> String
}

extension ControlCommand {
    func run() throws {
        try ending { () throws(ControlFailure) in Output.write(try perform()) }
    }
}

extension ParsableCommand {
    /// Turns a failure into its line and exit code.
    func ending(_ work: () throws(ControlFailure) -> Void) throws {
        do throws(ControlFailure) {
            try work()
        } catch {
            StandardError.write("olimctl: \(error.message)")
            throw ExitCode(error.exit.rawValue)
        }
    }
}
