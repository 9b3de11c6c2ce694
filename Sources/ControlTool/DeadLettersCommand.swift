internal import ArgumentParser
internal import Shared

struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "Look at events that failed too often, and retry or discard them.",
        subcommands: [List.self, Show.self, Retry.self, Discard.self])

    struct List: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "List all dead letters, the oldest first.")

        @OptionGroup var options: ControlOptions

        func perform() throws(ControlFailure) -> String {
            let result = try options.connect().request("dead-letters.list")
            if options.json { return try result.raw("dead_letters") }
            return DeadLetterText.list(result.value["dead_letters"]?.elements ?? [])
        }
    }

    struct Show: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one dead letter with its event.",
            discussion: "The event may hold what members wrote.")

        @Argument(help: "Its id, as `list` shows it.")
        var id: Int

        @OptionGroup var options: ControlOptions

        func perform() throws(ControlFailure) -> String {
            let result = try options.connect().request("dead-letters.show", ["id": .integer(id)])
            if options.json { return try result.raw("dead_letter") }
            return DeadLetterText.letter(result.value["dead_letter"] ?? [:])
        }
    }

    struct Retry: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put dead letters back into the queue, as new events behind all of their key.")

        @OptionGroup var selection: Selection
        @OptionGroup var options: ControlOptions

        func perform() throws(ControlFailure) -> String {
            try selection.perform("dead-letters.retry", done: "back in the queue", options)
        }
    }

    struct Discard: ControlCommand {
        static let configuration = CommandConfiguration(abstract: "Delete dead letters for good.")

        @OptionGroup var selection: Selection
        @OptionGroup var options: ControlOptions

        func perform() throws(ControlFailure) -> String {
            try selection.perform("dead-letters.discard", done: "discarded", options)
        }
    }

    /// Which dead letters: their ids, or all of them.
    struct Selection: ParsableArguments {
        @Argument(help: "Their ids, as `list` shows them.")
        var ids: [Int] = []

        @Flag(help: "All of them.")
        var all = false

        func validate() throws {
            guard all != !ids.isEmpty else { throw ValidationError("Give either ids or --all.") }
        }

        func perform(_ action: String, done: String, _ options: ControlOptions) throws(ControlFailure) -> String {
            let ids: JSON = all ? "all" : .array(ids.map(JSON.integer))
            let result = try options.connect().request(action, ["ids": ids])
            let count = result.value["count"]?.int ?? 0
            return options.json
                ? JSON.object([.init("count", .integer(count))]).text : "\(Words.count(count, "dead letter")) \(done)"
        }
    }
}

/// Dead letters for people.
enum DeadLetterText {
    static func list(_ letters: [JSON]) -> String {
        guard !letters.isEmpty else { return "no dead letters" }
        var table = TextTable("id", "failed at", "event", "key", "failures", "last reason")
        for letter in letters {
            table.add(
                letter["id"]?.int.map { "\($0)" } ?? "?", letter["failed_at"]?.int.map(Words.time) ?? "?",
                Words.line(letter["t"]?.string ?? "?"), Words.line(letter["key"]?.string ?? "?"),
                letter["failures"]?.int.map { "\($0)" } ?? "?",
                Words.line(letter["reasons"]?.elements?.last?.string ?? "", atMost: 80))
        }
        return table.lines.joined(separator: "\n")
    }

    static func letter(_ letter: JSON) -> String {
        var lines = [
            "\(letter["t"]?.string ?? "?") \(letter["id"]?.int ?? 0) of \(letter["key"]?.string ?? "?")",
            "failed \(Words.count(letter["failures"]?.int ?? 0, "time")), last at "
                + (letter["failed_at"]?.int.map(Words.time) ?? "?"),
        ].map { Words.line($0) }
        lines += (letter["reasons"]?.elements ?? []).map { "  - \(Words.line($0.string ?? "", atMost: 2000))" }
        return (lines + [PrettyJSON.text(letter["frame"] ?? .null)]).joined(separator: "\n")
    }
}

/// JSON with a line for each value.
enum PrettyJSON {
    static func text(_ value: JSON, indentation: String = "") -> String {
        let deeper = indentation + "  "
        switch value {
        case .object(let members) where !members.isEmpty:
            let lines = members.map { member in
                "\(deeper)\(JSON.string(member.key).text): \(text(member.value, indentation: deeper))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indentation)}"
        case .array(let values) where !values.isEmpty:
            let lines = values.map { deeper + text($0, indentation: deeper) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indentation)]"
        default: return value.text
        }
    }
}
