internal import NIOCore
internal import Shared

/// What the queue's server is run with.
struct QueueSettings: Sendable {
    /// Path of the workers' socket.
    var socketPath: String
    var socketMode: UInt32 = 0o660
    var allowedUIDs: Set<UInt32>
    /// Path of the operator's socket, which is for `ownUID` and root only.
    var controlPath: String
    var ownUID: UInt32
    var stateDirectory: String
    var queue = KeyedQueue.Settings()
    var durability = QueueDurability.journal
    /// A segment of the journal is sealed at this size; nil for one that suits the limit and the disk.
    var segmentBytes: Int?
    /// When an interaction that nobody has acknowledged is deferred; nil for never.
    var deferAfter: TimeAmount? = .milliseconds(1500)
    var deadLetterKeep: TimeAmount = .hours(14 * 24)

    /// More than any host runs workers, so that a leak of connections ends before file descriptors do.
    var maximumConnections = 512
    /// Bytes of lines that have not ended yet, over all connections: one line may have 16 MiB, five hundred at once may not.
    var maximumUnfinishedBytes = 32 << 20
    var helloDeadline = TimeAmount(QueueProtocol.helloDeadline)
    var pingInterval = TimeAmount(QueueProtocol.pingInterval)
    var pongDeadline = TimeAmount(QueueProtocol.pongDeadline)
    /// How long a refused peer may take to read why before its connection is cut.
    var farewell: TimeAmount = .milliseconds(500)
    /// How long the result of a member request is withheld for Discord's RATE_LIMITED, which follows at once or not at all.
    var memberRequestDoubt: TimeAmount = .seconds(1)
    /// How soon after a change the checkpoint is written.
    var checkpointDelay: TimeAmount = .milliseconds(50)
    /// With `fsync`, how soon acknowledgements outlive a loss of power.
    var markSyncDelay: TimeAmount = .milliseconds(40)
}

extension QueueSettings {
    init(_ settings: GatewaySettings) {
        self.init(
            socketPath: settings.queueSocket, socketMode: settings.queueSocketMode,
            allowedUIDs: settings.queueAllowedUIDs, controlPath: settings.controlSocket, ownUID: settings.ownUserID,
            stateDirectory: settings.stateDirectory)
        durability = settings.queueDurability
        queue.ackTimeout = TimeAmount(settings.queueAckTimeout)
        queue.maximumAttempts = settings.queueMaximumAttempts
        queue.maximumBytes = settings.queueMaximumBytes
        deferAfter = settings.interactionDeferAfter.map { TimeAmount($0) }
        deadLetterKeep = TimeAmount(settings.deadLetterKeep)
    }
}

/// Why the queue cannot be served; the process ends with `exit`.
struct QueueFailure: Error, Equatable, CustomStringConvertible {
    let exit: ProcessExit
    let description: String
}
