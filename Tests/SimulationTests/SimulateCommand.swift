import Shared
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What `./olim simulate` asks for.
private enum Wanted {
    static func text(_ name: String) -> String? {
        getenv("OLIM_SIMULATION_\(name)").map { String(cString: $0) }
    }

    static func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }

    static var isAnything: Bool { number("STEPS") != nil }
}

/// What `./olim simulate` runs: one seed, or one after another, until a promise breaks or the steps are done.
@Suite(.enabled(if: Wanted.isAnything, "only for ./olim simulate"))
struct SimulateCommand {
    @Test func simulate() throws {
        let steps = Wanted.number("STEPS") ?? 0
        let first = Wanted.number("SEED").map { UInt64(bitPattern: Int64($0)) } ?? .random(in: 0...UInt64(Int.max))
        let durabilities =
            Wanted.text("DURABILITY").flatMap { QueueDurability(rawValue: $0) }.map { [$0] } ?? QueueDurability.allCases
        for seed in first..<first + UInt64(Wanted.number("SEEDS") ?? 1) {
            for durability in durabilities { try run(seed, durability, steps) }
        }
    }

    private func run(_ seed: UInt64, _ durability: QueueDurability, _ steps: Int) throws {
        let simulation = Simulation(seed: seed, durability: durability)
        simulation.shownLines = Wanted.number("TRACE") ?? 60
        let clock = ContinuousClock()
        let began = clock.now
        try simulation.run(steps: steps)
        let time = clock.now - began
        let rate = Double(simulation.world.steps) / (Double(time / .nanoseconds(1)) / 1e9)
        print(
            "seed \(seed), \(durability.rawValue): \(simulation.world.steps) steps, \(Int(rate)) a second; "
                + "\(simulation.book.account); digest \(String(simulation.world.trace.digest, radix: 16))")
    }
}
