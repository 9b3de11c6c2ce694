import Shared
import TestKit

@testable import WorkerProcess

/// `/dice roll [sides]` rolls a die, with a button to roll it again; `/dice kinds` names dice.
struct DiceCommand: Command {
    private static let sides = CommandOption<Int>.integer(
        "sides", "How many sides the die has", range: 2...1000
    ).completed

    private static let kinds = [4, 6, 8, 10, 12, 20, 100]

    let declaration = CommandDeclaration(
        name: "dice", description: "Dice for your games",
        subcommands: [
            SubcommandDeclaration(name: "roll", description: "Rolls a die", options: [sides.declaration]),
            SubcommandDeclaration(name: "kinds", description: "Names dice", isEphemeral: true),
        ])

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        switch invocation.subcommand {
        case "roll": .message(Self.roll(invocation[Self.sides] ?? 6, for: invocation))
        default: .text(Self.kinds.map { "d\($0)" }.joined(separator: ", "))
        }
    }

    func complete(_ completion: Completion, _ services: Services) async throws -> [OptionChoice] {
        Self.kinds.map { "\($0)" }.filter { $0.hasPrefix(completion.typed) }.map { OptionChoice($0) }
    }

    func press(_ press: ComponentPress, _ services: Services) async throws -> Reply {
        // Written by us, but perhaps by another release.
        guard let sides = Int(press.id[0]), (2...1000).contains(sides) else {
            return .hint(press.invocation.language(.outdatedMessage))
        }
        return .update(Self.roll(sides, for: press.invocation))
    }

    /// The event decides, so that the die falls the same way if the event is delivered again.
    private static func roll(_ sides: Int, for invocation: Invocation) -> OutgoingMessage {
        var generator = SeededGenerator(seed: UInt64(invocation.event.rawValue))
        var message = OutgoingMessage("🎲 \(Int.random(in: 1...sides, using: &generator)) / \(sides)")
        message.components = [
            Button.row([Button(id: ComponentID("dice", owner: invocation.user, "\(sides)"), label: "🎲")])
        ]
        return message
    }
}
