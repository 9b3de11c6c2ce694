import DequeModule
import NIOCore
import Shared

@testable import GatewayProcess

/// One dispatch as Discord keeps and sends it.
struct Sent {
    /// The number in the book.
    let number: Int
    let kind: Kind
    let key: QueueKey
    let bytes: Int
    let session: Int
    let sequence: Int
}

/// What Discord sends.
enum DiscordMessage {
    case hello
    case dispatch(Sent)
    case heartbeatRequest
    case heartbeatAcknowledgement
    case reconnect
    case invalidSession(resumable: Bool)
    case unreadable
    /// The end of the connection, with the code of a close frame if there was one.
    case end(code: UInt16?)
}

/// What a session sends.
enum SessionMessage {
    case identify
    case resume(session: Int, sequence: Int)
    case heartbeat(sequence: Int?)
    /// The end of the connection.
    case end(code: UInt16?)
}

/// One connection of a shard with Discord.
final class DiscordLink {
    let number: Int
    let shard: Int
    let isResumeURL: Bool
    /// The gateway process that made it.
    let life: Int
    var toGateway = Wire<DiscordMessage>()
    var toDiscord = Wire<SessionMessage>()
    var isOpenAtDiscord = false
    var session: DiscordSession?
    var lastHeartbeat = NIODeadline.distantPast

    init(number: Int, shard: Int, isResumeURL: Bool, life: Int) {
        self.number = number
        self.shard = shard
        self.isResumeURL = isResumeURL
        self.life = life
    }

    /// Whether a dispatch has been sent here and not arrived.
    func isUnderWay(_ sent: Sent) -> Bool {
        toGateway.contains { if case .dispatch(let other) = $0 { other.number == sent.number } else { false } }
    }
}

/// A session as Discord keeps it.
final class DiscordSession {
    let number: Int
    let shard: Int
    var sequence = 0
    /// For replays.
    var kept: Deque<Sent> = []
    /// Not to be had any more.
    var dropped = 0
    /// What a heartbeat or RESUME called received.
    var told = 0
    weak var link: DiscordLink?
    /// Since when it has no connection, and how long it outlives that.
    var detachedAt: NIODeadline?
    var life = TimeAmount.zero
    var isDead = false

    init(number: Int, shard: Int) {
        self.number = number
        self.shard = shard
    }

    func isAlive(now: NIODeadline) -> Bool {
        !isDead && (detachedAt.map { now - $0 < life } ?? true)
    }
}
