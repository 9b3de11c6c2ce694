internal import CSystemd
internal import Glibc

/// systemd, if it started this process (sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3)). Without it, nothing happens.
public enum ServiceManager {
    /// What systemd is told.
    public enum Notice: Sendable, Equatable {
        /// The start is over; `systemctl start` returns.
        case ready
        /// A line for `systemctl status`.
        case status(String)
        /// The end has begun.
        case stopping
        /// The start or the end takes this much longer.
        case extendTimeout(Duration)
        /// The process is alive.
        case watchdog

        var assignment: String {
            switch self {
            case .ready: "READY=1"
            case .status(let text): "STATUS=" + text.replacing("\n", with: " ")
            case .stopping: "STOPPING=1"
            case .extendTimeout(let time): "EXTEND_TIMEOUT_USEC=\(time.wholeMilliseconds * 1000)"
            case .watchdog: "WATCHDOG=1"
            }
        }
    }

    /// Sends notices in one message.
    /// - Returns: whether systemd was told; false also where it did not start this process.
    @discardableResult
    public static func notify(_ notices: Notice...) -> Bool {
        sd_notify(0, notices.map(\.assignment).joined(separator: "\n")) > 0
    }

    /// How long systemd waits for a `watchdog` notice before it kills this process; nil if it does not wait for any. Send one
    /// every half of that.
    public static var watchdogTimeout: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }

    /// A listening stream socket that systemd opened and passed.
    public struct ListeningSocket: Sendable, Equatable {
        /// `FileDescriptorName=` of the socket unit; by default the unit's own name.
        public let name: String
        /// The descriptor, which is closed on exec. Whoever uses it owns it.
        public let descriptor: Int32
        /// Whether it is a Unix domain socket; else it is one of TCP.
        public let isUnix: Bool
    }

    /// The listening stream sockets that systemd passed, in its order.
    public static func listeningSockets() -> [ListeningSocket] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(0, &names)
        guard count > 0, let names else { return [] }
        defer { free(names) }
        return (0..<Int(count)).compactMap { index in
            let descriptor = SD_LISTEN_FDS_START + Int32(index)
            defer { free(names[index]) }
            guard sd_is_socket(descriptor, AF_UNSPEC, Int32(SOCK_STREAM.rawValue), 1) > 0 else { return nil }
            return ListeningSocket(
                name: names[index].map { String(cString: $0) } ?? "",
                descriptor: descriptor,
                isUnix: sd_is_socket(descriptor, AF_UNIX, Int32(SOCK_STREAM.rawValue), 1) > 0)
        }
    }
}
