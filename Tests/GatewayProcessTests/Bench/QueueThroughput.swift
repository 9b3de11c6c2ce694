import Glibc
import NIOCore
import Shared
import TestKit
import Testing

@testable import GatewayProcess

/// Not a test but a contestant of `./olim bench queue`, which sets the environment: the queue without Discord's side of the
/// gateway, fed as fast as it takes, with workers in other processes. It says when it is ready, waits for a line, and says
/// when everything is acknowledged.
@Suite(.enabled(if: BenchSetting.arePresent, "only for ./olim bench queue")) struct QueueThroughput {
    @Test func `The queue hands out and takes back as fast as it can`() async throws {
        let messages = try FloodMessages(path: BenchSetting.messages.text)
        let workers = try BenchSetting.workers.number
        let events = try BenchSetting.events.number
        let backlog = try BenchSetting.backlog.number
        let socket = try BenchSetting.socket.text
        let directory = try BenchSetting.directory.text
        let durability = try #require(QueueDurability(rawValue: try BenchSetting.durability.text))
        try await HubHarness.run { settings in
            settings.socketPath = socket
            settings.stateDirectory = directory
            settings.durability = durability
        } _: { harness in
            try await eventually("\(workers) workers", within: .seconds(60)) {
                try await harness.hub.look { $0.queue.workerCount } == workers
            }
            say("ready")
            _ = readLine()
            try await QueueFeeder.feed(harness.hub, messages, events: events, backlog: backlog)
            try await eventually("the last acknowledgement", within: .seconds(120)) {
                try await harness.hub.look { $0.queue.depth } == 0
            }
            say("drained")
            // Whoever measures looks at the process before it may end.
            _ = readLine()
        }
    }

    private func say(_ what: String) {
        print(#"{"\#(what)":true}"#)
        fflush(nil)
    }
}

/// What the benchmark passes in the environment.
enum BenchSetting: String {
    case socket, directory, messages, workers, events, backlog, durability

    static var arePresent: Bool { getenv(socket.name) != nil }

    private var name: String { "OLIM_BENCH_\(rawValue.uppercased())" }

    var text: String {
        get throws { String(cString: try #require(getenv(name), "\(name) is not set")) }
    }

    var number: Int {
        get throws { try #require(Int(try text)) }
    }
}

extension QueueHub {
    fileprivate nonisolated func look<Value: Sendable>(
        _ read: @escaping @Sendable (isolated QueueHub) -> Value
    ) async throws -> Value {
        try await eventLoop.submit { [self] in assumeIsolated { read($0) } }.get()
    }
}
