/// Where a server listens (`METRICS_LISTEN`).
public enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A Unix domain socket.
    case unix(path: String)
    /// A host, IPv6 without brackets, and a TCP port.
    case tcp(host: String, port: Int)

    static let accepted =
        "unix:PATH, HOST:PORT or [IPV6]:PORT with a port from 1 to 65535, such as 127.0.0.1:9464 or 0.0.0.0:9464"

    init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard SocketPath.problem(with: path) == nil else { return nil }
            self = .unix(path: path)
        } else {
            guard let (host, port) = HostAndPort.split(text), let port, port > 0 else { return nil }
            self = .tcp(host: host, port: port)
        }
    }

    /// Whether only this machine can connect.
    public var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): Loopback.contains(host)
        }
    }

    /// As the setting is written.
    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

/// `HOST`, `HOST:PORT`, `[IPV6]` and `[IPV6]:PORT`.
public enum HostAndPort {
    /// Takes them apart; the host comes without brackets. Nil if it is neither of the four.
    public static func split(_ text: String) -> (host: String, port: Int?)? {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            guard host.contains(":"), host.utf8.allSatisfy(isAddressByte) else { return nil }
            rest = text[text.index(after: end)...]
        } else {
            host = text.prefix { $0 != ":" }
            guard host.utf8.allSatisfy(isNameByte) else { return nil }
            rest = text[host.endIndex...]
        }
        guard !host.isEmpty else { return nil }
        guard !rest.isEmpty else { return (String(host), nil) }
        guard rest.hasPrefix(":"), let port = Quantities.integer(rest.dropFirst()), port <= 65_535 else { return nil }
        return (String(host), port)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// Hosts that never leave this machine.
public enum Loopback {
    /// Whether a host is 127.0.0.0/8, `::1` or `localhost`. Brackets are not part of a host.
    public static func contains(_ host: String) -> Bool {
        if host == "::1" || host.lowercased() == "localhost" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { Quantities.integer($0) }
        return octets.count == 4 && octets[0] == 127 && octets.allSatisfy { 0...255 ~= $0 ?? -1 }
    }

    /// Whether a URL of that scheme may carry the bot token to that host: `https` and `wss` anywhere, `http` and `ws`
    /// within this machine only.
    public static func allows(scheme: String, host: String) -> Bool {
        switch scheme.lowercased() {
        case "https", "wss": true
        case "http", "ws": contains(host)
        default: false
        }
    }
}

/// Paths of Unix domain sockets.
enum SocketPath {
    /// What is wrong with a path, as an end to "PATH …"; nil if nothing is.
    static func problem(with path: String) -> String? {
        if path.isEmpty { return "is empty" }
        if path.utf8.contains(0) { return "contains a zero byte" }
        if path.hasSuffix("/") { return "is a directory's" }
        guard path.utf8.count <= UnixSocket.maximumPathBytes else {
            return "has \(path.utf8.count) bytes; a socket's path has at most \(UnixSocket.maximumPathBytes)"
        }
        return nil
    }
}
