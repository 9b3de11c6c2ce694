/// Why a line is no frame: what goes into the `error` frame before the connection is closed (docs/queue-protocol.md).
public struct FrameError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The protocol's code for it.
    public let code: QueueProtocol.ErrorCode
    /// One line for the person who writes the other side: which field of which frame, and what is accepted.
    public let message: String

    /// Makes an error.
    public init(_ code: QueueProtocol.ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The frame that tells the worker.
    public var frame: GatewayFrame { .error(code: code.rawValue, message: message) }

    /// Code and message.
    public var description: String { "\(code.rawValue): \(message)" }
}
