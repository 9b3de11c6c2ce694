import ArgumentParser
import Shared

@main
struct GatewayProcess: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "olim-gateway", version: Version.current)

    func run() async throws {}
}
