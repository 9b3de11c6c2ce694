import ArgumentParser
import Shared

@main
struct WorkerProcess: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "olim-worker", version: Version.current)

    func run() async throws {}
}
