import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Shared
import Synchronization
import TestKit

/// An HTTP server on a real socket that answers each request as a test's script says, and keeps what it received.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        let method: String
        let path: String
        let headers: HTTPHeaders
        let body: String
    }

    /// What happens to a request.
    enum Reaction: Sendable {
        case answer(Int, headers: [(String, String)] = [], body: String = "", after: Duration = .zero)
        /// The connection is reset without an answer.
        case reset
        /// The connection stays, and no answer comes.
        case silence
        /// The status line, then less of the body than it promises, then the end.
        case cutOff(Int, body: String)

        static func json(
            _ status: Int, _ body: JSON, headers: [(String, String)] = [], after: Duration = .zero
        ) -> Reaction {
            .answer(status, headers: [("Content-Type", "application/json")] + headers, body: body.text, after: after)
        }
    }

    typealias Script = @Sendable (_ request: Request, _ number: Int) -> Reaction

    private let channel: any Channel
    private let received: Received

    /// What all connections of one server share.
    fileprivate final class Received: Sendable {
        let requests = Mutex<[Request]>([])
        let script: Script

        init(script: @escaping Script) { self.script = script }

        func react(to request: Request) -> Reaction {
            let number = requests.withLock {
                $0.append(request)
                return $0.count
            }
            return script(request, number)
        }
    }

    private init(channel: any Channel, received: Received) {
        self.channel = channel
        self.received = received
    }

    /// Listens on a free port of the loopback interface. The script is asked with the number of the request, from 1.
    static func start(certificates: TestCertificates? = nil, script: @escaping Script) async throws -> ScriptedServer {
        let received = Received(script: script)
        let context = try certificates.map { certificates in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: NIOSSLCertificate.fromPEMFile(certificates.server).map { .certificate($0) },
                    privateKey: .privateKey(NIOSSLPrivateKey(file: certificates.serverKey, format: .pem))))
        }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(received: received))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedServer(channel: channel, received: received)
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var requests: [Request] { received.requests.withLock { $0 } }

    func stop() async { try? await channel.close() }
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let received: ScriptedServer.Received
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(received: ScriptedServer.Received) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var part):
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            let request = ScriptedServer.Request(
                method: head.method.rawValue, path: head.uri, headers: head.headers, body: String(buffer: body))
            perform(received.react(to: request), context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func perform(_ reaction: ScriptedServer.Reaction, context: ChannelHandlerContext) {
        switch reaction {
        case .answer(let status, let headers, let body, let delay):
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: .nanoseconds(delay.inNanoseconds)) {
                let (handler, context) = bound.value
                handler.write(status, headers, body, length: body.utf8.count, context: context)
                context.writeAndFlush(handler.wrapOutboundOut(.end(nil)), promise: nil)
            }
        case .reset:
            // A linger time of 0 makes close send RST instead of FIN.
            let channel = context.channel
            _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                .always { _ in channel.close(promise: nil) }
        case .silence:
            break
        case .cutOff(let status, let body):
            write(status, [("Content-Type", "application/json")], body, length: body.utf8.count + 10, context: context)
            context.flush()
            context.close(promise: nil)
        }
    }

    private func write(
        _ status: Int, _ headers: [(String, String)], _ body: String, length: Int, context: ChannelHandlerContext
    ) {
        var fields = HTTPHeaders(headers)
        if status != 204 { fields.replaceOrAdd(name: "Content-Length", value: "\(length)") }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if status != 204 { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil) }
    }
}

extension Duration {
    fileprivate var inNanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}

/// A certificate authority of this test run and a certificate for `localhost` under it, made by openssl(1).
final class TestCertificates: Sendable {
    private let directory: TemporaryDirectory

    var authority: String { directory.path("authority.pem") }
    var server: String { directory.path("server.pem") }
    var serverKey: String { directory.path("server.key") }

    /// Made once for all tests.
    static let shared = Task { try await TestCertificates() }

    private struct Failure: Error {
        let output: [String]
    }

    private init() async throws {
        directory = try TemporaryDirectory()
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        let authorityKey = directory.path("authority.key")
        try await openssl(
            ["req", "-x509"] + curve + ["-keyout", authorityKey, "-out", authority, "-subj", "/CN=Olim test authority"])
        try await openssl(
            ["req", "-x509"] + curve + [
                "-keyout", serverKey, "-out", server, "-subj", "/CN=localhost", "-CA", authority, "-CAkey",
                authorityKey,
                "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
            ])
    }

    private func openssl(_ arguments: [String]) async throws {
        let process = try ChildProcess("/usr/bin/openssl", arguments, in: directory.path)
        process.closeInput()
        guard try await process.waitForTermination() == .exited(0) else { throw Failure(output: process.lines(.error)) }
    }
}
