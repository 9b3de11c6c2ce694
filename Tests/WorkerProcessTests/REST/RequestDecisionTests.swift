import NIOCore
import Shared
import Testing

@testable import WorkerProcess

@Suite struct RetryPolicyTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let failure: RetryPolicy.Failure
        let harmless: Bool
        let harmful: Bool
        var testDescription: String { "\(failure)" }
    }

    /// The table of Discord's answers and what follows from them.
    @Test(arguments: [
        Row(failure: .notSent, harmless: true, harmful: true), Row(failure: .unknown, harmless: true, harmful: false),
        Row(failure: .answered(status: 500), harmless: true, harmful: false),
        Row(failure: .answered(status: 502), harmless: true, harmful: true),
        Row(failure: .answered(status: 503), harmless: true, harmful: true),
        Row(failure: .answered(status: 504), harmless: true, harmful: false),
        Row(failure: .answered(status: 520), harmless: true, harmful: false),
        Row(failure: .answered(status: 524), harmless: true, harmful: false),
        Row(failure: .answered(status: 400), harmless: false, harmful: false),
        Row(failure: .answered(status: 401), harmless: false, harmful: false),
        Row(failure: .answered(status: 403), harmless: false, harmful: false),
        Row(failure: .answered(status: 404), harmless: false, harmful: false),
        Row(failure: .answered(status: 405), harmless: false, harmful: false),
        Row(failure: .answered(status: 413), harmless: false, harmful: false),
    ])
    func `What may have been carried out is repeated only if that is harmless`(_ row: Row) {
        let policy = RetryPolicy()
        #expect((policy.delay(after: row.failure, attempts: 1, .harmless, random: 0.5) != nil) == row.harmless)
        #expect((policy.delay(after: row.failure, attempts: 1, .harmful, random: 0.5) != nil) == row.harmful)
    }

    @Test func `Waits double, differ by chance, and end with the attempts`() {
        let policy = RetryPolicy()
        #expect(policy.delay(after: .notSent, attempts: 1, .harmless, random: 0.5) == .seconds(1))
        #expect(policy.delay(after: .notSent, attempts: 2, .harmless, random: 0.5) == .seconds(2))
        #expect(policy.delay(after: .notSent, attempts: 3, .harmless, random: 0) == .seconds(3))
        #expect(policy.delay(after: .notSent, attempts: 4, .harmless, random: 0.5) == nil)
    }
}

@Suite struct RateLimitAnswerTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var headers: [String: String] = [:]
        var retryAfter: Double?
        var isGlobal = false
        let scope: RateLimitAnswer.Scope
        let wait: Duration
        var testDescription: String { name }
    }

    @Test(arguments: [
        Row(
            name: "user", headers: ["X-RateLimit-Scope": "user", "Via": "1.1 google"], retryAfter: 1.337, scope: .user,
            wait: .milliseconds(1337)),
        Row(
            name: "shared: retry_after, not the window",
            headers: ["X-RateLimit-Scope": "shared", "X-RateLimit-Reset-After": "64.57"], retryAfter: 1336.57,
            scope: .shared, wait: .milliseconds(1_336_570)),
        Row(name: "global by body", retryAfter: 0.412, isGlobal: true, scope: .global, wait: .milliseconds(412)),
        Row(
            name: "global by header", headers: ["X-RateLimit-Global": "true"], retryAfter: 1, scope: .global,
            wait: .seconds(1)),
        Row(
            name: "Discord's without a body", headers: ["Via": "1.1 google", "Retry-After": "3"], scope: .user,
            wait: .seconds(3)),
        Row(name: "no scope", retryAfter: 2, scope: .user, wait: .seconds(2)),
        Row(name: "Cloudflare", headers: ["Content-Type": "text/html"], scope: .address, wait: .zero),
        Row(name: "Cloudflare with a time", headers: ["Retry-After": "900"], scope: .address, wait: .seconds(900)),
        Row(name: "nonsense", retryAfter: .infinity, scope: .user, wait: .zero),
        Row(name: "far too long", retryAfter: 1e300, scope: .user, wait: .seconds(86_400)),
        Row(name: "negative", retryAfter: -5, scope: .user, wait: .zero),
    ])
    func `A 429 is about whom its headers and body say`(_ row: Row) {
        let answer = RateLimitAnswer(status: 429, code: nil, retryAfter: row.retryAfter, isGlobal: row.isGlobal) {
            row.headers[$0]
        }
        #expect(answer.limited?.scope == row.scope)
        #expect(answer.limited?.retryAfter == row.wait)
    }

    @Test func `Windows are read from whole sets of headers only`() {
        var headers = [
            "X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "1.5",
            "X-RateLimit-Reset": "1786041063.337", "X-RateLimit-Bucket": "b",
        ]
        let read = { RateLimitAnswer(status: 200, code: nil, retryAfter: nil, isGlobal: false) { headers[$0] } }
        #expect(
            read().window
                == .init(
                    limit: 5, remaining: 4, resetAfter: .milliseconds(1500), reset: 1_786_041_063.337, bucket: "b"))
        headers["X-RateLimit-Limit"] = "many"
        #expect(read().window == nil)
        headers["X-RateLimit-Limit"] = "0"
        headers["X-RateLimit-Reset"] = "nan"
        #expect(read().window?.limit == 1)
        #expect(read().window?.reset == nil)
    }
}

@Suite struct InteractionDeadlineTests {
    @Test(arguments: [
        (0, 3000 as Int?), (1000, 2000), (2500, 1000), (4000, 1000), (14_999, 1000), (15_000, nil), (899_999, nil),
        (900_000, 3000), (-60_000, 3000),
    ])
    func `What is left of three seconds, with patience for clocks that differ`(_ age: Int, _ left: Int?) {
        let made = Snowflake(1 << 62)
        let now = Int64(made.millisecondsSince1970) + Int64(age)
        #expect(
            InteractionDeadline().remaining(of: made, wallClock: now) == left.map { Duration.milliseconds($0) })
    }
}

@Suite struct MessageBodyTests {
    @Test(arguments: [
        (String(repeating: "a", count: 2000), String(repeating: "a", count: 2000)),
        (String(repeating: "a", count: 2001), String(repeating: "a", count: 1999) + "…"),
        // A family is one character to its readers and 11 units to UTF-16.
        (
            String(repeating: "👨‍👩‍👧‍👦", count: 182),
            String(repeating: "👨‍👩‍👧‍👦", count: 181) + "…"
        ),
        ("", ""),
    ])
    func `A text that is too long is cut between characters`(_ text: String, _ expected: String) {
        let fitting = MessageBody.fitting(text)
        #expect(fitting == expected)
        #expect(fitting.utf16.count <= 2000)
    }

    @Test func `Every message says whom it may ping`() {
        var message = OutgoingMessage("@everyone <@1>")
        message.pings = (0..<200).map { Snowflake($0 / 2) }
        let bodies: [JSON] = [
            MessageBody.creation(message, nonce: "n"), MessageBody.edit(message),
            MessageBody.callback(.message(message))["data"] ?? .null,
            MessageBody.callback(.update(message))["data"] ?? .null,
        ]
        for body in bodies {
            #expect(body["allowed_mentions"]?["parse"] == [])
            #expect(body["allowed_mentions"]?["users"]?.elements?.count == 100)
            #expect(body["allowed_mentions"]?["replied_user"] == false)
        }
    }

    @Test func `Answers have the types Discord names`() {
        var secret = OutgoingMessage("x")
        secret.isEphemeral = true
        #expect(MessageBody.callback(.message(secret))["data"]?["flags"] == 64)
        #expect(MessageBody.callback(.message(OutgoingMessage("x")))["data"]?["flags"] == nil)
        #expect(MessageBody.callback(.deferredMessage(ephemeral: false)) == ["type": 5])
        #expect(MessageBody.callback(.deferredUpdate) == ["type": 6])
        let choices = MessageBody.callback(.autocomplete((0..<30).map { ["name": "n", "value": .integer($0)] }))
        #expect(choices["type"] == 8)
        #expect(choices["data"]?["choices"]?.elements?.count == 25)
        #expect(MessageBody.callback(.modal(["title": "t"])) == ["type": 9, "data": ["title": "t"]])
    }

    @Test func `An edit takes away what the new message lacks`() {
        let body = MessageBody.edit(OutgoingMessage())
        #expect(body["content"] == .null)
        #expect(body["embeds"] == [])
        #expect(body["components"] == [])
    }
}

@Suite struct RouteTests {
    @Test func `A token from outside can neither leave its place in the path nor be printed`() {
        let route = Route.callback(
            of: InteractionReference(id: Snowflake(1), applicationID: Snowflake(2), token: "a/../b?c#d é"))
        #expect(route.path == "/interactions/1/a%2F..%2Fb%3Fc%23d%20%C3%A9/callback")
        #expect("\(route)" == "POST /interactions/{interaction_id}/{interaction_token}/callback")
        var dumped = ""
        dump(route, to: &dumped)
        #expect(!dumped.contains("%2F"))
        #expect(!String(reflecting: route).contains("%2F"))
    }
}

@Suite struct ErrorBodyTests {
    @Test func `JSON counts only where the content type says so`() {
        let body = ByteBuffer(string: #"{"code":1,"message":"m","retry_after":0.5,"global":true}"#)
        #expect(ErrorBody(body, contentType: "text/html") == ErrorBody())
        #expect(ErrorBody(body, contentType: nil) == ErrorBody())
        let read = ErrorBody(body, contentType: "Application/JSON; charset=utf-8")
        #expect(read.code == 1 && read.message == "m" && read.retryAfter == 0.5 && read.isGlobal)
    }

    @Test func `Errors nested without end are followed only so far`() {
        let deep = String(repeating: #"{"a":"#, count: 500) + "1" + String(repeating: "}", count: 500)
        let body = ByteBuffer(string: #"{"code":50035,"errors":"# + deep + "}")
        #expect(ErrorBody(body, contentType: "application/json").code == 50035)
    }
}
