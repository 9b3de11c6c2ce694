import Shared
import Testing

@Suite struct SimulationTests {
    /// The release build has the million; debug builds, which also check themselves, are ten times slower.
    private static var steps: Int {
        #if DEBUG
            10_000
        #else
            100_000
        #endif
    }

    @Test(arguments: UInt64(1)...10, QueueDurability.allCases)
    func `Whatever goes wrong, the promises hold`(seed: UInt64, durability: QueueDurability) throws {
        try Simulation(seed: seed, durability: durability).run(steps: Self.steps)
    }

    @Test func `A seed is a whole run`() throws {
        func digest() throws -> UInt64 {
            let simulation = Simulation(seed: 42, durability: .memory)
            try simulation.run(steps: 20_000)
            return simulation.world.trace.digest
        }
        #expect(try digest() == digest())
    }
}
