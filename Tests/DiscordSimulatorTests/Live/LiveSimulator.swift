import NIOCore
import NIOPosix
import Shared
import TestKit

@testable import DiscordSimulator

/// A simulator in the test's own process, with its own event loops.
final class LiveSimulator: Sendable {
    let running: RunningSimulator
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let clients = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private init(_ options: SimulatorOptions) async throws {
        running = try await RunningSimulator.start(options, on: group.next())
    }

    /// Runs a test with a simulator and stops it.
    static func run(
        _ change: (inout SimulatorOptions) -> Void = { _ in }, _ body: (LiveSimulator) async throws -> Void
    ) async throws {
        var options = SimulatorOptions()
        options.limits.identifyInterval = 0
        change(&options)
        let live = try await LiveSimulator(options)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(live))
        } catch {
            result = .failure(error)
        }
        try await live.running.stop()
        try await live.clients.shutdownGracefully()
        try await live.group.shutdownGracefully()
        try result.get()
    }

    /// Lends an event loop to clients of a simulator in another process.
    static func withClients(_ body: (MultiThreadedEventLoopGroup) async throws -> Void) async throws {
        let clients = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(clients))
        } catch {
            result = .failure(error)
        }
        try await clients.shutdownGracefully()
        try result.get()
    }

    func connect(
        compress: String? = nil, query: String? = nil, tls: String? = nil, toResumeURL: Bool = false
    ) async throws -> TestClient {
        try await TestClient.connect(
            port: toResumeURL ? running.resumePort : running.port, compress: compress, query: query, tls: tls,
            on: clients)
    }

    /// Sends a request to the control API, as HTTP would bring it.
    @discardableResult
    func control(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> (status: Int, body: JSON) {
        try await control(method, path, bytes: body.map { ByteBuffer(string: $0.text) } ?? ByteBuffer())
    }

    @discardableResult
    func control(_ method: String, _ path: String, bytes: ByteBuffer) async throws -> (status: Int, body: JSON) {
        try await running.loop.flatSubmit { [running] in
            let promise = running.loop.makePromise(of: (status: Int, body: JSON).self)
            let request = RESTRequest(method: method, target: "/simulator\(path)", headers: [], body: bytes)
            running.simulator.value.answer(request) { answer in
                let parser = JSONParser()
                let body = withExtendedLifetime(parser) { (try? parser.parse(answer.body)).map { JSON($0) } ?? .null }
                promise.succeed((answer.status, body))
            }
            return promise.futureResult
        }.get()
    }

    /// The list that the report has under that name.
    func report(_ name: String) async throws -> [JSON] {
        try await control("GET", "/report").body[name]?.elements ?? []
    }
}
