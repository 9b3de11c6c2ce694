internal import NIOCore
internal import Shared

/// Collects acknowledgements and extensions, so that many go in one frame; everything else leaves in its order at once.
struct Outbox {
    /// An ack frame goes out with so many ids at the latest; about 4 kB.
    static let maximumIDs = 256

    private var acknowledged: [EventID] = []
    private var extended: Set<EventID> = []
    private(set) var buffer = ByteBuffer()
    /// Acknowledgements in `buffer`.
    private var written: [EventID] = []

    var isEmpty: Bool { acknowledged.isEmpty && extended.isEmpty && buffer.readableBytes == 0 }

    /// Whether it should be sent without waiting for more.
    var isUrgent: Bool { buffer.readableBytes > 0 || acknowledged.count >= Self.maximumIDs }

    mutating func acknowledge(_ id: EventID) {
        acknowledged.append(id)
    }

    mutating func extend(_ id: EventID) {
        extended.insert(id)
    }

    /// Appends a frame behind the acknowledgements so far.
    mutating func append(_ frame: WorkerFrame) {
        writeIDs()
        buffer.writeFrame(frame)
    }

    /// All bytes to send, and the acknowledgements in them.
    mutating func take() -> (bytes: ByteBuffer, acknowledged: [EventID]) {
        writeIDs()
        defer {
            buffer = ByteBuffer()
            written = []
        }
        return (buffer, written)
    }

    /// Forgets everything; the acknowledgements among it.
    mutating func clear() -> [EventID] {
        let unsent = written + acknowledged
        self = Outbox()
        return unsent
    }

    private mutating func writeIDs() {
        if !acknowledged.isEmpty {
            buffer.writeFrame(.ack(acknowledged))
            written += acknowledged
            acknowledged.removeAll(keepingCapacity: true)
        }
        if !extended.isEmpty {
            buffer.writeFrame(.extend(extended.sorted()))
            extended.removeAll(keepingCapacity: true)
        }
    }
}
