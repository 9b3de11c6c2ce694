import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Shared
import Synchronization
import Testing

@testable import WorkerProcess

/// A client and a server that follows a script, for the length of a test.
private struct Bench {
    let server: ScriptedServer
    let client: DiscordRESTClient

    static let token = "bot-token-secret"
    static let html: [(String, String)] = [("Content-Type", "text/html")]
    static let channel = Snowflake(42)
    static let message: JSON = ["id": "1"]

    static func run(
        _ script: @escaping ScriptedServer.Script, adjust: (inout DiscordRESTClient.Options) -> Void = { _ in },
        body: (Bench) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer.start(script: script)
        var options = DiscordRESTClient.Options(
            baseURL: "http://127.0.0.1:\(server.port)/api/v10", token: Secret(token))
        options.retryPolicy.firstDelay = .milliseconds(10)
        // Tests run beside others on few cores: time is only short where that is the point.
        options.callbackAttemptTimeout = .seconds(10)
        options.interactionDeadline.limit = .seconds(30)
        adjust(&options)
        let client = try DiscordRESTClient(options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let result: Result<Void, any Error>
        do { result = .success(try await body(Bench(server: server, client: client))) } catch {
            result = .failure(error)
        }
        await client.shutdown()
        await server.stop()
        try result.get()
    }

    /// An interaction made so long ago.
    static func interaction(age: Duration = .zero) -> InteractionReference {
        let now = Int64(Date().timeIntervalSince1970 * 1000) - Int64(age.inSeconds * 1000)
        let id = UInt64(now - Int64(Snowflake.epochMilliseconds)) << 22
        return InteractionReference(id: Snowflake(id), applicationID: Snowflake(7), token: "interaction-token-secret")
    }

    static func limited(
        _ scope: String, _ retryAfter: Double, global: Bool = false, resetAfter: Double? = nil
    ) -> ScriptedServer.Reaction {
        var headers = [("X-RateLimit-Scope", scope), ("Via", "1.1 google"), ("Retry-After", "1")]
        if let resetAfter {
            headers += [
                ("X-RateLimit-Limit", "5"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Bucket", "b"),
                ("X-RateLimit-Reset-After", "\(resetAfter)"), ("X-RateLimit-Reset", "1700000000.5"),
            ]
        }
        return .json(
            429, ["message": "limited", "retry_after": .double(retryAfter), "global": .bool(global)], headers: headers)
    }

    func send(_ text: String = "hello", nonce: String = "n1") async throws(DiscordAPIError) {
        try await client.createMessage(in: Self.channel, OutgoingMessage(text), nonce: nonce)
    }

    /// The error of a call that must fail.
    func failure(
        _ place: SourceLocation = #_sourceLocation,
        of call: (DiscordRESTClient) async throws(DiscordAPIError) -> Void
    ) async -> DiscordAPIError? {
        do {
            try await call(client)
            Issue.record("the call must fail", sourceLocation: place)
            return nil
        } catch {
            #expect(!error.description.contains("secret"), sourceLocation: place)
            return error
        }
    }

    func sendFailure(_ place: SourceLocation = #_sourceLocation) async -> DiscordAPIError? {
        await failure(place) { client throws(DiscordAPIError) in
            try await client.createMessage(in: Self.channel, OutgoingMessage("hello"), nonce: "n1")
        }
    }
}

@Suite struct DiscordRESTClientTests {
    @Test func `A message goes out as Discord asks, with nonce and without pings`() async throws {
        try await Bench.run({ _, _ in .json(200, Bench.message) }) { bench in
            var message = OutgoingMessage("hi @everyone")
            message.replyTo = Snowflake(5)
            message.pings = [Snowflake(8), Snowflake(8)]
            try await bench.client.createMessage(in: Bench.channel, message, nonce: "n1")
            let request = try #require(bench.server.requests.first)
            #expect(request.method == "POST")
            #expect(request.path == "/api/v10/channels/42/messages")
            #expect(request.headers["Authorization"] == ["Bot \(Bench.token)"])
            #expect(request.headers["Content-Type"] == ["application/json"])
            let agent = try #require(request.headers.first(name: "User-Agent"))
            #expect(agent.wholeMatch(of: /DiscordBot \(https:\/\/[^ ,]+, \d+\.\d+\.\d+\)/) != nil)
            #expect(
                JSON(parsing: ByteBuffer(string: request.body)) == [
                    "content": "hi @everyone",
                    "allowed_mentions": ["parse": [], "users": ["8"], "replied_user": false],
                    "message_reference": ["message_id": "5", "fail_if_not_exists": false],
                    "nonce": "n1", "enforce_nonce": true,
                ])
            #expect(try #require(bench.client.lastRoundTripMilliseconds) >= 0)
        }
    }

    @Test func `Routes on an interaction's token bear no authorization`() async throws {
        try await Bench.run({ _, _ in .answer(204) }) { bench in
            let interaction = Bench.interaction()
            try await bench.client.respond(to: interaction, with: .deferredMessage(ephemeral: true))
            try await bench.client.editOriginalResponse(of: interaction, to: OutgoingMessage("done"))
            let requests = bench.server.requests
            #expect(requests.map(\.method) == ["POST", "PATCH"])
            #expect(requests[0].path == "/api/v10/interactions/\(interaction.id)/interaction-token-secret/callback")
            #expect(requests[1].path == "/api/v10/webhooks/7/interaction-token-secret/messages/@original")
            #expect(requests.allSatisfy { !$0.headers.contains(name: "Authorization") })
            #expect(JSON(parsing: ByteBuffer(string: requests[0].body)) == ["type": 5, "data": ["flags": 64]])
        }
    }

    @Test func `Commands are read whole and overwritten in one request`() async throws {
        let commands: JSON = [["name": "ping", "description": String(repeating: "x", count: 300_000)].asJSON]
        try await Bench.run({ request, _ in
            request.method == "GET" ? .json(200, commands) : .json(200, [])
        }) { bench in
            let read = try await bench.client.globalCommands(of: Snowflake(7))
            #expect(read == commands)
            try await bench.client.overwriteGlobalCommands(of: Snowflake(7), with: commands)
            #expect(
                bench.server.requests.map(\.path) == [
                    "/api/v10/applications/7/commands?with_localizations=true", "/api/v10/applications/7/commands",
                ])
            #expect(bench.server.requests[1].body == commands.text)
        }
    }

    @Test(arguments: [
        (Bench.limited("user", 0.2, resetAfter: 0.2), RateLimitAnswer.Scope.user),
        (Bench.limited("shared", 0.2, resetAfter: 64), .shared),
        (Bench.limited("global", 0.2, global: true), .global),
    ])
    func `A 429 is waited out and the same message sent again`(
        _ limited: ScriptedServer.Reaction, _ scope: RateLimitAnswer.Scope
    ) async throws {
        try await Bench.run({ _, number in number == 1 ? limited : .json(200, Bench.message) }) { bench in
            let start = ContinuousClock.now
            try await bench.send()
            #expect(ContinuousClock.now - start >= .milliseconds(200))
            let bodies = bench.server.requests.map(\.body)
            #expect(bodies.count == 2 && bodies[0] == bodies[1])
            #expect(bench.client.counters.limited == [scope: 1])
            #expect(bench.client.counters.retries == 1)
        }
    }

    @Test func `A shared 429 on one channel leaves the others alone`() async throws {
        try await Bench.run({ request, _ in
            request.path.contains("/42/") ? Bench.limited("shared", 3600) : .json(200, Bench.message)
        }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == .unavailable)
            #expect((error?.retryAfter ?? .zero) > .seconds(3500))
            try await bench.client.createMessage(in: Snowflake(43), OutgoingMessage("x"), nonce: "n2")
            #expect(bench.server.requests.count == 2)
        }
    }

    @Test func `A ban by Cloudflare stops everything at once`() async throws {
        try await Bench.run({ _, _ in .answer(429, headers: Bench.html, body: "<html>error 1015</html>") }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == .unavailable)
            let late = await bench.failure { client throws(DiscordAPIError) in
                try await client.respond(to: Bench.interaction(), with: .deferredUpdate)
            }
            #expect(late?.kind == .unavailable)
            #expect((late?.retryAfter ?? .zero) > .seconds(250))
            #expect(bench.server.requests.count == 1)
            #expect(bench.client.counters.limited == [.address: 1])
        }
    }

    @Test(arguments: [
        ScriptedServer.Reaction.answer(502, headers: Bench.html, body: "<html>Bad Gateway</html>"),
        .answer(500), .answer(503), .answer(504), .answer(520), .reset, .silence,
    ])
    func `A failure that may pass is tried again with the same nonce`(_ reaction: ScriptedServer.Reaction) async throws
    {
        var timeout = Duration.seconds(10)
        if case .silence = reaction { timeout = .milliseconds(300) }
        try await Bench.run(
            { _, number in number <= 2 ? reaction : .json(200, Bench.message) },
            adjust: { $0.attemptTimeout = timeout }
        ) { bench in
            try await bench.send()
            let bodies = bench.server.requests.map(\.body)
            #expect(bodies.count == 3)
            #expect(Set(bodies).count == 1)
        }
    }

    @Test func `An outage that lasts ends as unavailable after four attempts`() async throws {
        try await Bench.run({ _, _ in .answer(502, headers: Bench.html, body: "<html>") }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == .unavailable)
            #expect(error?.status == 502)
            #expect(error?.retryAfter != nil)
            #expect(bench.server.requests.count == 4)
        }
    }

    @Test(arguments: [
        (ScriptedServer.Reaction.answer(500), true), (.answer(502), true), (.answer(503), true), (.reset, true),
        (.silence, true), (.json(403, ["code": 50013]), false), (Bench.limited("shared", 3600), false),
    ])
    func `An error says whether Discord may have done it all the same`(
        _ reaction: ScriptedServer.Reaction, _ mayHaveBeenCarriedOut: Bool
    ) async throws {
        var timeout = Duration.seconds(60)
        if case .silence = reaction { timeout = .milliseconds(100) }
        try await Bench.run({ _, _ in reaction }, adjust: { $0.attemptTimeout = timeout }) { bench in
            #expect(await bench.sendFailure()?.mayHaveBeenCarriedOut == mayHaveBeenCarriedOut)
        }
    }

    @Test func `What came before a refusal is not forgotten`() async throws {
        try await Bench.run({ _, number in number == 1 ? .reset : .json(403, ["code": 50013]) }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == .rejected)
            #expect(error?.mayHaveBeenCarriedOut == true)
        }
    }

    @Test func `After its last moment a message is not sent any more, also not a second time`() async throws {
        try await Bench.run({ _, _ in .answer(502) }) { bench in
            let late = await bench.failure { client throws(DiscordAPIError) in
                try await client.createMessage(
                    in: Bench.channel, OutgoingMessage("x"), nonce: "n", until: .now - .seconds(1))
            }
            #expect(late?.kind == .unavailable)
            #expect(late?.mayHaveBeenCarriedOut == false)
            #expect(bench.server.requests.isEmpty)
        }
        // The first attempt is let; the wait before the second would be longer than the time left.
        try await Bench.run(
            { _, _ in .answer(502) }, adjust: { $0.retryPolicy.firstDelay = .seconds(86_400) }
        ) { bench in
            let error = await bench.failure { client throws(DiscordAPIError) in
                try await client.createMessage(
                    in: Bench.channel, OutgoingMessage("x"), nonce: "n", until: .now + .seconds(3600))
            }
            #expect(error?.mayHaveBeenCarriedOut == true)
            #expect(bench.server.requests.count == 1)
        }
    }

    @Test func `The id of a message is told, if the answer says it`() async throws {
        let reactions: [ScriptedServer.Reaction] = [
            .json(200, ["id": "77"]), .cutOff(200, body: #"{"id":"78""#), .json(404, ["code": 10008]),
        ]
        try await Bench.run({ _, number in reactions[number - 1] }) { bench in
            var ids: [Snowflake?] = []
            for number in 1...3 {
                ids.append(
                    try await bench.client.createMessage(in: Bench.channel, OutgoingMessage("x"), nonce: "n\(number)"))
            }
            #expect(ids == [Snowflake(77), nil, nil])
        }
    }

    // MARK: Asking what became of something

    @Test func `Messages of a channel are read, oldest first, as far as they can be`() async throws {
        let messages: JSON = [
            [
                "id": "9", "author": ["id": "2"], "content": "b", "embeds": [["title": "t"], ["description": "d"]],
                "message_reference": ["message_id": "5", "channel_id": "42"],
            ],
            ["id": "8", "author": ["id": "1"], "message_reference": ["type": 1, "message_id": "5"]],
            ["id": "x", "author": ["id": "1"]], ["id": "10"],
        ]
        try await Bench.run({ _, _ in .json(200, messages) }) { bench in
            let read = try await bench.client.messages(in: Bench.channel, after: Snowflake(7), limit: 100)
            #expect(
                read == [
                    ChannelMessage(id: Snowflake(8), author: Snowflake(1), content: ""),
                    ChannelMessage(
                        id: Snowflake(9), author: Snowflake(2), content: "b", embedTexts: ["t", "d"],
                        repliesTo: Snowflake(5)),
                ])
            let request = try #require(bench.server.requests.first)
            #expect(request.method == "GET")
            #expect(request.path == "/api/v10/channels/42/messages?after=7&limit=100")
            #expect(request.headers["Authorization"] == ["Bot \(Bench.token)"])
        }
    }

    @Test func `The bot's own user is asked for once`() async throws {
        try await Bench.run({ _, _ in .json(200, ["id": "9", "username": "olim"]) }) { bench in
            for _ in 0..<2 {
                let user = try await bench.client.ownUser()
                #expect(user == Snowflake(9))
            }
            #expect(bench.server.requests.map(\.path) == ["/api/v10/users/@me"])
        }
    }

    @Test(arguments: [(128, true), (128 | 64, true), (64, false), (0, false)])
    func `A first answer is a deferral as long as it is loading`(_ flags: Int, _ isLoading: Bool) async throws {
        try await Bench.run({ _, _ in .json(200, ["id": "1", "flags": .integer(flags)]) }) { bench in
            let interaction = Bench.interaction()
            let found = try await bench.client.isOriginalResponseLoading(of: interaction)
            #expect(found == isLoading)
            let request = try #require(bench.server.requests.first)
            #expect(request.path == "/api/v10/webhooks/7/interaction-token-secret/messages/@original")
            #expect(!request.headers.contains(name: "Authorization"))
        }
    }

    @Test func `An answer that is not what was asked for is no answer`() async throws {
        try await Bench.run({ _, _ in .json(200, ["no": "list"]) }) { bench in
            let error = await bench.failure { client throws(DiscordAPIError) in
                _ = try await client.messages(in: Bench.channel, after: Snowflake(7), limit: 100)
            }
            #expect(error?.kind == .unavailable)
            let other = await bench.failure { client throws(DiscordAPIError) in _ = try await client.ownUser() }
            #expect(other?.kind == .unavailable)
        }
    }

    @Test func `Nobody listening is unavailable`() async throws {
        // Nobody listens on port 1 (tcpmux); a free port could be taken by another test's server.
        try await Bench.run({ _, _ in .reset }, adjust: { $0.baseURL = "http://127.0.0.1:1/api/v10" }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == .unavailable)
            #expect(error?.status == nil)
            #expect(error?.description.contains("Connection refused") == true)
            #expect(error?.mayHaveBeenCarriedOut == false)
        }
    }

    @Test func `A slow answer is no failure`() async throws {
        try await Bench.run({ _, _ in .json(200, Bench.message, after: .milliseconds(200)) }) { bench in
            try await bench.send()
            #expect(bench.server.requests.count == 1)
        }
    }

    struct Meaning: Sendable, CustomTestStringConvertible {
        let status: Int
        let code: Int?
        let kind: DiscordAPIError.Kind
        var testDescription: String { "\(status) \(code ?? -1)" }
    }

    @Test(arguments: [
        Meaning(status: 400, code: 50035, kind: .rejected), Meaning(status: 403, code: 50013, kind: .rejected),
        Meaning(status: 404, code: 10003, kind: .rejected), Meaning(status: 401, code: 0, kind: .unauthorized),
        Meaning(status: 401, code: 50014, kind: .unauthorized), Meaning(status: 401, code: 50027, kind: .tooLate),
        Meaning(status: 413, code: 40005, kind: .rejected), Meaning(status: 400, code: 130_000, kind: .unavailable),
        Meaning(status: 403, code: nil, kind: .rejected), Meaning(status: 302, code: nil, kind: .rejected),
    ])
    func `A refusal on a channel is final, and means what its code says`(_ meaning: Meaning) async throws {
        try await Bench.run({ _, _ in
            .json(meaning.status, .compact(["code": meaning.code.map { .integer($0) }, "message": "no"]))
        }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == meaning.kind)
            #expect(error?.status == meaning.status)
            #expect(error?.code == meaning.code)
            #expect(error?.description.hasPrefix("POST /channels/{channel_id}/messages: status") == true)
            #expect(bench.server.requests.count == 1)
        }
    }

    @Test(arguments: [
        Meaning(status: 400, code: 40060, kind: .alreadyAnswered), Meaning(status: 404, code: 10062, kind: .tooLate),
        Meaning(status: 401, code: 50027, kind: .tooLate), Meaning(status: 401, code: 0, kind: .rejected),
        Meaning(status: 404, code: 10015, kind: .rejected),
    ])
    func `A refused first answer means what its code says`(_ meaning: Meaning) async throws {
        try await Bench.run({ _, _ in .json(meaning.status, ["code": .integer(meaning.code ?? 0)]) }) { bench in
            let error = await bench.failure { client throws(DiscordAPIError) in
                try await client.respond(to: Bench.interaction(), with: .message(OutgoingMessage("x")))
            }
            #expect(error?.kind == meaning.kind)
            #expect(bench.server.requests.count == 1)
            // None of this says anything of the bot's own token.
            let other = await bench.sendFailure()
            #expect(bench.server.requests.count == 2)
            #expect(other?.code == meaning.code)
        }
    }

    @Test(arguments: [
        Meaning(status: 404, code: 10015, kind: .notYetAnswered), Meaning(status: 401, code: 50027, kind: .tooLate),
        Meaning(status: 404, code: 10008, kind: .rejected),
    ])
    func `A refused edit means what its code says`(_ meaning: Meaning) async throws {
        try await Bench.run({ _, _ in .json(meaning.status, ["code": .integer(meaning.code ?? 0)]) }) { bench in
            for _ in 0..<2 {
                let error = await bench.failure { client throws(DiscordAPIError) in
                    try await client.editOriginalResponse(of: Bench.interaction(), to: OutgoingMessage("x"))
                }
                #expect(error?.kind == meaning.kind)
            }
        }
    }

    @Test func `A known nonce whose message was deleted counts as sent`() async throws {
        try await Bench.run({ _, _ in .json(404, ["code": 10008, "message": "Unknown Message"]) }) { bench in
            try await bench.send()
            try await bench.send(nonce: "n2")
            #expect(bench.server.requests.count == 2)
        }
    }

    @Test func `A channel that refuses for good is not asked again for a while`() async throws {
        try await Bench.run({ _, _ in .json(403, ["code": 50013, "message": "Missing Permissions"]) }) { bench in
            let first = await bench.sendFailure()
            let second = await bench.sendFailure()
            #expect(second?.kind == .rejected)
            #expect(second?.status == first?.status)
            #expect(second?.code == first?.code)
            #expect(bench.server.requests.count == 1)
            #expect(bench.client.counters.refused == 1)
        }
    }

    @Test func `After 401 no request bears the token any more`() async throws {
        try await Bench.run({ _, _ in .json(401, ["code": 0, "message": "401: Unauthorized"]) }) { bench in
            #expect(await bench.sendFailure()?.kind == .unauthorized)
            #expect(await bench.sendFailure()?.kind == .unauthorized)
            #expect(bench.server.requests.count == 1)
        }
    }

    @Test func `A first answer is repeated at once, within its three seconds`() async throws {
        try await Bench.run(
            { _, number in
                number == 1 ? .silence : number == 2 ? .answer(502) : .answer(204)
            }, adjust: { $0.callbackAttemptTimeout = .milliseconds(300) }
        ) { bench in
            try await bench.client.respond(to: Bench.interaction(), with: .message(OutgoingMessage("x")))
            #expect(bench.server.requests.count == 3)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `A first answer that gets nowhere gives up when its three seconds are over`() async throws {
        let adjust = { (options: inout DiscordRESTClient.Options) in
            options.callbackAttemptTimeout = .seconds(86_400)
            options.interactionDeadline = InteractionDeadline()
        }
        try await Bench.run({ _, _ in .silence }, adjust: adjust) { bench in
            let start = ContinuousClock.now
            let error = await bench.failure { client throws(DiscordAPIError) in
                try await client.respond(to: Bench.interaction(age: .milliseconds(1500)), with: .deferredUpdate)
            }
            #expect(error?.kind == .unavailable)
            #expect(error?.mayHaveBeenCarriedOut == true)
            #expect(ContinuousClock.now - start >= .seconds(1))
        }
    }

    @Test func `An interaction that is far too old costs no request`() async throws {
        try await Bench.run({ _, _ in .answer(204) }) { bench in
            let error = await bench.failure { client throws(DiscordAPIError) in
                try await client.respond(to: Bench.interaction(age: .seconds(60)), with: .deferredUpdate)
            }
            #expect(error?.kind == .tooLate)
            #expect(bench.server.requests.isEmpty)
        }
    }

    @Test func `A first answer does not wait behind the global limit`() async throws {
        try await Bench.run(
            { request, _ in
                request.path.contains("/channels/") ? Bench.limited("global", 30, global: true) : .answer(204)
            }, adjust: { $0.maximumWait = .seconds(10) }
        ) { bench in
            #expect(await bench.sendFailure()?.kind == .unavailable)
            try await bench.client.respond(to: Bench.interaction(), with: .deferredUpdate)
            try await bench.client.editOriginalResponse(of: Bench.interaction(), to: OutgoingMessage("x"))
        }
    }

    @Test func `Broken, cut off and huge error bodies are survived`() async throws {
        let reactions: [ScriptedServer.Reaction] = [
            .answer(400, headers: [("Content-Type", "application/json")], body: #"{"code":500"#),
            .cutOff(400, body: #"{"code":50035,"message":"Inv"#),
            .answer(400, headers: Bench.html, body: String(repeating: "<p>", count: 1 << 20)),
            .answer(400, headers: [("Content-Type", "application/json")], body: "[1,2,3]"),
            .answer(400),
        ]
        try await Bench.run({ _, number in reactions[(number - 1) % reactions.count] }) { bench in
            for _ in reactions {
                let error = await bench.sendFailure()
                #expect(error?.kind == .rejected)
                #expect(error?.status == 400)
                #expect(error?.code == nil)
            }
        }
    }

    @Test func `A success whose body breaks off is a success`() async throws {
        try await Bench.run({ _, _ in .cutOff(200, body: #"{"id":"#) }) { bench in
            try await bench.send()
            #expect(bench.server.requests.count == 1)
        }
    }

    @Test func `A web page is no success, whatever its status`() async throws {
        try await Bench.run({ _, _ in .answer(200, headers: Bench.html, body: "<html>Sign in</html>") }) { bench in
            let error = await bench.sendFailure()
            #expect(error?.kind == .unavailable)
            #expect(bench.server.requests.count == 4)
        }
    }

    @Test func `A list of commands that breaks off is asked for again`() async throws {
        try await Bench.run({ _, number in number == 1 ? .cutOff(200, body: "[") : .json(200, []) }) { bench in
            let read = try await bench.client.globalCommands(of: Snowflake(7))
            #expect(read == [])
            #expect(bench.server.requests.count == 2)
        }
    }

    @Test func `Discord's own words and the fields at fault are in the error`() async throws {
        let body: JSON = [
            "message": "Invalid Form Body", "code": 50035,
            "errors": ["embeds": ["0": ["title": ["_errors": [["code": "X", "message": "Too long.\nReally."]]]]]],
        ]
        try await Bench.run({ _, _ in .json(400, body) }) { bench in
            let error = await bench.sendFailure()
            #expect(
                error?.description == """
                    POST /channels/{channel_id}/messages: status 400, code 50035, Invalid Form Body \
                    (embeds.0.title: Too long. Really.)
                    """)
        }
    }

    @Test func `Whoever waits for a limit tells its observer`() async throws {
        let notices = Mutex(0)
        try await Bench.run({ _, number in number == 1 ? Bench.limited("user", 0.1) : .json(200, Bench.message) }) {
            bench in
            let observer = WaitObserver { _ in notices.withLock { $0 += 1 } }
            try await WaitObserver.$current.withValue(observer) { try await bench.send() }
            #expect(notices.withLock { $0 } >= 1)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `A cancelled call ends at once, waiting or under way`() async throws {
        let adjust = { (options: inout DiscordRESTClient.Options) in
            options.attemptTimeout = .seconds(86_400)
            options.maximumWait = .seconds(86_400)
        }
        try await Bench.run({ _, _ in .silence }, adjust: adjust) { bench in
            let calls = (0..<3).map { number in
                Task { await bench.sendFailure() }
            }
            while bench.server.requests.isEmpty { await Task.yield() }
            for call in calls { call.cancel() }
            for call in calls { #expect(await call.value?.kind == .unavailable) }
        }
    }

    @Test func `A nonce that Discord would refuse is refused here`() async throws {
        try await Bench.run({ _, _ in .json(200, Bench.message) }) { bench in
            let error = await bench.failure { client throws(DiscordAPIError) in
                try await client.createMessage(
                    in: Bench.channel, OutgoingMessage("x"), nonce: String(repeating: "n", count: 26))
            }
            #expect(error?.kind == .rejected)
            #expect(bench.server.requests.isEmpty)
        }
    }

    @Test func `A hundred calls on one channel keep to its windows`() async throws {
        let model = Mutex((used: 0, end: ContinuousClock.now, exceeded: 0))
        try await Bench.run({ _, _ in
            let (used, left) = model.withLock { model in
                if model.end <= .now { model = (0, .now + .milliseconds(200), model.exceeded) }
                model.used += 1
                if model.used > 20 { model.exceeded += 1 }
                return (model.used, (model.end - .now).inSeconds)
            }
            return .json(
                200, Bench.message,
                headers: [
                    ("X-RateLimit-Limit", "20"), ("X-RateLimit-Remaining", "\(max(0, 20 - used))"),
                    ("X-RateLimit-Reset-After", "\(left)"), ("X-RateLimit-Bucket", "b"),
                    ("X-RateLimit-Reset", "\(Date().timeIntervalSince1970 + left)"),
                ])
        }) { bench in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        do { try await bench.send(nonce: "n\(number)") } catch { Issue.record(error) }
                    }
                }
            }
            #expect(bench.server.requests.count == 100)
            #expect(model.withLock { $0.exceeded } == 0)
        }
    }
}

@Suite struct DiscordRESTClientTLSTests {
    private func client(_ server: ScriptedServer, authority: String?) throws -> DiscordRESTClient {
        var options = DiscordRESTClient.Options(
            baseURL: "https://localhost:\(server.port)/api/v10/", token: Secret("t"))
        options.certificateFile = authority
        options.retryPolicy = RetryPolicy(maximumAttempts: 2, firstDelay: .milliseconds(10))
        return try DiscordRESTClient(options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `A server under the configured authority is trusted`() async throws {
        let certificates = try await TestCertificates.shared.value
        let server = try await ScriptedServer.start(certificates: certificates) { _, _ in .json(200, ["id": "1"]) }
        let client = try client(server, authority: certificates.authority)
        try await client.createMessage(in: Snowflake(1), OutgoingMessage("x"), nonce: "n")
        #expect(server.requests.first?.path == "/api/v10/channels/1/messages")
        await client.shutdown()
        await server.stop()
    }

    @Test func `A server under an unknown authority is not, and sees no request`() async throws {
        let server = try await ScriptedServer.start(certificates: TestCertificates.shared.value) { _, _ in .answer(204)
        }
        let client = try client(server, authority: nil)
        do {
            try await client.createMessage(in: Snowflake(1), OutgoingMessage("x"), nonce: "n")
            Issue.record("the certificate must not be accepted")
        } catch {
            #expect(error.kind == .unavailable)
            #expect(error.description.contains("TLS"))
        }
        #expect(server.requests.isEmpty)
        await client.shutdown()
        await server.stop()
    }

    @Test func `A file without certificates is one clear line`() async throws {
        #expect(throws: RESTSetupError("DISCORD_CA_FILE: no certificates in PEM form can be read from /dev/null")) {
            var options = DiscordRESTClient.Options(baseURL: "https://localhost", token: Secret("t"))
            options.certificateFile = "/dev/null"
            _ = try DiscordRESTClient(options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
    }
}

extension [String: String] {
    fileprivate var asJSON: JSON { .object(sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) }) }
}
