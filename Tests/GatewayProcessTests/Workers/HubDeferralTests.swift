internal import NIOCore
internal import Shared
internal import Synchronization
internal import TestKit
internal import Testing

@testable internal import GatewayProcess

@Suite(.serialized) struct HubDeferralTests {
    private func head(_ id: UInt64, name: String = "config") -> InteractionHead {
        // As if this machine's clock were behind Discord's, so that a slow test run makes no interaction too old.
        let soon = UInt64(WallClock.now() / 1000) + 60_000
        let snowflake = Snowflake((soon - Snowflake.epochMilliseconds) << 22 | id)
        return InteractionHead(id: snowflake, token: "tok", kind: .command, name: name, hasMessage: false)
    }

    private func dispatch(_ harness: HubHarness, _ head: InteractionHead) async throws {
        try await harness.dispatch(
            "INTERACTION_CREATE", key: QueueKey(keyClass: .interaction, number: head.id.rawValue), interaction: head)
    }

    @Test func `With no worker there the gateway defers, and the next worker is told`() async throws {
        try await HubHarness.run({ $0.deferAfter = .milliseconds(150) }) { harness in
            try await dispatch(harness, head(1))
            try await eventually("the call") { harness.callback.calls.withLock { $0.count == 1 } }
            let call = try #require(harness.callback.calls.withLock { $0.first })
            #expect(call.type == 5 && call.isEphemeral && call.token == "tok")
            try await harness.eventually("the outcome") { $0["counters"]?["deferred"]?.int == 1 }
            let (worker, _) = try await harness.worker()
            #expect(try await worker.frame("event")["deferred"]?.bool == true)
        }
    }

    @Test func `What a worker acknowledges in time is left alone`() async throws {
        try await HubHarness.run({ $0.deferAfter = .milliseconds(300) }) { harness in
            let (worker, _) = try await harness.worker()
            try await dispatch(harness, head(1))
            let event = try await worker.frame("event")
            #expect(event["deferred"] == nil)
            try worker.send(#"{"op":"ack","ids":[\#(event["id"]?.int ?? 0)]}"#)
            // A second one that nobody acknowledges shows that the first one's time is over.
            try await dispatch(harness, head(2))
            try await eventually("the second's call") { harness.callback.calls.withLock { !$0.isEmpty } }
            #expect(harness.callback.calls.withLock { $0.map(\.interaction.rawValue) }.allSatisfy { $0 & 3 == 2 })
        }
    }

    @Test(arguments: [
        (DeferralPolicy.Outcome.ambiguous, true), (.refused("404"), false), (.deferred, true),
    ])
    func `An ambiguous outcome counts as deferred, a refusal does not`(
        outcome: DeferralPolicy.Outcome, isDeferred: Bool
    ) async throws {
        try await HubHarness.run({ $0.deferAfter = .milliseconds(100) }) { harness in
            harness.callback.outcome.withLock { $0 = outcome }
            try await dispatch(harness, head(1))
            try await harness.eventually("the outcome") {
                ($0["counters"]?["deferred"]?.int ?? 0) + ($0["counters"]?["deferrals_failed"]?.int ?? 0) == 1
            }
            let (worker, _) = try await harness.worker()
            #expect(try await worker.frame("event")["deferred"]?.bool ?? false == isDeferred)
        }
    }

    @Test func `What could not be sent is tried again`() async throws {
        try await HubHarness.run({ $0.deferAfter = .milliseconds(100) }) { harness in
            harness.callback.outcome.withLock { $0 = .unreachable("refused") }
            try await dispatch(harness, head(1))
            try await eventually("a second call") { harness.callback.calls.withLock { $0.count >= 2 } }
            harness.callback.outcome.withLock { $0 = .deferred }
            try await harness.eventually("the deferral") { $0["counters"]?["deferred"]?.int == 1 }
        }
    }
}
