import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Shared

/// The simulator's control API (docs/simulator.md), as tests speak it.
struct SimulatorControl: Sendable {
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    let baseURL: String
    private let client: HTTPClient
    private var owned: Owned?

    /// A client of this control's own, ended with it.
    private final class Owned: Sendable {
        let client: HTTPClient

        init(_ client: HTTPClient) { self.client = client }

        deinit { client.shutdown { _ in } }
    }

    /// - Parameter certificateFile: the authority of its certificate, if it speaks TLS.
    init(baseURL: String, certificateFile: String? = nil) throws {
        self.baseURL = baseURL
        guard let certificateFile else {
            client = .shared
            return
        }
        var configuration = HTTPClient.Configuration()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.additionalTrustRoots = [.file(certificateFile)]
        configuration.tlsConfiguration = tls
        owned = Owned(HTTPClient(configuration: configuration))
        client = owned?.client ?? .shared
    }

    func get(_ path: String, timeout: Duration = .seconds(30)) async throws -> JSON {
        try await send(HTTPClientRequest(url: baseURL + path), timeout: timeout)
    }

    @discardableResult
    func post(_ path: String, _ body: JSON = [:], timeout: Duration = .seconds(60)) async throws -> JSON {
        var request = HTTPClientRequest(url: baseURL + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        var buffer = ByteBuffer()
        buffer.writeJSON(body)
        request.body = .bytes(buffer)
        return try await send(request, timeout: timeout)
    }

    func delete(_ path: String) async throws {
        var request = HTTPClientRequest(url: baseURL + path)
        request.method = .DELETE
        _ = try await send(request, timeout: .seconds(60))
    }

    /// Has an event sent whose `d` is these bytes.
    /// - Parameter guild: its id, which says who gets the event.
    func dispatch(_ name: String, _ bytes: String, guild: String? = nil) async throws {
        let place = guild.map { "&guild=\($0)" } ?? ""
        var request = HTTPClientRequest(url: baseURL + "/simulator/dispatch?t=\(name)\(place)")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: bytes))
        _ = try await send(request, timeout: .seconds(60))
    }

    private func send(_ request: HTTPClientRequest, timeout: Duration) async throws -> JSON {
        let limit = TimeAmount.nanoseconds(Int64(timeout / .nanoseconds(1)))
        let response = try await client.execute(request, deadline: .now() + limit)
        let body = try await response.body.collect(upTo: 64 << 20)
        guard (200..<300).contains(response.status.code) else {
            throw ControlFailure(
                description: "\(request.method) \(request.url): \(response.status.code) \(String(buffer: body))")
        }
        guard body.readableBytes > 0 else { return .null }
        return try JSON(ofText: body, maximumBytes: 64 << 20)
    }
}

/// The simulator refused a request of its control API.
struct ControlFailure: Error, CustomStringConvertible {
    let description: String
}

extension JSON {
    /// All that a member reads of a message, or of the body of an answer.
    var said: String {
        let embeds = (self["embeds"]?.elements ?? []).flatMap { embed in
            [embed["title"], embed["description"]].compactMap { $0?.string }
                + (embed["fields"]?.elements ?? []).flatMap { [$0["name"], $0["value"]].compactMap { $0?.string } }
        }
        return ([self["content"]?.string].compactMap(\.self) + embeds).filter { !$0.isEmpty }.joined(separator: "\n")
    }
}
