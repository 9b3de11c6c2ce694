import Testing

@testable import DiscordSimulator

@Suite struct RateLimitModelTests {
    private static let start = 1_786_041_062_000_000

    private func model(_ limit: RateLimitModel.Limit?, global: Int = 50) -> RateLimitModel {
        var configuration = RateLimitModel.Configuration()
        configuration.routes = ["create_message": limit]
        configuration.global = .init(global, perMilliseconds: 1000)
        return RateLimitModel(configuration: configuration)
    }

    private func request(
        _ channel: Int = 1, exempt: Bool = false, bucket: String = "create_message"
    ) -> RateLimitModel.Request {
        .init(bucket: bucket, resource: "channel_id=\(channel)", identity: "bot", isExemptFromGlobal: exempt)
    }

    private func header(_ name: String, _ decision: RateLimitModel.Decision) -> String? {
        switch decision {
        case .pass(let headers): headers.first { $0.name == name }?.value
        case .limited(let refusal): refusal.headers.first { $0.name == name }?.value
        }
    }

    @Test func `a window counts down and starts anew when it has passed`() {
        var model = model(.init(2, perMilliseconds: 5000))
        let steps: [(after: Int, remaining: String?, resetAfter: String?, isLimited: Bool)] = [
            (0, "1", "5.000", false),
            (1_000_001, "0", "4.000", false),
            (2_000_000, "0", "3.000", true),
            (4_999_999, "0", "0.001", true),
            (5_000_000, "1", "5.000", false),
        ]
        for step in steps {
            let decision = model.admit(request(), at: Self.start + step.after)
            #expect(header("X-RateLimit-Remaining", decision) == step.remaining)
            #expect(header("X-RateLimit-Reset-After", decision) == step.resetAfter)
            if case .limited = decision { #expect(step.isLimited) } else { #expect(!step.isLimited) }
        }
    }

    @Test func `a refusal names its scope and rounds Retry-After up to whole seconds`() {
        var model = model(.init(1, perMilliseconds: 1337))
        _ = model.admit(request(), at: Self.start)
        let decision = model.admit(request(), at: Self.start)
        guard case .limited(let refusal) = decision else {
            Issue.record("the second request passed")
            return
        }
        #expect(refusal.scope == .user)
        #expect(refusal.retryAfter == 1_337_000)
        #expect(header("Retry-After", decision) == "2")
        #expect(header("X-RateLimit-Scope", decision) == "user")
        #expect(header("X-RateLimit-Global", decision) == nil)
        #expect(header("X-RateLimit-Reset", decision) == "1786041063.337")
        #expect(header("X-RateLimit-Limit", decision) == "1")
    }

    @Test func `resources of one bucket have the same id and separate counts`() {
        var model = model(.init(1, perMilliseconds: 5000))
        let first = model.admit(request(1), at: Self.start)
        let second = model.admit(request(2), at: Self.start)
        #expect(header("X-RateLimit-Bucket", first) == header("X-RateLimit-Bucket", second))
        #expect(header("X-RateLimit-Remaining", second) == "0")
        guard case .limited = model.admit(request(1), at: Self.start) else {
            Issue.record("the first channel's second request passed")
            return
        }
    }

    @Test func `the global limit refuses without bucket headers and spares interactions`() {
        var model = model(nil, global: 2)
        #expect(model.admit(request(), at: Self.start) == .pass([]))
        #expect(model.admit(request(), at: Self.start) == .pass([]))
        #expect(model.admit(request(exempt: true), at: Self.start) == .pass([]))
        let decision = model.admit(request(), at: Self.start + 400_000)
        guard case .limited(let refusal) = decision else {
            Issue.record("the third request passed")
            return
        }
        #expect(refusal.scope == .global)
        #expect(refusal.retryAfter == 600_000)
        #expect(header("X-RateLimit-Global", decision) == "true")
        #expect(header("X-RateLimit-Bucket", decision) == nil)
        #expect(model.admit(request(), at: Self.start + 1_000_000) == .pass([]))
    }

    @Test func `a shared refusal may show requests left`() {
        var model = model(.init(10, perMilliseconds: 5000))
        _ = model.admit(request(), at: Self.start)
        let refusal = model.refuse(request(), scope: .shared, retryAfter: 1_336_570_000, code: 20028, at: Self.start)
        let decision = RateLimitModel.Decision.limited(refusal)
        #expect(header("X-RateLimit-Remaining", decision) == "9")
        #expect(header("X-RateLimit-Scope", decision) == "shared")
        #expect(header("X-RateLimit-Reset-After", decision) == "5.000")
        #expect(header("Retry-After", decision) == "1337")
        #expect(refusal.code == 20028)
    }

    @Test(arguments: [
        (401, false, true), (403, false, true), (429, false, true), (429, true, false), (404, false, false),
        (200, false, false),
    ])
    func `enough invalid requests end in a ban`(status: Int, isShared: Bool, isBanned: Bool) {
        var model = RateLimitModel()
        model.configuration.invalid = .init(3, perMilliseconds: 600_000)
        for second in 0..<3 { _ = model.note(status: status, isShared: isShared, at: Self.start + second * 1_000_000) }
        #expect(model.isBanned(at: Self.start + 3_000_000) == isBanned)
        #expect(model.isBanned(at: Self.start + 63_000_000) == false)
        #expect(model.invalidRequests == (isBanned ? 3 : 0))
    }

    @Test func `invalid requests of long ago are forgotten`() {
        var model = RateLimitModel()
        model.configuration.invalid = .init(2, perMilliseconds: 600_000)
        #expect(model.note(status: 403, isShared: false, at: Self.start) == false)
        #expect(model.note(status: 403, isShared: false, at: Self.start + 600_000_000) == false)
        #expect(model.note(status: 403, isShared: false, at: Self.start + 600_000_001) == true)
    }
}
