public import ArgumentParser
internal import Glibc
public import Logging

/// What a daemon's `Settings` have in common.
public protocol ServiceSettings: Sendable {
    /// What both processes are told.
    var common: CommonSettings { get }

    /// Reads and checks every setting.
    /// - Throws: all problems at once.
    static func load(from source: SettingsSource) throws(SettingsError) -> Self
}

extension GatewaySettings: ServiceSettings {}
extension WorkerSettings: ServiceSettings {}

/// The options that both daemons have beside `--help` and `--version`.
public struct ServiceOptions: ParsableArguments {
    /// Whether only to check the configuration.
    @Flag(help: "Check the whole configuration, print every problem, and exit 0 or 78 without connecting anywhere.")
    public var check = false

    /// For ArgumentParser.
    public init() {}
}

/// The entry point of a daemon: `run()` checks the settings, starts logging, calls `serve` and ends with the exit code that
/// interfaces and docs/operations.md name.
///
///     @main struct GatewayProcess: ServiceCommand {
///         static let configuration = CommandConfiguration(commandName: "olim-gateway", version: Version.current)
///         @OptionGroup var options: ServiceOptions
///         func serve(_ settings: GatewaySettings, logger: Logger) async throws { … }
///     }
public protocol ServiceCommand: AsyncParsableCommand {
    associatedtype Settings: ServiceSettings

    /// The command line.
    var options: ServiceOptions { get }

    /// What is wrong with the program itself, one line each, so that it cannot start; empty by default. Told together with
    /// what is wrong with the settings.
    static var problems: [String] { get }

    /// What each log line says besides what it was given, such as the event that is being handled; nothing by default.
    static var logMetadata: Logger.MetadataProvider? { get }

    /// Runs until it was asked to end, by SIGTERM or SIGINT, and everything is put away.
    /// - Throws: `ServiceFailure` for an end with its code; whatever else ends with 1, so that supervisors start it again.
    func serve(_ settings: Settings, logger: Logger) async throws
}

/// Why a daemon ends other than on request: one line for the operator, and how supervisors see it.
public struct ServiceFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The exit code.
    public let exit: ProcessExit
    /// What is wrong, where, and what to do, on one line and without a secret.
    public let description: String

    /// Makes a failure.
    public init(_ exit: ProcessExit, _ description: String) {
        self.exit = exit
        self.description = description
    }
}

extension ServiceCommand {
    /// Nothing is wrong.
    public static var problems: [String] { [] }

    /// Nothing.
    public static var logMetadata: Logger.MetadataProvider? { nil }

    /// Checks, or checks and serves.
    public func run() async throws {
        let name = Self.configuration.commandName ?? Self._commandName
        let settings = try loadSettings(name)
        if options.check {
            print(CheckReport.text(of: name, warnings: settings.common.warnings))
            return
        }
        // What a crash leaves on the disk would have the token in it.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        // A reader of standard output or a socket that goes away must not end the process.
        signal(SIGPIPE, SIG_IGN)
        // Nor must a file that may not grow (RLIMIT_FSIZE): the write says so as well.
        signal(SIGXFSZ, SIG_IGN)
        let output = LogOutput.start(
            format: settings.common.logFormat, level: settings.common.logLevel, metadata: Self.logMetadata)
        defer { output.flush() }
        let logger = Logger(label: name)
        for warning in settings.common.warnings {
            logger.warning("Configuration", metadata: ["warning": "\(warning)"])
        }
        do {
            try await serve(settings, logger: logger)
        } catch let failure as ServiceFailure {
            logger.critical("\(failure.description)", metadata: ["exit_code": "\(failure.exit.rawValue)"])
            output.flush()
            throw ExitCode(failure.exit.rawValue)
        } catch {
            logger.critical("Ended by an error", metadata: ["error": "\(error)"])
            output.flush()
            throw ExitCode.failure
        }
    }

    private func loadSettings(_ name: String) throws -> Settings {
        do throws(SettingsError) {
            let settings = try Settings.load(from: .process())
            guard Self.problems.isEmpty else {
                throw SettingsError(problems: Self.problems, warnings: settings.common.warnings)
            }
            return settings
        } catch {
            // Those of the program are among them already if the settings are good.
            let problems = error.problems + Self.problems.filter { !error.problems.contains($0) }
            let report = CheckReport.text(of: name, problems: problems, warnings: error.warnings)
            if options.check { print(report) } else { StandardError.write(report) }
            throw ExitCode(ProcessExit.configuration.rawValue)
        }
    }
}

/// How the outcome of a check of the configuration is told.
public enum CheckReport {
    /// One line for each problem and warning, or one that all is well.
    public static func text(of program: String, problems: [String] = [], warnings: [String] = []) -> String {
        var lines = problems.map { "\(program): \($0)" }
        lines += warnings.map { "\(program): warning: \($0)" }
        if problems.isEmpty { lines.append("\(program): the configuration is good") }
        return lines.joined(separator: "\n")
    }
}

/// Standard error, for what is told before logging has started.
public enum StandardError {
    /// Writes a text and a line break.
    public static func write(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
