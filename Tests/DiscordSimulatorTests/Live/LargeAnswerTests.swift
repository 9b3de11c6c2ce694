import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import DiscordSimulator

/// An answer larger than what a socket takes at once.
@Suite struct LargeAnswerTests {
    @Test func `a large answer arrives whole, also when the connection is to be closed behind it`() async throws {
        try await LiveSimulator.run { live in
            let gathered = live.running.loop.makePromise(of: ByteBuffer.self)
            let channel = try await ClientBootstrap(group: live.running.loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Gatherer(gathered))
                    }
                }
                .connect(host: "127.0.0.1", port: live.running.port).get()
            let request = "GET /simulator/flood?frames=3000 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
            try await channel.writeAndFlush(ByteBuffer(string: request))
            let answer = String(buffer: try await gathered.futureResult.get())
            let end = try #require(answer.firstRange(of: "\r\n\r\n"))
            let length = try #require(answer[..<end.lowerBound].firstMatch(of: /(?i)content-length: (\d+)/)?.output.1)
            #expect(answer[end.upperBound...].utf8.count == Int(length))
            #expect(answer[end.upperBound...].utf8.count > 3_000_000)
        }
    }

    /// Everything until the connection ends.
    private final class Gatherer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let gathered: EventLoopPromise<ByteBuffer>
        private var bytes = ByteBuffer()

        init(_ gathered: EventLoopPromise<ByteBuffer>) { self.gathered = gathered }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.writeImmutableBuffer(unwrapInboundIn(data))
        }

        func channelInactive(context: ChannelHandlerContext) { gathered.succeed(bytes) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { gathered.fail(error) }
    }
}
