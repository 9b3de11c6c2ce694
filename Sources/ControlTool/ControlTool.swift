import ArgumentParser
import Shared

@main
struct ControlTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "olimctl", version: Version.current)

    func run() async throws {}
}
