import NIOCore
import Shared

@testable import GatewayProcess

/// What a worker says; the frames of the protocol without their letters.
enum WorkerMessage {
    case hello(done: [EventID])
    case acknowledge([EventID])
    case nack([EventID])
    case release([EventID], TimeAmount)
    case releaseAll(TimeAmount)
    case extend([EventID])
    case drain
    case pong
    /// The end of the connection: all that was written before it is read first.
    case end
}

/// What the gateway says.
enum GatewayMessage {
    case welcome
    case event(Delivery)
    case returned([EventID])
    case draining
    case pleaseDrain
    case goodbye
    case ping
    case end
}

/// One connection of a worker with the gateway. What is written is in the kernel's hands: it arrives although the writer
/// dies.
final class WorkerLink {
    let number: Int
    let worker: Int
    let workerLife: Int
    let gatewayLife: Int
    var toGateway = Wire<WorkerMessage>()
    var toWorker = Wire<GatewayMessage>()
    var isOpenAtWorker = true

    // The gateway's end.
    var isOpenAtGateway = true
    var id: WorkerID?
    var isDraining = false
    var lastPing: NIODeadline
    var unansweredPing: NIODeadline?
    /// Written in this turn of the loop.
    var out: [GatewayMessage] = []
    /// Written and not read by the worker yet.
    var bytesUnderWay = 0

    init(number: Int, worker: Int, workerLife: Int, gatewayLife: Int, now: NIODeadline) {
        self.number = number
        self.worker = worker
        self.workerLife = workerLife
        self.gatewayLife = gatewayLife
        lastPing = now
    }
}

extension GatewayMessage {
    /// About what it takes on the socket.
    var bytes: Int {
        if case .event(let delivery) = self { delivery.byteCount } else { 40 }
    }
}
