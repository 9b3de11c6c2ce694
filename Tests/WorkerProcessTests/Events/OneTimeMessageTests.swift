import Shared
import Testing

@testable import WorkerProcess

/// One message, whoever asks for it, however often and however late.
@Suite struct OneTimeMessageTests {
    private static let channel = Snowflake(77)
    private static let asked = Snowflake(millisecondsSince1970: ProcessClock.wallMicroseconds / 1000 - 1000)

    private let api = FakeDiscord()
    private let store = FakeStore()

    private static func message(
        _ text: String = "Pong!", in channel: Snowflake = channel, trace: MessageTrace = .text
    ) -> OneTimeMessage {
        var message = OutgoingMessage(text)
        if case .reply(let id) = trace { message.replyTo = id }
        return OneTimeMessage(nonce: "nonce", channel: channel, message: message, trace: trace)
    }

    /// What each worker has: services of its own, one Discord and one database.
    private func send(_ message: OneTimeMessage = message()) async throws -> Snowflake? {
        try await message.send(.fake(api, store))
    }

    /// What ends a worker between Discord's answer and the record of it.
    private func dieAfterSending(_ message: OneTimeMessage = message()) async {
        api.failAfterwards(FakeDiscord.error(.unavailable, mayHaveBeenCarriedOut: true))
        await #expect(throws: DiscordAPIError.self) { try await send(message) }
        #expect(api.messages.count == 1)
        #expect(!store.isSent("nonce"))
    }

    @Test func `it is sent and recorded, and asked for again it costs no request`() async throws {
        let first = try await send()
        #expect(first == api.ids.first)
        #expect(store.isSent("nonce"))
        api.forgetNonces()
        store.advance(by: .seconds(86_400))
        #expect(try await send() == first)
        #expect(api.calls.count == 1)
    }

    @Test func `one that may have been sent a moment ago is sent with the same nonce`() async throws {
        await dieAfterSending()
        store.advance(by: .seconds(59))
        #expect(try await send() == api.ids.first)
        #expect(api.messages.count == 1)
        #expect(store.isSent("nonce"))
    }

    @Test(arguments: [
        MessageTrace.text, .reply(to: asked), .mention(of: Snowflake(5)),
    ])
    func `one that was sent before Discord forgot its nonce is found in the channel`(trace: MessageTrace) async throws {
        let message = Self.message("Welcome, <@5>!", trace: trace)
        await dieAfterSending(message)
        // Before and behind it others have written, two pages of them.
        for number in 1...250 as ClosedRange<UInt64> {
            let id = Snowflake(Self.asked.rawValue + number << 15)
            api.add(ChannelMessage(id: id, author: Snowflake(1), content: "Welcome, <@5>!"), in: Self.channel)
        }
        api.forgetNonces()
        store.advance(by: .seconds(61))
        #expect(try await send(message) == api.ids.first)
        #expect(api.messages.count == 1)
        #expect(store.isSent("nonce"))
    }

    @Test func `one that was begun and never sent is sent when the channel shows that`() async throws {
        // Begun by a worker that died before its request went out.
        _ = try await store.beginMessage("nonce", in: Self.channel)
        api.add(ChannelMessage(id: Self.asked, author: Snowflake(1), content: "Pong!"), in: Self.channel)
        api.forgetNonces()
        store.advance(by: .seconds(61))
        #expect(try await send() == api.ids.first)
        #expect(api.messages.count == 1)
        #expect(store.isSent("nonce"))
    }

    @Test func `where the channel cannot be read nobody sees it twice, and it is told`() async throws {
        await dieAfterSending()
        api.hideHistory()
        api.forgetNonces()
        store.advance(by: .seconds(61))
        let services = Services.fake(api, store)
        #expect(try await Self.message().send(services) == nil)
        #expect(api.messages.count == 1)
        #expect(services.counters.current.unclear == 1)
    }

    @Test func `what certainly did not reach Discord leaves nothing to be looked for`() async throws {
        api.fail(FakeDiscord.error(.unavailable))
        await #expect(throws: DiscordAPIError.self) { try await send() }
        #expect(store.nonces.isEmpty)
        api.hideHistory()
        store.advance(by: .seconds(600))
        #expect(try await send() != nil)
    }

    @Test func `a second attempt that fails says nothing of the first`() async throws {
        await dieAfterSending()
        api.fail(FakeDiscord.error(.unavailable))
        await #expect(throws: DiscordAPIError.self) { try await send() }
        #expect(store.nonces == ["nonce"])
    }

    @Test func `it goes where it was begun, also if it is wanted elsewhere by now`() async throws {
        await dieAfterSending()
        _ = try await send(Self.message(in: Snowflake(78)))
        #expect(api.messages.map(\.channel) == [Self.channel])
    }

    @Test func `of two workers that find nothing one sends it`() async throws {
        guard case .new(let beginning) = try await store.beginMessage("nonce", in: Self.channel) else {
            Issue.record("there was a row")
            return
        }
        store.advance(by: .seconds(61))
        let (api, store) = (api, store)
        // The other one is first while this one looks through the channel.
        let slow = FakeDiscord {
            _ = try? await store.beginMessageAgain("nonce", in: Self.channel, after: beginning)
        }
        slow.add(ChannelMessage(id: Self.asked, author: Snowflake(1), content: "x"), in: Self.channel)
        let error = await #expect(throws: DiscordAPIError.self) {
            try await Self.message().send(.fake(slow, store))
        }
        #expect(error?.kind == .unavailable)
        #expect(slow.messages.isEmpty)
        _ = try await Self.message().send(.fake(api, store))
        #expect(api.messages.count == 1)
    }

    @Test func `while the database is down nothing is sent`() async throws {
        store.fail(FakeStore.error(.unavailable))
        await #expect(throws: StoreError.self) { try await send() }
        #expect(api.calls.isEmpty)
    }

    @Test func `a database that goes down before the record leaves the message to be met by its nonce`() async throws {
        let store = store
        let breaking = FakeDiscord { store.fail(FakeStore.error(.unavailable)) }
        await #expect(throws: StoreError.self) { try await Self.message().send(.fake(breaking, store)) }
        #expect(breaking.messages.count == 1)
        #expect(store.nonces == ["nonce"])
        #expect(!store.isSent("nonce"))
    }
}

@Suite struct MessageTraceTests {
    private static let me = Snowflake(9)

    private static func found(
        _ content: String, _ embeds: [String] = [], repliesTo: Snowflake? = nil
    ) -> ChannelMessage {
        ChannelMessage(id: Snowflake(1), author: me, content: content, embedTexts: embeds, repliesTo: repliesTo)
    }

    private static var message: OutgoingMessage {
        var message = OutgoingMessage("Good\u{200B} morning,\n**all**! 7 news")
        message.embeds = [["title": "Thursday", "description": "rain"], ["title": "", "color": 5]]
        return message
    }

    @Test func `a text is the same without what Discord strips`() {
        #expect(
            MessageTrace.text.recognises(
                Self.found("Good morning, all! 7 news ", ["Thursday", " rain", ""]), as: Self.message))
        #expect(MessageTrace.text.recognises(Self.found("👋 "), as: OutgoingMessage("👋")))
    }

    @Test(arguments: [
        found("Good morning, all! 8 news", ["Thursday", "rain", ""]), found("Good morning, all! 7 news"),
        found("Good morning, all! 7 news", ["Friday", "rain", ""]), found("", ["Thursday", "rain", ""]),
    ])
    func `another text is not`(message: ChannelMessage) {
        #expect(!MessageTrace.text.recognises(message, as: Self.message))
        #expect(!MessageTrace.text.recognises(Self.found("👋"), as: OutgoingMessage("🎉")))
    }

    @Test func `replies and mentions are recognised by what they are about`() {
        let trace = MessageTrace.reply(to: Snowflake(4))
        #expect(trace.recognises(Self.found("anything", repliesTo: Snowflake(4)), as: Self.message))
        #expect(!trace.recognises(Self.found("anything", repliesTo: Snowflake(5)), as: Self.message))
        #expect(!trace.recognises(Self.found("<@4>"), as: Self.message))
        #expect(MessageTrace.mention(of: Snowflake(4)).recognises(Self.found("a <@!4> b"), as: Self.message))
        #expect(!MessageTrace.mention(of: Snowflake(4)).recognises(Self.found("<@44> <@"), as: Self.message))
    }
}

@Suite struct MessageSearchTests {
    private static let begun: Int64 = 1_764_000_000_000_000

    private static func search(_ trace: MessageTrace) -> MessageSearch {
        MessageSearch(channel: Snowflake(1), message: OutgoingMessage("x"), trace: trace, begunAt: begun)
    }

    @Test func `it looks from before the beginning to behind the last request, by clocks that differ`() {
        let range = Self.search(.text).range
        #expect(range.first.millisecondsSince1970 == UInt64(Self.begun / 1000 - 300_000))
        #expect(range.last.millisecondsSince1970 == UInt64(Self.begun / 1000 + 420_000))
    }

    @Test func `a reply is looked for from what it replies to`() {
        let asked = Snowflake(millisecondsSince1970: Self.begun / 1000 - 86_400_000)
        #expect(Self.search(.reply(to: asked)).range.first.rawValue == asked.rawValue - 1)
    }

    @Test func `what others wrote later than the message could have been is not read`() async throws {
        let api = FakeDiscord()
        let behind = Self.search(.text).range.last.rawValue
        for number in 0..<5000 as Range<UInt64> {
            api.add(
                ChannelMessage(id: Snowflake(behind + number), author: Snowflake(1), content: "y"), in: Snowflake(1))
        }
        #expect(try await Self.search(.text).run(api) == .absent)
        #expect(api.calls.count == 2)
    }

    @Test func `a channel with too many messages in that time does not tell`() async throws {
        let api = FakeDiscord()
        let first = Self.search(.text).range.first.rawValue
        for number in 1...2001 as ClosedRange<UInt64> {
            api.add(ChannelMessage(id: Snowflake(first + number), author: Snowflake(1), content: "y"), in: Snowflake(1))
        }
        #expect(try await Self.search(.text).run(api) == .unknown)
    }

    @Test func `a channel without any message is one that cannot be read`() async throws {
        let api = FakeDiscord()
        #expect(try await Self.search(.text).run(api) == .unknown)
        api.add(ChannelMessage(id: Snowflake(5), author: Snowflake(1), content: "long ago"), in: Snowflake(1))
        #expect(try await Self.search(.text).run(api) == .absent)
    }
}
