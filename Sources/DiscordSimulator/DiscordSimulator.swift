import ArgumentParser
import Shared

@main
struct DiscordSimulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "olim-simulator", version: Version.current)

    func run() async throws {}
}
