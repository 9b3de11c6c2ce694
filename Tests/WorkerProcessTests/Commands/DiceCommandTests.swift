import Shared
import Testing

@testable import WorkerProcess

@Suite struct DiceCommandTests {
    private let api = FakeDiscord()
    private let handlers: EventHandlers

    init() {
        handlers = .standard(.fake(api, FakeStore(), commands: CommandList([DiceCommand()])))
    }

    @Test func `the declaration keeps Discord's rules`() {
        #expect(CommandRules.problems(with: [DiceCommand().declaration]) == [])
    }

    @Test func `a die is rolled, the same way if the event comes again`() async throws {
        let options: JSON = [["type": 1, "name": "roll", "options": [["type": 4, "name": "sides", "value": 20]]]]
        let call = Samples.interaction("dice", options: options)
        try await handlers.handle(call.data, as: Samples.frame("INTERACTION_CREATE"))
        let answer = try #require(api.answer(to: call.id))
        #expect(answer.content?.hasSuffix(" / 20") == true)
        try await handlers.handle(call.data, as: Samples.frame("INTERACTION_CREATE"))
        #expect(api.answer(to: call.id)?.content == answer.content)
    }
}
