import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestKit
import Testing

@testable import Shared

@Suite(.timeLimit(.minutes(2))) struct HealthEndpointTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static let provider = HealthProvider(
        metrics: { "# TYPE olim_x gauge\nolim_x 1\n" },
        health: { HealthReport(isGood: true, lines: []) },
        readiness: { HealthReport(isGood: false, lines: ["shard 0 is connecting", "no worker"]) },
        pages: ["/large": { HealthPage(type: "text/plain", text: String(repeating: "x", count: 8 << 20)) }])

    /// Sends bytes and reads until the server closes.
    private func exchange(_ request: String, _ connect: (ClientBootstrap) async throws -> any Channel) async throws
        -> String
    {
        let received = Received()
        let channel = try await connect(
            ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { $0.pipeline.addHandler(received) })
        try await channel.writeAndFlush(ByteBuffer(string: request))
        try await channel.closeFuture.get()
        return received.text
    }

    private final class Received: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let bytes = Mutex(ByteBuffer())
        var text: String { bytes.withLock { String(buffer: $0) } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            bytes.withLock { _ = $0.writeImmutableBuffer(buffer) }
        }
    }

    private func request(_ text: String) async throws -> String {
        let path = directory.path("m")
        let endpoint = try await HealthEndpoint.start(
            on: .unix(path: path), provider: Self.provider, logger: Self.quiet)
        let answer = try await exchange(text) { try await $0.connect(unixDomainSocketPath: path).get() }
        await endpoint.stop()
        #expect(access(path, F_OK) != 0)
        return answer
    }

    @Test(arguments: [
        ("GET /metrics", "200 OK", "# TYPE olim_x gauge\nolim_x 1\n"),
        ("GET /metrics?name=x", "200 OK", "# TYPE olim_x gauge\nolim_x 1\n"),
        ("GET /healthz", "200 OK", "ok\n"),
        ("GET /readyz", "503 Service Unavailable", "shard 0 is connecting\nno worker\n"),
        ("GET /", "404 Not Found", "there are /metrics /healthz /readyz /large\n"),
        ("POST /metrics", "405 Method Not Allowed", "only GET and HEAD\n"),
        ("HEAD /healthz", "200 OK", ""),
    ])
    func `each path is answered`(line: String, status: String, body: String) async throws {
        let answer = try await request("\(line) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"), "\(answer)")
        #expect(answer.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().first.map(String.init) ?? "" == body)
        #expect(answer.lowercased().contains("content-type: text/plain"))
    }

    @Test func `one request after the other is answered on one connection`() async throws {
        let path = directory.path("m")
        let endpoint = try await HealthEndpoint.start(
            on: .unix(path: path), provider: Self.provider, logger: Self.quiet)
        let received = Received()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { $0.pipeline.addHandler(received) }.connect(unixDomainSocketPath: path).get()
        for (line, status) in [("GET /healthz", "200"), ("GET /readyz", "503"), ("GET /nothing", "404")] {
            try await channel.writeAndFlush(ByteBuffer(string: "\(line) HTTP/1.1\r\nHost: x\r\n\r\n"))
            try await eventually("\(line) is answered") { received.text.contains("HTTP/1.1 \(status)") }
        }
        #expect(channel.isActive)
        await endpoint.stop()
    }

    @Test func `a client that does not wait for its answer gets that one and is closed`() async throws {
        let answer = try await request(
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(answer.split(separator: "HTTP/1.1 ").map { $0.prefix(3) } == ["200"])
    }

    @Test func `a request that is too long is refused, however it is`() async throws {
        let filler = String(repeating: "x", count: 9000)
        for text in [
            "GET /\(filler) HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HTTP/1.1\r\nX: \(filler)\r\n\r\n",
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n\(filler)",
        ] {
            let answer = try await request(text)
            #expect(answer.hasPrefix("HTTP/1.1 431 "), "\(answer)")
        }
    }

    /// Each of them holds its place no longer than its limit says.
    @Test(arguments: [
        (
            "says nothing", "",
            RequestGuard.Limits(
                first: .milliseconds(50), idle: .hours(1), reading: .hours(1), answering: .hours(1))
        ),
        (
            "says nothing more", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            RequestGuard.Limits(
                first: .hours(1), idle: .milliseconds(50), reading: .hours(1), answering: .hours(1))
        ),
        (
            "does not end its request", "GET /healthz HTTP/1.1\r\nHo",
            RequestGuard.Limits(idle: .hours(1), reading: .milliseconds(50), answering: .hours(1))
        ),
        (
            "does not read its answer", "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
            RequestGuard.Limits(idle: .hours(1), reading: .hours(1), answering: .milliseconds(50))
        ),
    ])
    func `a slow client is closed`(which: String, text: String, limits: RequestGuard.Limits) async throws {
        let path = directory.path("m")
        let endpoint = try await HealthEndpoint.start(
            on: .unix(path: path), provider: Self.provider, logger: Self.quiet, limits: limits)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: !text.contains("/large")).connect(unixDomainSocketPath: path).get()
        if !text.isEmpty {
            try await eventually("it is let in") { endpoint.connectionCount == 1 }
            try await channel.writeAndFlush(ByteBuffer(string: text))
        }
        if text.contains("/large") {
            // It does not read, and so does not see that it is closed.
            try await eventually("the client that \(which) is closed") { endpoint.connectionCount == 0 }
            try? await channel.close()
        } else {
            try await channel.closeFuture.get()
        }
        await endpoint.stop()
    }

    @Test func `what is no request is answered 400 and closed`() async throws {
        #expect(try await request("nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400"))
    }

    @Test func `it listens on TCP, and only beyond loopback that is warned about`() async throws {
        let lines = Mutex<[String]>([])
        let output = LogOutput(.prefixed) { records in
            let texts = records.map { String(buffer: $0.bytes) }
            lines.withLock { $0 += texts }
        }
        let logger = Logger(label: "test") { OutputLogHandler(label: $0, level: .info, output: output) }
        for host in ["127.0.0.1", "::1", "0.0.0.0"] {
            let endpoint = try await HealthEndpoint.start(
                on: .tcp(host: host, port: 0), provider: Self.provider,
                logger: logger)
            let port = try #require(endpoint.port)
            let answer = try await exchange("GET /healthz HTTP/1.0\r\n\r\n") {
                try await $0.connect(host: host == "0.0.0.0" ? "127.0.0.1" : host, port: port).get()
            }
            #expect(answer.contains(" 200 OK\r\n"))
            await endpoint.stop()
        }
        output.flush()
        #expect(lines.withLock { $0.count } == 1)
        #expect(lines.withLock { $0.first }?.contains("address=0.0.0.0:0") == true)
    }

    @Test func `an address that is taken is a failure with its reason`() async throws {
        let endpoint = try await HealthEndpoint.start(
            on: .tcp(host: "127.0.0.1", port: 0), provider: Self.provider,
            logger: Self.quiet)
        let port = try #require(endpoint.port)
        let failure = await #expect(throws: ServiceFailure.self) {
            try await HealthEndpoint.start(
                on: .tcp(host: "127.0.0.1", port: port), provider: Self.provider, logger: Self.quiet)
        }
        #expect(failure?.exit == .unavailable)
        #expect(failure?.description.contains("127.0.0.1:\(port)") == true)
        await endpoint.stop()
    }

    @Test func `connections beyond the limit are closed at once`() async throws {
        let path = directory.path("m")
        let endpoint = try await HealthEndpoint.start(
            on: .unix(path: path), provider: Self.provider, logger: Self.quiet)
        var channels: [any Channel] = []
        while channels.count < HealthEndpoint.maximumConnections + 3 {
            // A listener that has not come to accept yet says EAGAIN when too many wait (unix(7)).
            try await eventually("it accepts") {
                let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(unixDomainSocketPath: path).get()
                if let channel { channels.append(channel) }
                return channel != nil
            }
        }
        try await eventually("three are closed") { channels.count { !$0.isActive } == 3 }
        try await channels.first { $0.isActive }?.close()
        try await eventually("there is room again") {
            let answer = try? await exchange("GET /healthz HTTP/1.0\r\n\r\n") {
                try await $0.connect(unixDomainSocketPath: path).get()
            }
            return answer?.contains(" 200 OK\r\n") == true
        }
        await endpoint.stop()
        for channel in channels { try? await channel.closeFuture.get() }
    }
}
