internal import Shared

/// `/ping`: how long each part of the way takes.
struct PingCommand: Command {
    let declaration = CommandDeclaration(name: "ping", description: .phrase(.pingDescription))

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        let waited = ProcessClock.wallMicroseconds - invocation.receivedAt
        let shards = await services.gateway.status()?["shards"]?.elements ?? []
        let latencies = shards.compactMap { $0["latency_ms"]?.int }
        let rest = await services.api.lastRoundTripMilliseconds
        let language = invocation.language
        let unknown = language(.pingNotKnown)
        return .embed(
            Embed(
                title: language(.pingTitle),
                fields: [
                    .init(
                        name: language(.pingGateway),
                        value: latencies.isEmpty ? unknown : "\(latencies.reduce(0, +) / latencies.count) ms"),
                    .init(name: language(.pingQueue), value: "\(Self.milliseconds(waited)) ms"),
                    .init(name: language(.pingREST), value: rest.map { "\($0) ms" } ?? unknown),
                ]))
    }

    /// Below ten with one digit behind the point; the clocks of a machine may make it seem negative.
    static func milliseconds(_ microseconds: Int64) -> String {
        let tenths = max(0, microseconds + 50) / 100
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(tenths / 10)"
    }
}
