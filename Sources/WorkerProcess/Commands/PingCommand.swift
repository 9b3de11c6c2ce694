internal import Shared

/// `/ping`: how long each part of the way takes.
struct PingCommand: Command {
    let declaration = CommandDeclaration(name: "ping", description: "Shows how quickly the bot answers")

    func run(_ invocation: Invocation, _ services: Services) async throws -> OutgoingMessage {
        let waited = ProcessClock.wallMicroseconds - invocation.receivedAt
        let shards = await services.gateway.status()?["shards"]?.elements ?? []
        let latencies = shards.compactMap { $0["latency_ms"]?.int }
        let rest = await services.api.lastRoundTripMilliseconds
        let parts = [
            latencies.isEmpty ? nil : "gateway \(latencies.reduce(0, +) / latencies.count) ms",
            "queue \(Self.milliseconds(waited)) ms",
            rest.map { "REST \($0) ms" },
        ]
        return OutgoingMessage("Pong! " + parts.compactMap(\.self).joined(separator: ", "))
    }

    /// Below ten with one digit behind the point; the clocks of a machine may make it seem negative.
    static func milliseconds(_ microseconds: Int64) -> String {
        let tenths = max(0, microseconds + 50) / 100
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(tenths / 10)"
    }
}
