import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Shared
import Synchronization

@testable import GatewayProcess

/// A gateway and a `GET /gateway/bot` on a real socket that do what a test tells them, and remember what they saw.
final class ScriptedDiscord: Sendable {
    /// One WebSocket connection, from the server's side.
    final class Connection: Sendable {
        let number: Int
        let requestTarget: String
        let host: String?
        private let channel: any Channel
        private let deflater: StreamDeflater
        private let compression: GatewayCompression
        private let seen = Mutex<(payloads: [JSON], closeCode: UInt16?, isOver: Bool)>(([], nil, false))

        init(number: Int, head: HTTPRequestHead, channel: any Channel) {
            self.number = number
            requestTarget = head.uri
            host = head.headers.first(name: "Host")
            self.channel = channel
            compression =
                if head.uri.contains("compress=zstd-stream") {
                    .zstdStream
                } else if head.uri.contains("compress=zlib-stream") {
                    .zlibStream
                } else {
                    .none
                }
            deflater = StreamDeflater(compression)
        }

        var payloads: [JSON] { seen.withLock { $0.payloads } }
        var closeCode: UInt16? { seen.withLock { $0.closeCode } }
        var isOver: Bool { seen.withLock { $0.isOver } }

        func payloads(op: Int) -> [JSON] { payloads.filter { $0["op"]?.int == op } }

        /// Sends payloads, all in one write.
        func send(_ texts: String...) { send(texts) }

        func send(_ texts: [String]) {
            channel.eventLoop.execute {
                for text in texts { self.writeRaw(self.deflater.payload(text)) }
                self.channel.flush()
            }
        }

        /// Sends bytes as one message, whatever they are.
        func sendRaw(_ bytes: [UInt8]) {
            channel.eventLoop.execute {
                self.writeRaw(bytes)
                self.channel.flush()
            }
        }

        /// Sends one payload in frames of that size.
        func sendFragmented(_ text: String, pieceBytes: Int) {
            channel.eventLoop.execute {
                let bytes = self.deflater.payload(text)
                var position = 0
                while position < bytes.count {
                    let end = min(position + pieceBytes, bytes.count)
                    let opcode: WebSocketOpcode =
                        position > 0 ? .continuation : self.compression == .none ? .text : .binary
                    let data = ByteBuffer(bytes: bytes[position..<end])
                    self.channel.write(
                        WebSocketFrame(fin: end == bytes.count, opcode: opcode, data: data), promise: nil)
                    position = end
                }
                self.channel.flush()
            }
        }

        func ping(_ text: String) {
            channel.writeAndFlush(
                WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer(string: text)), promise: nil)
        }

        /// Closes with a code, or without a close frame.
        func close(_ code: UInt16?) {
            guard let code else { return channel.close(promise: nil) }
            var data = ByteBuffer()
            data.writeInteger(code)
            channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)).whenComplete { _ in
                self.channel.close(promise: nil)
            }
        }

        private func writeRaw(_ bytes: [UInt8]) {
            let frame = WebSocketFrame(
                fin: true, opcode: compression == .none ? .text : .binary, data: ByteBuffer(bytes: bytes))
            channel.write(frame, promise: nil)
        }

        fileprivate func note(_ payload: JSON) { seen.withLock { $0.payloads.append(payload) } }
        fileprivate func noteClose(_ code: UInt16?) { seen.withLock { $0.closeCode = code } }
        fileprivate func noteEnd() { seen.withLock { $0.isOver = true } }
    }

    struct Answers: Sendable {
        var status: HTTPResponseStatus = .ok
        var shards = 1
        var total = 1000
        var remaining = 1000
        var resetAfterMilliseconds = 86_400_000
        var maxConcurrency = 1
        /// Null for this server's own.
        var url: String?
        var extraHeaders: [(String, String)] = []
        /// Answer the upgrade request with this instead.
        var refuseUpgrade: HTTPResponseStatus?
        /// Milliseconds; nil for no Hello.
        var helloInterval: Int? = 41250
        var acknowledges = true
        /// What READY names; nil for this server's own.
        var resumeURL: String?
    }

    private struct State {
        var answers: Answers
        var connections: [Connection] = []
        var botRequests: [HTTPRequestHead] = []
        var onPayload: @Sendable (Connection, JSON, ScriptedDiscord) -> Void
    }

    private let state: Mutex<State>
    private let channel: Mutex<(any Channel)?>

    /// - Parameter onPayload: what to do about each payload but heartbeats; by default `standard`.
    init(
        answers: Answers = Answers(),
        onPayload: @escaping @Sendable (Connection, JSON, ScriptedDiscord) -> Void = ScriptedDiscord.standard
    ) async throws {
        state = Mutex(State(answers: answers, onPayload: onPayload))
        channel = Mutex(nil)
        let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in self.configure(channel) }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = bound }
    }

    func stop() async throws {
        try await channel.withLock { $0 }?.close().get()
        for connection in connections where !connection.isOver { connection.close(nil) }
    }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var url: String { "ws://127.0.0.1:\(port)" }
    var connections: [Connection] { state.withLock { $0.connections } }
    var botRequests: [HTTPRequestHead] { state.withLock { $0.botRequests } }
    var answers: Answers {
        get { state.withLock { $0.answers } }
        set { state.withLock { $0.answers = newValue } }
    }

    func setOnPayload(_ body: @escaping @Sendable (Connection, JSON, ScriptedDiscord) -> Void) {
        state.withLock { $0.onPayload = body }
    }

    /// READY to Identify, RESUMED to Resume, nothing else.
    static let standard: @Sendable (Connection, JSON, ScriptedDiscord) -> Void = { connection, payload, discord in
        switch payload["op"]?.int {
        case 2: connection.send(discord.ready(session: "session-\(connection.number)"))
        case 6: connection.send(#"{"op":0,"s":\#((payload["d"]?["seq"]?.int ?? 0) + 1),"t":"RESUMED","d":{}}"#)
        default: break
        }
    }

    func ready(session: String) -> String {
        let resumeURL = answers.resumeURL ?? url
        return """
            {"t":"READY","s":1,"op":0,"d":{"v":10,"user":{"id":"77","username":"olim"},"guilds":[],\
            "session_id":"\(session)","resume_gateway_url":"\(resumeURL)","application":{"id":"88","flags":0}}}
            """
    }

    private func configure(_ channel: any Channel) -> EventLoopFuture<Void> {
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: 1 << 20,
            shouldUpgrade: { channel, _ in
                let refused = self.answers.refuseUpgrade != nil
                return channel.eventLoop.makeSucceededFuture(refused ? nil : HTTPHeaders())
            },
            upgradePipelineHandler: { channel, head in
                let connection = self.state.withLock { state in
                    let connection = Connection(number: state.connections.count, head: head, channel: channel)
                    state.connections.append(connection)
                    return connection
                }
                return channel.pipeline.addHandler(FrameHandler(connection: connection, discord: self)).map {
                    if let interval = self.answers.helloInterval {
                        connection.send(#"{"op":10,"d":{"heartbeat_interval":\#(interval)}}"#)
                    }
                }
            })
        let upgrade: NIOHTTPServerUpgradeSendableConfiguration = (
            upgraders: [upgrader],
            completionHandler: { context in
                context.pipeline.syncOperations.removeHandler(name: "http", promise: nil)
            }
        )
        return channel.pipeline.configureHTTPServerPipeline(withServerUpgrade: upgrade).flatMap {
            channel.pipeline.addHandler(HTTPHandler(discord: self), name: "http")
        }
    }

    fileprivate func received(_ text: String, on connection: Connection) {
        guard let payload = try? JSONParser.read(text, { JSON($0) }) else { return }
        connection.note(payload)
        if payload["op"]?.int == 1, answers.acknowledges { connection.send(#"{"op":11}"#) }
        state.withLock { $0.onPayload }(connection, payload, self)
    }

    private final class FrameHandler: ChannelInboundHandler, Sendable {
        typealias InboundIn = WebSocketFrame
        let connection: Connection
        let discord: ScriptedDiscord

        init(connection: Connection, discord: ScriptedDiscord) {
            self.connection = connection
            self.discord = discord
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            var bytes = frame.unmaskedData
            switch frame.opcode {
            case .text: discord.received(String(buffer: bytes), on: connection)
            case .pong:
                connection.note(["pong": .string(String(buffer: bytes)), "masked": .bool(frame.maskKey != nil)])
            case .connectionClose:
                connection.noteClose(bytes.readInteger(as: UInt16.self))
                context.close(promise: nil)
            default: break
            }
        }

        func channelInactive(context: ChannelHandlerContext) { connection.noteEnd() }
    }

    private final class HTTPHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        let discord: ScriptedDiscord

        init(discord: ScriptedDiscord) { self.discord = discord }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            let answers = discord.answers
            let status: HTTPResponseStatus
            var body = "{}"
            if head.uri.hasSuffix("/gateway/bot") {
                discord.state.withLock { $0.botRequests.append(head) }
                status = answers.status
                body = """
                    {"url":"\(answers.url ?? discord.url)","shards":\(answers.shards),"session_start_limit":\
                    {"total":\(answers.total),"remaining":\(answers.remaining),\
                    "reset_after":\(answers.resetAfterMilliseconds),"max_concurrency":\(answers.maxConcurrency)}}
                    """
            } else {
                status = answers.refuseUpgrade ?? .notFound
            }
            var headers = HTTPHeaders([("Content-Type", "application/json"), ("Content-Length", "\(body.utf8.count)")])
            for (name, value) in answers.extraHeaders { headers.add(name: name, value: value) }
            let answer = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
