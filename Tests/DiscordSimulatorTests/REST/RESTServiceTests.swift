import NIOCore
import Shared
import Testing

@testable import DiscordSimulator

@Suite struct RESTServiceTests {
    let bench: RESTBench

    init() throws {
        bench = try RESTBench()
    }

    @Test(arguments: [
        (nil, 403), ("", 403), ("curl/8.0", 403), ("DiscordBot", 403), ("DiscordBot (https://example.org)", 403),
        ("DiscordBot (https://example.org, 1.0)", 200),
        ("DiscordBot (https://github.com/Rapptz/discord.py 2.7.1) Python/3.11 aiohttp/3.14", 200),
        ("DiscordBot (https://example.org, 1.0) extra", 200),
    ])
    func `the user agent must have Discord's form`(agent: String?, status: Int) {
        var headers = [("Authorization", "Bot \(RESTBench.token)")]
        if let agent { headers.append(("User-Agent", agent)) }
        let answer = bench.call("GET", "/users/@me", headers: headers)
        #expect(answer.status == status)
        if status == 403 { #expect(answer.body["code"] == 40333) }
    }

    @Test(arguments: [(nil, 403), ("Python/3.11 aiohttp/3.14.5", 404)])
    func `where the path carries the credential any name will do`(agent: String?, status: Int) {
        let headers = [("Content-Type", "application/json")] + (agent.map { [("User-Agent", $0)] } ?? [])
        #expect(bench.call("POST", "/interactions/1/2/callback", ["type": 5], headers: headers).status == status)
    }

    @Test(arguments: [nil, "", "Bot wrong", "Bearer \(RESTBench.token)", RESTBench.token])
    func `a missing or wrong token is unauthorised and counts`(authorization: String?) {
        var headers = [("User-Agent", RESTBench.agent)]
        if let authorization { headers.append(("Authorization", authorization)) }
        let answer = bench.call("GET", "/users/@me", headers: headers)
        #expect(answer.status == 401)
        #expect(answer.body == ["message": "401: Unauthorized", "code": 0])
        #expect(bench.service.limits.invalidRequests == 1)
    }

    @Test func `GET gateway needs no token`() {
        let answer = bench.call("GET", "/gateway", headers: [("User-Agent", RESTBench.agent)])
        #expect(answer.status == 200)
        #expect(answer.body == ["url": "ws://127.0.0.1:1"])
    }

    @Test func `GET gateway bot tells the identify budget`() {
        let answer = bench.call("GET", "/gateway/bot")
        #expect(answer.status == 200)
        #expect(answer.body["shards"] == 1)
        #expect(
            answer.body["session_start_limit"] == [
                "total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1,
            ])
    }

    @Test(arguments: [
        ("GET", "/nothing", 404, 0), ("DELETE", "/gateway", 405, 0), ("GET", "/channels/abc", 400, 50035),
        ("GET", "/channels/1", 404, 10003), ("GET", "/guilds/1", 404, 10004),
        ("GET", "/guilds/888832427022221319/members/1", 404, 10013),
        ("GET", "/channels/888832427026415627", 403, 50001), ("GET", "/users/5", 404, 10013),
        ("GET", "/channels/888832427026415625/messages?limit=101", 400, 50035),
        ("GET", "/channels/888832427026415625/messages?limit=x", 400, 50035),
        ("GET", "/channels/888832427026415625/messages?limit=5", 200, 0),
        ("GET", "/users/@me/guilds/5/member", 403, 20001), ("GET", "/voice/regions", 501, 0),
    ])
    func `paths and queries are checked`(method: String, path: String, status: Int, code: Int) {
        let answer = bench.call(method, path)
        #expect(answer.status == status)
        if status != 200 { #expect(answer.body["code"]?.int == code) }
    }

    @Test func `another version of the API is refused`() {
        let request = RESTRequest(
            method: "GET", target: "/api/v6/users/@me",
            headers: [(name: "User-Agent", value: RESTBench.agent)])
        let answer = bench.service.answer(request, at: bench.now)
        #expect(answer.status == 400)
        #expect(RESTBench.json(answer)["code"] == 50041)
    }

    @Test func `a body that is not JSON and a wrong content type are told apart`() {
        let path = "\(RESTService.basePath)/channels/\(RESTBench.general)/messages"
        for (type, code) in [("application/json", 50109), ("text/plain", 50035)] {
            let request = RESTRequest(
                method: "POST", target: path,
                headers: [
                    (name: "User-Agent", value: RESTBench.agent),
                    (name: "Authorization", value: "Bot \(RESTBench.token)"), (name: "content-type", value: type),
                ], body: ByteBuffer(string: "{"))
            let answer = bench.service.answer(request, at: bench.now)
            #expect(answer.status == 400)
            #expect(RESTBench.json(answer)["code"]?.int == code)
        }
    }

    @Test func `every answer has Via, and those with a limit have its headers`() {
        let answer = bench.send("POST", "/channels/\(RESTBench.general)/messages", ["content": "a"])
        let names = Set(answer.headers.map(\.name))
        #expect(
            names.isSuperset(of: [
                "Via", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Reset-After",
                "X-RateLimit-Bucket", "Content-Type",
            ]))
        #expect(!names.contains("Retry-After"))
    }

    @Test func `the sixth message in five seconds is too much`() {
        for _ in 0..<5 {
            #expect(bench.call("POST", "/channels/\(RESTBench.general)/messages", ["content": "a"]).status == 200)
        }
        let answer = bench.send("POST", "/channels/\(RESTBench.general)/messages", ["content": "a"])
        #expect(answer.status == 429)
        #expect(
            RESTBench.json(answer) == [
                "message": "You are being rate limited.", "retry_after": 5.0, "global": false,
            ])
        #expect(answer.headers.contains(RateLimitModel.Header("X-RateLimit-Scope", "user")))
        #expect(answer.headers.contains(RateLimitModel.Header("Via", "1.1 google")))
        #expect(bench.events("MESSAGE_CREATE").count == 5)
    }

    @Test(arguments: [
        (RESTFault.Kind.status(502, .before), 502, 0, false), (.status(500, .after), 500, 1, false),
        (.reset(.before), 502, 0, true), (.reset(.after), 200, 1, true), (.delay(2_000_000), 200, 1, false),
        (.cloudflare, 429, 0, false), (.limit(.shared, retryAfter: 2_500_000, code: 20028), 429, 0, false),
        (.limit(.global, retryAfter: 400_000, code: nil), 429, 0, false),
    ])
    func `a fault strikes once, before or after the request is carried out`(
        kind: RESTFault.Kind, status: Int, messages: Int, resets: Bool
    ) {
        bench.service.faults.add(RESTFault(kind: kind, operations: ["create_message"]))
        #expect(bench.call("GET", "/users/@me").status == 200)
        let answer = bench.send("POST", "/channels/\(RESTBench.general)/messages", ["content": "a"])
        #expect(answer.status == status)
        #expect(answer.resetsConnection == resets)
        #expect(answer.delay == (kind == .delay(2_000_000) ? 2_000_000 : 0))
        #expect(bench.events("MESSAGE_CREATE").count == messages)
        #expect(bench.call("POST", "/channels/\(RESTBench.general)/messages", ["content": "a"]).status == 200)
    }

    @Test func `a ban by Cloudflare is HTML without any of Discord's headers, and stays`() {
        bench.service.limits.configuration.invalid = .init(3, perMilliseconds: 600_000)
        for _ in 0..<3 { bench.call("GET", "/users/@me", headers: [("User-Agent", RESTBench.agent)]) }
        let answer = bench.send("GET", "/users/@me")
        #expect(answer.status == 429)
        #expect(!answer.headers.contains { $0.name == "Via" || $0.name.hasPrefix("X-RateLimit") })
        #expect(String(buffer: answer.body).hasPrefix("<!DOCTYPE html>"))
        bench.wait(milliseconds: 61_000)
        #expect(bench.call("GET", "/users/@me").status == 200)
        #expect(bench.service.statistics.bans == 1)
    }

    @Test func `refusals are reported with their reason`() {
        bench.call("POST", "/channels/\(RESTBench.general)/messages", ["content": 5])
        #expect(bench.service.statistics.refusals.count == 1)
        #expect(bench.service.statistics.refusals.first?.contains("create_message: 400/50035") == true)
        #expect(bench.service.statistics.requests == ["create_message": 1])
    }

    @Test(arguments: [
        (#"{"kind":"status","status":502,"when":"after","operation":"create_message","count":3}"#, true),
        (#"{"kind":"reset"}"#, true), (#"{"kind":"delay","ms":20}"#, true),
        (#"{"kind":"rate_limit","scope":"shared","retry_after_ms":1500,"code":20028,"count":null}"#, true),
        (#"{"kind":"cloudflare","path":"/channels/"}"#, true), (#"{"kind":"status"}"#, false),
        (#"{"kind":"status","status":200}"#, false), (#"{"kind":"reset","when":"later"}"#, false), ("{}", false),
        (#"{"kind":"delay","ms":-1}"#, false), (#"{"kind":"rate_limit","scope":"route"}"#, false),
    ])
    func `orders for faults are read strictly`(order: String, isValid: Bool) throws {
        let json = try JSON(ofText: order)
        if isValid {
            _ = try RESTFault(json)
        } else {
            #expect(throws: RESTFaultError.self) { try RESTFault(json) }
        }
    }
}
