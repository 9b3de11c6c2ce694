import NIOCore
import NIOPosix
import Shared
import Synchronization
import TestKit

/// The gateway's end of a queue socket, moved by a test: keeps the frames of each connection, in order, and sends what it is told.
final class ScriptedGateway: Sendable {
    /// One worker's connection.
    final class Connection: Sendable {
        private struct State {
            var frames: [WorkerFrame] = []
            var isClosed = false
        }
        private let channel: any Channel
        private let state = Mutex(State())

        init(_ channel: any Channel) { self.channel = channel }

        var frames: [WorkerFrame] { state.withLock { $0.frames } }
        var isClosed: Bool { state.withLock { $0.isClosed } }
        fileprivate func add(_ frame: WorkerFrame) { state.withLock { $0.frames.append(frame) } }
        fileprivate func closed() { state.withLock { $0.isClosed = true } }

        /// Ids acknowledged so far, in order.
        var acknowledged: [Int64] {
            frames.flatMap { if case .ack(let ids) = $0 { ids.map(\.rawValue) } else { [Int64]() } }
        }
        var hello: WorkerHello? {
            if case .hello(let hello)? = frames.first { hello } else { nil }
        }
        func contains(_ matches: (WorkerFrame) -> Bool) -> Bool { frames.contains(where: matches) }

        func send(_ frames: GatewayFrame...) {
            var buffer = ByteBuffer()
            for frame in frames { buffer.writeFrame(frame) }
            channel.writeAndFlush(buffer, promise: nil)
        }
        func send(raw text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
        func close() { channel.close(promise: nil) }

        func event(
            _ id: Int64, key: String = "guild:1", type: String = "MESSAGE_CREATE", redelivered: Bool = false,
            _ data: String = "{}"
        ) {
            send(
                .event(
                    EventFrame(
                        id: EventID(id), shard: 0, sequence: Int(id), type: type, key: key, receivedAt: 1,
                        redelivered: redelivered, data: ByteBuffer(string: data))))
        }
    }

    private let listener: any Channel
    private let accepted: Accepted

    private final class Accepted: Sendable {
        let connections = Mutex<[Connection]>([])
    }

    private init(listener: any Channel, accepted: Accepted) {
        self.listener = listener
        self.accepted = accepted
    }

    static func start(at path: String) async throws -> ScriptedGateway {
        let accepted = Accepted()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                let connection = Connection(channel)
                accepted.connections.withLock { $0.append(connection) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(connection))
                }
            }
            .bind(unixDomainSocketPath: path).get()
        return ScriptedGateway(listener: listener, accepted: accepted)
    }

    var connections: [Connection] { accepted.connections.withLock { $0 } }

    /// Waits for the connection of that number, from 1, and its hello, and welcomes it.
    func welcome(
        _ number: Int = 1, protocolVersion: Int = 1, journal: String = "J", workers: Int = 2,
        application: Snowflake? = nil
    ) async throws -> Connection {
        let connection = try await eventually("hello on connection \(number)") {
            let connections = connections
            return connections.count >= number && connections[number - 1].hello != nil ? connections[number - 1] : nil
        }
        connection.send(
            .welcome(
                Welcome(
                    protocolVersion: protocolVersion, version: "9", journal: journal, applicationID: application,
                    userID: application, shardIDs: [0, 1],
                    shardCount: 4, workers: workers)))
        return connection
    }

    func stop() async { try? await listener.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let connection: Connection
        private var splitter = LineSplitter()
        private var decoder = WorkerFrameDecoder()

        init(_ connection: Connection) { self.connection = connection }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            splitter.append(unwrapInboundIn(data))
            // A frame that cannot be read is missing from the test's view, which then fails.
            while let line = try? splitter.nextLine() {
                if let frame = try? decoder.decode(line) { connection.add(frame) }
            }
        }

        func channelInactive(context: ChannelHandlerContext) { connection.closed() }
    }
}
