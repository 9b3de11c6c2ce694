import NIOCore
import NIOPosix
import Shared
import Synchronization

/// Stands between workers and the gateway's socket and can keep acknowledgements back: what a worker has done is then lost to
/// the gateway when that worker is killed.
final class AckRelay: Sendable {
    private struct State {
        var isHolding = false
        /// What each event is: its name, and whether a bot wrote it.
        var kinds: [EventID: String] = [:]
        var held: [String: Set<EventID>] = [:]
        var passed: [String: Set<EventID>] = [:]
    }

    /// `QUEUE_SOCKET` of the workers that are to go through it.
    let path: String
    private let listener: any Channel
    private let toll: Toll

    fileprivate final class Toll: Sendable {
        private let state = Mutex(State())

        /// Whether a worker's line may pass.
        func passes(_ line: ByteBuffer) -> Bool {
            guard case .ack(let ids)? = try? WorkerFrameDecoder.decoding(line) else { return true }
            return state.withLock { state in
                for id in ids {
                    let kind = state.kinds[id] ?? "unknown"
                    if state.isHolding {
                        state.held[kind, default: []].insert(id)
                    } else {
                        state.passed[kind, default: []].insert(id)
                    }
                }
                return !state.isHolding
            }
        }

        /// Notes what the gateway sends.
        func note(_ line: ByteBuffer) {
            var decoder = GatewayFrameDecoder()
            guard case .event(let event)? = try? decoder.decode(line) else { return }
            let isByBot = decoder.eventData?["author"]?["bot"]?.bool == true
            state.withLock { $0.kinds[event.id] = isByBot ? "\(event.type) by a bot" : event.type }
        }

        func hold() { state.withLock { $0.isHolding = true } }
        func held(_ kind: String) -> Int { state.withLock { $0.held[kind]?.count ?? 0 } }
        func passed(_ kind: String) -> Int { state.withLock { $0.passed[kind]?.count ?? 0 } }
    }

    private init(path: String, listener: any Channel, toll: Toll) {
        self.path = path
        self.listener = listener
        self.toll = toll
    }

    /// Listens at `path`; each connection leads to the gateway at `socket`.
    static func start(at path: String, to socket: String) async throws -> AckRelay {
        let toll = Toll()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                let back = NIOLoopBound(Forwarder(to: nil) { toll.passes($0) }, eventLoop: channel.eventLoop)
                // On one event loop, so that each end may write to the other.
                return ClientBootstrap(group: channel.eventLoop)
                    .channelInitializer { upstream in
                        upstream.eventLoop.makeCompletedFuture {
                            try upstream.pipeline.syncOperations.addHandler(
                                Forwarder(to: channel) { line in
                                    toll.note(line)
                                    return true
                                })
                        }
                    }
                    .connect(unixDomainSocketPath: socket)
                    .flatMapThrowing { upstream in
                        back.value.destination = upstream
                        try channel.pipeline.syncOperations.addHandler(back.value)
                    }
            }
            .bind(unixDomainSocketPath: path).get()
        return AckRelay(path: path, listener: listener, toll: toll)
    }

    /// From now on acknowledgements go no further.
    func hold() { toll.hold() }

    /// Events of that name, not written by a bot, whose acknowledgements were kept back so far.
    func held(_ event: String) -> Int { toll.held(event) }
    /// The same of those that went through.
    func passed(_ event: String) -> Int { toll.passed(event) }

    func stop() async throws { try await listener.close() }
}

/// Hands lines on to the other end, and its own end too.
private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    var destination: (any Channel)?
    private let filter: (ByteBuffer) -> Bool
    private var splitter = LineSplitter()

    init(to destination: (any Channel)?, filter: @escaping (ByteBuffer) -> Bool) {
        self.destination = destination
        self.filter = filter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        splitter.append(unwrapInboundIn(data))
        var passing = ByteBuffer()
        do {
            while let line = try splitter.nextLine() {
                guard filter(line) else { continue }
                passing.writeImmutableBuffer(line)
                passing.writeStaticString("\n")
            }
        } catch {
            context.close(promise: nil)
        }
        destination?.writeAndFlush(passing, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { destination?.close(promise: nil) }
}

extension WorkerFrameDecoder {
    fileprivate static func decoding(_ line: ByteBuffer) throws -> WorkerFrame {
        var decoder = WorkerFrameDecoder()
        return try decoder.decode(line)
    }
}
