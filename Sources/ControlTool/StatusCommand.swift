internal import ArgumentParser
internal import Shared

struct StatusCommand: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show shards, queue and workers; what is wrong comes first.")

    @OptionGroup var options: ControlOptions

    func perform() throws(ControlFailure) -> String {
        let result = try options.connect().request("status")
        guard !options.json else { return try result.raw("status") }
        return StatusText.text(result.value["status"] ?? [:], isStyled: Style.isWelcome)
    }
}
