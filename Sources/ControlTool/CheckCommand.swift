internal import ArgumentParser
internal import Shared

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration of gateway and worker as it stands here: 0 good, 78 not.",
        discussion: "It connects to nothing. The environment and .env of the current directory count.")

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func run() throws {
        let source = SettingsSource.process()
        let findings = [
            Finding("olim-gateway") { () throws(SettingsError) in try GatewaySettings.load(from: source).warnings },
            Finding("olim-worker") { () throws(SettingsError) in try WorkerSettings.load(from: source).warnings },
        ]
        Output.write(json ? Finding.json(findings).text : Finding.text(findings))
        if findings.contains(where: { !$0.problems.isEmpty }) { throw ExitCode(ProcessExit.configuration.rawValue) }
    }

    /// What one program's settings came to.
    struct Finding: Equatable {
        let program: String
        let problems: [String]
        let warnings: [String]

        init(_ program: String, load: () throws(SettingsError) -> [String]) {
            self.program = program
            do throws(SettingsError) {
                warnings = try load()
                problems = []
            } catch {
                problems = error.problems
                warnings = error.warnings
            }
        }

        static func text(_ findings: [Finding]) -> String {
            findings.map { CheckReport.text(of: $0.program, problems: $0.problems, warnings: $0.warnings) }
                .joined(separator: "\n")
        }

        static func json(_ findings: [Finding]) -> JSON {
            .object(
                [.init("ok", .bool(findings.allSatisfy(\.problems.isEmpty)))]
                    + findings.map { finding in
                        .init(
                            finding.program,
                            [
                                "problems": .array(finding.problems.map(JSON.string)),
                                "warnings": .array(finding.warnings.map(JSON.string)),
                            ])
                    })
        }
    }
}
