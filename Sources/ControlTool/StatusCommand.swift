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
