import Shared
import Testing

@testable import DiscordSimulator

@Suite struct RESTOrdersTests {
    private func json(_ text: String) throws -> JSON {
        try JSON(ofText: text)
    }

    @Test func `limits are changed as ordered`() throws {
        var limits = RateLimitModel.Configuration()
        try limits.apply(
            json(
                #"{"global":{"requests":3,"ms":100},"routes":{"create_message":null,"get_guild":{"requests":1,"ms":10}}}"#
            ))
        #expect(limits.global == .init(3, perMilliseconds: 100))
        #expect(limits.routes["create_message"] == .some(nil))
        #expect(limits.routes["get_guild"] == .init(1, perMilliseconds: 10))
        #expect(limits.routes["update_message"] == .init(5, perMilliseconds: 5000))
    }

    @Test func `all limits can be lifted`() throws {
        var limits = RateLimitModel.Configuration()
        try limits.apply(["unlimited": true])
        var model = RateLimitModel(configuration: limits)
        let request = RateLimitModel.Request(
            bucket: "create_message", resource: "channel_id=1", identity: "bot", isExemptFromGlobal: false)
        for _ in 0..<1000 { #expect(model.admit(request, at: 1) == .pass([])) }
    }

    @Test(arguments: [
        #"{"global":5}"#, #"{"global":{"requests":0,"ms":1}}"#, #"{"routes":{"a":{"requests":1}}}"#, #"{"other":1}"#,
        #"{"ban_ms":-1}"#,
    ])
    func `an order that makes no sense changes nothing`(order: String) throws {
        var limits = RateLimitModel.Configuration()
        #expect(throws: RESTOrderError.self) { try limits.apply(try json(order)) }
        #expect(limits.global == .init(50, perMilliseconds: 1000))
    }

    @Test func `the report has counts by operation, status and reason`() throws {
        let bench = try RESTBench()
        bench.call("GET", "/users/@me")
        bench.call("GET", "/channels/1")
        let report = bench.service.report
        #expect(report["requests"] == ["get_channel": 1, "get_my_user": 1])
        #expect(report["statuses"] == ["200": 1, "404": 1])
        #expect(report["refusals"] == ["GET get_channel: 404/10003 Unknown Channel"])
    }
}
