import Glibc
import NIOCore
import NIOPosix
import Shared

@testable import GatewayProcess

/// Hands dispatches to the hub as a session does that reads from a socket: a burst of slices of one buffer, of about what one
/// read of a compressed stream comes to, and then the event loop sees to its other sockets.
///
/// What wakes it is a byte in a pipe, because tasks that follow one another would keep the loop from its sockets.
final class QueueFeeder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Of `DiscordConnector`'s 16 KiB, at the ratio of such a stream.
    private static let burstBytes = 96 << 10

    private let hub: QueueHub
    private let messages: FloodMessages
    private let events: Int
    private let backlog: Int
    private let waker: CInt
    private let finished: EventLoopPromise<Void>
    private var sent = 0

    private init(
        _ hub: QueueHub, _ messages: FloodMessages, events: Int, backlog: Int, waker: CInt,
        finished: EventLoopPromise<Void>
    ) {
        self.hub = hub
        self.messages = messages
        self.events = events
        self.backlog = backlog
        self.waker = waker
        self.finished = finished
    }

    /// Hands in that many events; returns when the queue has them all.
    /// - Parameter backlog: bytes that may wait in the queue; above it the feeder waits.
    static func feed(_ hub: QueueHub, _ messages: FloodMessages, events: Int, backlog: Int) async throws {
        var ends: (CInt, CInt) = (0, 0)
        let outcome = withUnsafeMutableBytes(of: &ends) { pipe($0.baseAddress?.assumingMemoryBound(to: CInt.self)) }
        guard outcome == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
        let waker = ends.1
        let finished = hub.eventLoop.makePromise(of: Void.self)
        let channel = try await NIOPipeBootstrap(group: hub.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let feeder = QueueFeeder(
                        hub, messages, events: events, backlog: backlog, waker: waker, finished: finished)
                    try channel.pipeline.syncOperations.addHandler(feeder)
                }
            }
            .takingOwnershipOfDescriptor(input: ends.0).get()
        try await finished.futureResult.get()
        try await channel.close()
        close(waker)
    }

    func channelActive(context: ChannelHandlerContext) { wake() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard hub.assumeIsolated({ $0.queue.bytes }) < backlog else {
            let waker = waker
            context.eventLoop.scheduleTask(in: .milliseconds(1)) { Self.wake(waker) }
            return
        }
        _ = hub.receive(burst())
        if sent == events { finished.succeed() } else { wake() }
    }

    private func wake() { Self.wake(waker) }

    private static func wake(_ waker: CInt) { _ = write(waker, "!", 1) }

    private func burst() -> [Dispatch] {
        let now = WallClock.now()
        var burst: [Dispatch] = []
        var bytes = 0
        while sent < events, bytes < Self.burstBytes, let (guild, data) = messages[sent] {
            sent += 1
            bytes += data.readableBytes
            burst.append(
                Dispatch(
                    shard: 0, session: "bench", sequence: sent, type: "MESSAGE_CREATE",
                    key: QueueKey(keyClass: .guild, number: guild), guildID: Snowflake(guild), interaction: nil,
                    receivedAt: now, data: data))
        }
        return burst
    }
}
