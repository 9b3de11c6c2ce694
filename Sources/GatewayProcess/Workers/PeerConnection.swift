internal import NIOCore
internal import Shared

/// One connection on the queue's or the control socket: what it said so far and what is to be written to it.
///
/// Belongs to the hub's isolation.
final class PeerConnection {
    enum Role {
        /// It has said nothing yet, or only asked for status.
        case guest(isTool: Bool)
        case worker(WorkerID)
        case `operator`
    }

    let number: Int
    let channel: any Channel
    let peer: PeerCredentials
    let connectedAt: NIODeadline
    var role: Role
    var splitter = LineSplitter()
    var hello: WorkerHello?
    var isDraining = false
    var report: JSON?
    /// Of its acknowledgements.
    var rate = RateMeter()
    /// Told why; only acknowledgements still count, until the peer has closed or this time has come.
    var closingAt: NIODeadline?
    var hasEnded = false

    var lastPing: NIODeadline
    /// When the oldest ping without an answer was sent.
    var unansweredPing: NIODeadline?
    var owesStatus = false
    /// Results of commands that are still to come.
    var openCommands = 0
    var tail: TailFilter?
    var tailSkipped = 0

    /// Written in this turn of the loop.
    var out = ByteBuffer()
    /// Given to the channel and not yet taken by the socket.
    var unwritten = 0

    /// One write to the channel: small enough that a slow reader frees room step by step.
    static let chunkBytes = 128 << 10
    /// Room for writing that is kept from one turn to the next.
    static let keptRoom = 256 << 10
    /// What a peer that does not read may pile up in answers to its own questions.
    static let maximumAnswerBytes = 1 << 20
    static let maximumOpenCommands = 1024

    init(number: Int, channel: any Channel, peer: PeerCredentials, now: NIODeadline, role: Role) {
        self.number = number
        self.channel = channel
        self.peer = peer
        self.connectedAt = now
        self.lastPing = now
        self.role = role
    }

    var worker: WorkerID? {
        if case .worker(let id) = role { id } else { nil }
    }

    var isClosing: Bool { closingAt != nil }

    var pendingBytes: Int { unwritten + out.readableBytes }
}

/// What an operator wants to watch.
struct TailFilter {
    let ref: JSON
    var events: Set<String>?
    var guild: Snowflake?
    var withContent: Bool

    func passes(_ dispatch: Dispatch) -> Bool {
        (events?.contains(dispatch.type) ?? true) && (guild == nil || dispatch.guildID == guild)
    }
}

/// Hands what the channel reads to the hub, on the loop that both live on.
final class PeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let hub: QueueHub
    private let number: Int

    init(hub: QueueHub, number: Int) {
        self.hub = hub
        self.number = number
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let number = number
        hub.assumeIsolated { $0.received(bytes, from: number) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            let number = number
            hub.assumeIsolated { $0.inputEnded(number) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let number = number
        hub.assumeIsolated { $0.disconnected(number) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIO has read the connection to its end by now; what is left to do follows in `channelInactive`.
        context.close(promise: nil)
    }
}
