import CZlib
import CZstd
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Shared
import Synchronization
import TestKit

/// A small client of the gateway, over a real socket.
final class TestClient: Sendable {
    /// What came.
    enum Incoming: Sendable, Equatable {
        /// A payload; null if it could not be read.
        case payload(JSON)
        /// The end, with the code of the close frame if there was one.
        case closed(Int?)
    }

    /// Messages between the event loop and the test.
    fileprivate final class Inbox: Sendable {
        let messages = Mutex<[Incoming]>([])
        let taken = Mutex(0)
    }

    private let channel: any NIOCore.Channel
    private let inbox: Inbox

    private init(channel: any NIOCore.Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    /// Connects.
    /// - Parameters:
    ///   - compress: `zlib-stream`, `zstd-stream` or nil.
    ///   - tls: PEM file of the root to trust.
    static func connect(
        port: Int, compress: String? = nil, query: String? = nil, tls: String? = nil,
        on group: MultiThreadedEventLoopGroup
    ) async throws -> TestClient {
        let inbox = Inbox()
        let upgraded = group.next().makePromise(of: Void.self)
        let target = "/?" + (query ?? "v=10&encoding=json" + (compress.map { "&compress=\($0)" } ?? ""))
        let context = try tls.map { root in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .file(root)
            return try NIOSSLContext(configuration: configuration)
        }
        do {
            let channel = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if let context {
                            try pipeline.addHandler(
                                NIOSSLClientHandler(context: context, serverHostname: "localhost"))
                        }
                        let request = RequestHandler(target: target, upgraded: upgraded)
                        let bound = NIOLoopBound(request, eventLoop: channel.eventLoop)
                        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: 32 << 20) { channel, _ in
                            channel.eventLoop.makeCompletedFuture {
                                let handler = ClientHandler(inbox: inbox, compress: compress)
                                let pipeline = channel.pipeline.syncOperations
                                try pipeline.addHandler(handler)
                                pipeline.removeHandler(bound.value, promise: nil)
                                upgraded.succeed()
                            }
                        }
                        try pipeline.addHTTPClientHandlers(
                            leftOverBytesStrategy: .forwardBytes,
                            withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
                        try pipeline.addHandler(request)
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            try await upgraded.futureResult.get()
            return TestClient(channel: channel, inbox: inbox)
        } catch {
            upgraded.fail(error)
            throw error
        }
    }

    // MARK: - Receiving

    /// The next thing that comes.
    func next() async throws -> Incoming {
        try await eventually("something from the gateway") { [inbox] in
            inbox.messages.withLock { messages in
                inbox.taken.withLock { taken -> Incoming? in
                    guard taken < messages.count else { return nil }
                    taken += 1
                    return messages[taken - 1]
                }
            }
        }
    }

    /// The next payload.
    func payload() async throws -> JSON {
        switch try await next() {
        case .payload(let payload): return payload
        case .closed(let code): throw ClosedEarly(code: code)
        }
    }

    /// The next payload with that opcode; others are skipped.
    func payload(opcode: Int) async throws -> JSON {
        while true {
            let payload = try await payload()
            if payload["op"]?.int == opcode { return payload }
        }
    }

    /// The next dispatch of that name; others are skipped.
    func event(_ name: String) async throws -> JSON {
        while true {
            let payload = try await payload()
            if payload["t"]?.string == name { return payload }
        }
    }

    /// The close code with which it ends; payloads are skipped.
    func closeCode() async throws -> Int? {
        while true {
            if case .closed(let code) = try await next() { return code }
        }
    }

    /// The connection ended while more was expected.
    struct ClosedEarly: Error { var code: Int? }

    // MARK: - Sending

    func send(_ payload: JSON) async throws {
        var buffer = ByteBuffer()
        buffer.writeJSON(payload)
        try await send(frame: .text, buffer)
    }

    func send(frame opcode: WebSocketOpcode, _ data: ByteBuffer, masked: Bool = true) async throws {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: masked ? .random() : nil, data: data)
        try await channel.writeAndFlush(frame)
    }

    func identify(_ changes: JSON = .object([])) async throws {
        let d: JSON = [
            "token": "simulated-token", "intents": 33283, "shard": [0, 1],
            "properties": ["os": "linux", "browser": "test", "device": "test"],
        ]
        var members = d.members ?? []
        for change in changes.members ?? [] {
            members.removeAll { $0.key == change.key }
            members.append(change)
        }
        try await send(["op": 2, "d": .object(members)])
    }

    func resume(_ session: String, _ sequence: Int) async throws {
        try await send([
            "op": 6, "d": ["token": "simulated-token", "session_id": .string(session), "seq": .integer(sequence)],
        ])
    }

    /// Identifies and reads until the guilds are there.
    /// - Returns: the session's id and the last sequence number.
    @discardableResult
    func start(guilds: Int = 2) async throws -> (session: String, sequence: Int) {
        _ = try await payload(opcode: 10)
        try await identify()
        let ready = try await event("READY")
        var last = ready
        for _ in 0..<guilds { last = try await event("GUILD_CREATE") }
        return (ready["d"]?["session_id"]?.string ?? "", last["s"]?.int ?? 0)
    }

    /// Sends a close frame and waits for the end.
    func close(code: Int) async throws {
        var data = ByteBuffer()
        data.writeInteger(UInt16(code))
        try await send(frame: .connectionClose, data)
        _ = try await closeCode()
    }

    /// Ends the TCP connection without a close frame.
    func drop() async throws {
        try await channel.close()
    }
}

/// Asks for the upgrade.
private final class RequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let target: String
    private let upgraded: EventLoopPromise<Void>

    init(target: String, upgraded: EventLoopPromise<Void>) {
        self.target = target
        self.upgraded = upgraded
    }

    func channelActive(context: ChannelHandlerContext) {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: target, headers: ["Host": "localhost", "Content-Length": "0"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data) { upgraded.fail(Refused(status: head.status.code)) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        upgraded.fail(Refused(status: 0))
        context.fireChannelInactive()
    }

    struct Refused: Error { var status: UInt }
}

/// Decompresses, parses and puts into the inbox.
private final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let inbox: TestClient.Inbox
    private let decompressor: Decompressor?
    private let parser = JSONParser()
    private var isClosed = false

    init(inbox: TestClient.Inbox, compress: String?) {
        self.inbox = inbox
        decompressor = compress.map { Decompressor(isZlib: $0 == "zlib-stream") }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text where decompressor == nil: take(frame.data)
        case .binary: take(decompressor?.decompress(frame.data) ?? ByteBuffer())
        case .connectionClose:
            close(frame.data.getInteger(at: frame.data.readerIndex, as: UInt16.self).map(Int.init))
        default: break
        }
    }

    private func take(_ bytes: ByteBuffer) {
        let payload = (try? parser.parse(bytes)).map { JSON($0) } ?? .null
        inbox.messages.withLock { $0.append(.payload(payload)) }
    }

    private func close(_ code: Int?) {
        guard !isClosed else { return }
        isClosed = true
        inbox.messages.withLock { $0.append(.closed(code)) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Transport decompression as the contract describes it: one context for the connection.
private final class Decompressor {
    private let isZlib: Bool
    private var inflater = z_stream()
    private let zstd = ZSTD_createDCtx()

    init(isZlib: Bool) {
        self.isZlib = isZlib
        inflateInit_(&inflater, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    }

    deinit {
        inflateEnd(&inflater)
        ZSTD_freeDCtx(zstd)
    }

    /// One message; nil if it is broken, or lacks what ends a message of `zlib-stream`.
    func decompress(_ message: ByteBuffer) -> ByteBuffer? {
        if isZlib, !message.readableBytesView.suffix(4).elementsEqual([0, 0, 0xff, 0xff]) { return nil }
        return message.withUnsafeReadableBytes { isZlib ? inflate($0) : unpack($0) }
    }

    private func inflate(_ bytes: UnsafeRawBufferPointer) -> ByteBuffer? {
        var output = ByteBuffer()
        inflater.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        inflater.avail_in = UInt32(bytes.count)
        while true {
            var result = Z_OK
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { room in
                inflater.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                inflater.avail_out = UInt32(room.count)
                result = CZlib.inflate(&inflater, Z_SYNC_FLUSH)
                return room.count - Int(inflater.avail_out)
            }
            guard result == Z_OK || result == Z_BUF_ERROR else { return nil }
            if inflater.avail_out > 0 { return output }
        }
    }

    private func unpack(_ bytes: UnsafeRawBufferPointer) -> ByteBuffer? {
        var output = ByteBuffer()
        var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        while true {
            var result = 0
            var isFull = false
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { room in
                var target = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                result = ZSTD_decompressStream(zstd, &target, &source)
                isFull = target.pos == target.size
                return target.pos
            }
            guard ZSTD_isError(result) == 0 else { return nil }
            if !isFull, source.pos == source.size { return output }
        }
    }
}
