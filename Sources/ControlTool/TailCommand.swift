internal import ArgumentParser
internal import Shared

struct TailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Show events as the gateway receives them, until interrupted.",
        discussion: "It shows no content unless asked to, because that is what members wrote.")

    @Option(help: "Only these events, separated by commas, such as MESSAGE_CREATE.")
    var events: String?

    @Option(help: "Only the guild of this id.")
    var guild: String?

    @Flag(help: "Show the events' content too.")
    var content = false

    @OptionGroup var options: ControlOptions

    func run() throws {
        try ending { () throws(ControlFailure) in
            let connection = try options.connect()
            try connection.send("tail", arguments)
            while true { try show(try connection.nextResult(within: nil)) }
        }
    }

    private var arguments: JSON {
        .compact([
            "events": events.map { names in .array(names.split(separator: ",").map { .string(String($0)) }) },
            "guild": guild.map(JSON.string),
            "content": .bool(content),
        ])
    }

    private func show(_ result: ControlResult) throws(ControlFailure) {
        if let skipped = result.value["skipped"]?.int {
            StandardError.write(
                "olimctl: \(Words.count(skipped, "event was", "events were")) left out: too fast for this reader")
        }
        guard let event = result.value["event"] else { return }
        Output.write(options.json ? try result.raw("event") : TailText.line(event))
    }
}

/// An event for people.
enum TailText {
    static func line(_ event: JSON) -> String {
        var line = event["received_at"]?.int.map(Words.time) ?? "?"
        line += " shard \(event["shard"]?.int ?? 0) \(event["t"]?.string ?? "?") \(event["key"]?.string ?? "?")"
        line += " id \(event["id"]?.int ?? 0)"
        if let bytes = event["bytes"]?.int { line += " \(Words.size(bytes))" }
        return Words.line(line) + (event["d"].map { " \($0.text)" } ?? "")
    }
}
