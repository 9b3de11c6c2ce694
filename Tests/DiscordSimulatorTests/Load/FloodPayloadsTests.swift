import NIOCore
import Shared
import Testing

@testable import DiscordSimulator

@Suite struct FloodPayloadsTests {
    private static let now = 1_764_000_000_000_000

    private static func payloads(guilds: Int = 100, count: Int = 4000) -> [FloodPayloads.Payload] {
        let application = Founding.application(token: "token", allowedIntents: Application.privilegedIntents)
        let world = World(
            application: application,
            identifyBudget: IdentifyBudget(total: 1000, maxConcurrency: 1), recommendedShards: 1,
            limits: TimeLimits(), seed: 1, clock: { now })
        var founding = Founding(seed: 1)
        founding.populate(world, plan: .init(guilds: guilds, members: 20, channels: 3))
        return FloodPayloads(world: world, count: count, seed: 7, now: now).payloads
    }

    @Test func `payloads are distinct, and of the sizes seen at real bots`() {
        let payloads = Self.payloads()
        #expect(Set(payloads.map(\.data)).count == 4000)
        let sizes = payloads.map(\.data.readableBytes).sorted()
        let mean = sizes.reduce(0, +) / sizes.count
        #expect((1300...1800).contains(mean), "mean \(mean), median \(sizes[2000]), p95 \(sizes[3800])")
        #expect((2000...3600).contains(sizes[3800]), "mean \(mean), median \(sizes[2000]), p95 \(sizes[3800])")
    }

    @Test func `a payload is a message of the guild it is counted for`() throws {
        for payload in Self.payloads(count: 200) {
            let message = try JSON(ofText: payload.data)
            #expect(message["guild_id"]?.string == payload.guild.description)
            #expect(message["author"]?["id"]?.string.flatMap { Snowflake($0) } != nil)
            #expect(message["content"]?.string?.isEmpty == false)
        }
    }

    @Test func `a few guilds say most, as Zipf has it`() {
        let counts = Dictionary(Self.payloads().map { ($0.guild, 1) }, uniquingKeysWith: +).values.sorted(by: >)
        #expect(counts.count > 80)
        #expect(counts[0] > 10 * counts[50])
    }
}
