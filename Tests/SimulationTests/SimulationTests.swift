import Shared
import Testing

@Suite struct SimulationTests {
    @Test(arguments: UInt64(1)...10, QueueDurability.allCases)
    func `Whatever goes wrong, the promises hold`(seed: UInt64, durability: QueueDurability) throws {
        try Simulation(seed: seed, durability: durability).run(steps: 50_000)
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
