import Shared
import Testing

#if DEBUG
    /// That the simulation can find what it is there for: each mistake must be noticed.
    @Suite struct MutationTests {
        /// Seeds and steps after which a mistake must have been noticed.
        private static let seeds: ClosedRange<UInt64> = 1...6
        private static let steps = 30_000

        @Test(arguments: Mutation.allCases)
        func `A mistake is noticed`(mutation: Mutation) {
            #expect(Self.notices(mutation), "\(mutation)")
        }

        private static func notices(_ mutation: Mutation) -> Bool {
            for seed in seeds {
                let simulation = Simulation(seed: seed, durability: durability(for: mutation))
                do {
                    try Mutation.$current.withValue(mutation) { try simulation.run(steps: steps) }
                } catch {
                    return true
                }
            }
            return false
        }

        /// A mode in which it can be made.
        private static func durability(for mutation: Mutation) -> QueueDurability {
            switch mutation {
            case .resumeFromUnsynced, .queueUnsynced: .fsync
            default: .journal
            }
        }
    }
#endif
