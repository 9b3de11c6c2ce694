/// Numbers that both ends of the queue socket agree on (docs/queue-protocol.md).
public enum QueueProtocol {
    /// The versions spoken here: the present one, and the one before it as soon as there is one.
    public static let versions = 1...1

    /// The version that two ends use: the highest that both speak; nil if there is none.
    public static func agreed(_ worker: ClosedRange<Int>, _ gateway: ClosedRange<Int> = versions) -> Int? {
        worker.overlaps(gateway) ? min(worker.upperBound, gateway.upperBound) : nil
    }

    /// Longest line either way, in bytes, without its line break.
    public static let maximumLineBytes = 16 << 20
    /// How long after connecting a worker may take to say hello.
    public static let helloDeadline: Duration = .seconds(5)
    /// Most bytes of events the gateway writes ahead of what the worker has read.
    public static let maximumWriteAheadBytes = 1 << 20
    /// How often the gateway pings.
    public static let pingInterval: Duration = .seconds(10)
    /// A worker that leaves a ping unanswered this long is taken for dead.
    public static let pongDeadline: Duration = .seconds(20)
    /// How often a worker reports what the gateway cannot know.
    public static let reportInterval: Duration = .seconds(10)
    /// Interactions that may exceed a worker's credit, so that a full worker still answers members.
    public static let interactionOverdraft = 32
    /// The range of `capacity`.
    public static let capacityRange = 1...65_536
    /// Most entries in each of a hello's lists; Discord has about 80 dispatches and 100 commands per application.
    public static let maximumNames = 1024
    /// Longest entry of such a list, in bytes: a custom id has at most 100 characters.
    public static let maximumNameBytes = 512
    /// Longest reason kept of a nack or release, in bytes; the rest is cut off.
    public static let maximumReasonBytes = 2048
    /// Longest name of a worker.
    public static let maximumWorkerNameBytes = 64

    /// What `isWorkerName` accepts, in words.
    static let acceptedWorkerNames = "1 to \(maximumWorkerNameBytes) of the letters a-z and A-Z, digits, . _ : -"

    /// Whether a worker may be called so: 1 to 64 letters, digits, `.`, `_`, `:`, `-`.
    public static func isWorkerName(_ name: String) -> Bool {
        (1...maximumWorkerNameBytes).contains(name.utf8.count) && name.utf8.allSatisfy(isWorkerNameByte)
    }

    /// Whether a worker's name may contain this byte.
    static func isWorkerNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Why the gateway closes a worker's connection.
    public enum ErrorCode: String, Sendable {
        case malformed
        case tooLong = "too_long"
        case unknownOp = "unknown_op"
        case unexpected
        case unsupportedProtocol = "unsupported_protocol"
        case helloTimeout = "hello_timeout"
        case forbidden
        case busy
        case shuttingDown = "shutting_down"
    }
}

/// The gateway's number for one dispatch: strictly growing in the order of reception, over restarts too, because each
/// is the larger of the last one plus 1 and the wall clock in microseconds since 1970. Below 2^53.
public struct EventID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number itself.
    public let rawValue: Int64

    /// Wraps a number.
    public init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Decimal digits.
    public var description: String { String(rawValue) }

    /// By order of reception.
    public static func < (left: EventID, right: EventID) -> Bool { left.rawValue < right.rawValue }
}
