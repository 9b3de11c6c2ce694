internal import Glibc
internal import NIOCore
internal import NIOPosix

/// The channel's end of the queue: hands chunks to the client, on whose event loop it runs.
final class QueueConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What one read takes at most: about 40 events, so that a burst costs few system calls.
    static let chunkBytes = 64 << 10

    private let client: QueueClient

    init(client: QueueClient) {
        self.client = client
    }

    /// Connects to the gateway's socket.
    static func connect(to path: String, for client: QueueClient) async throws -> any Channel {
        try await ClientBootstrap(group: client.eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: chunkBytes))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(QueueConnection(client: client))
                }
            }
            .connect(unixDomainSocketPath: path)
            .get()
    }

    /// Why connecting failed, and what to look at.
    static func explanation(of error: any Error) -> String {
        guard let code = (error as? IOError)?.errnoCode else { return "\(error)" }
        let reason = String(cString: strerror(code))
        return switch code {
        case ENOENT: "\(reason); is olim-gateway running, with the same QUEUE_SOCKET?"
        case ECONNREFUSED: "\(reason); is olim-gateway running?"
        case EACCES: "\(reason); see QUEUE_SOCKET_MODE of the gateway"
        default: reason
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let chunk = unwrapInboundIn(data)
        client.assumeIsolated { $0.received(chunk) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        client.assumeIsolated { $0.readComplete() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = ObjectIdentifier(context.channel)
        client.assumeIsolated { $0.connectionEnded(channel) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        client.assumeIsolated { $0.connectionFailed("\(error)") }
        context.close(promise: nil)
    }
}
