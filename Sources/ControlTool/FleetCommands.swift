internal import ArgumentParser
internal import Shared

struct WorkersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Tell workers what to do.", subcommands: [Drain.self])

    struct Drain: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask the workers of that name to finish what they hold and end.",
            discussion: "Whether they come back is up to whoever supervises them.")

        @Argument(help: "The name, as `status` shows it.")
        var name: String

        @OptionGroup var options: ControlOptions

        func perform() throws(ControlFailure) -> String {
            let result = try options.connect().request("workers.drain", ["name": .string(name)])
            let count = result.value["count"]?.int ?? 0
            return options.json
                ? JSON.object([.init("count", .integer(count))]).text
                : "\(Words.count(count, "worker is", "workers are")) asked to drain"
        }
    }
}

struct ShardsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shards", abstract: "Tell shards what to do.", subcommands: [Reidentify.self])

    struct Reidentify: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Start a shard's session anew, when it lives but no longer gets all events.",
            discussion:
                "It costs one of the day's identifies, and what Discord has not sent yet is lost with the old session.")

        @Argument(help: "The shard's number.")
        var id: Int

        @OptionGroup var options: ControlOptions

        func perform() throws(ControlFailure) -> String {
            _ = try options.connect().request("shards.reidentify", ["id": .integer(id)])
            return options.json ? JSON.object([.init("id", .integer(id))]).text : "shard \(id) identifies anew"
        }
    }
}
