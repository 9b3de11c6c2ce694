/// The base of Discord's REST API (`DISCORD_API_URL`).
public struct APIBaseURL: Sendable, Equatable, CustomStringConvertible {
    /// Whether it is `https`; plain `http` only ever stays within this machine.
    public let isSecure: Bool
    /// Host name or address, IPv6 without brackets.
    public let host: String
    /// The port given, or the scheme's.
    public let port: Int
    /// The path without a slash at its end; empty for the root.
    public let path: String

    /// Discord's own.
    public static let discord = APIBaseURL(isSecure: true, host: "discord.com", port: 443, path: "/api/v10")

    init(isSecure: Bool, host: String, port: Int, path: String) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.path = path
    }

    static let accepted = "a URL such as https://discord.com/api/v10, without user, query or fragment"
    static let acceptedPlain = "https://…; http:// is accepted for 127.0.0.0/8, [::1] and localhost only"

    init(parsing text: String) throws(ValueError) {
        guard let mark = text.range(ofText: "://") else { throw ValueError(accepted: Self.accepted) }
        let scheme = text[..<mark.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { throw ValueError(accepted: Self.accepted) }
        let rest = text[mark.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        var path = rest[authority.endIndex...]
        while path.last == "/" { path = path.dropLast() }
        guard let (host, port) = HostAndPort.split(String(authority)), port != 0, path.utf8.allSatisfy(Self.isPathByte)
        else { throw ValueError(accepted: Self.accepted) }
        guard Loopback.allows(scheme: scheme, host: host) else { throw ValueError(accepted: Self.acceptedPlain) }
        self.init(
            isSecure: scheme == "https", host: host, port: port ?? (scheme == "https" ? 443 : 80), path: String(path))
    }

    /// The URL, without a slash at its end.
    public var description: String {
        let scheme = isSecure ? "https" : "http"
        let shownHost = host.contains(":") ? "[\(host)]" : host
        let shownPort = port == (isSecure ? 443 : 80) ? "" : ":\(port)"
        return "\(scheme)://\(shownHost)\(shownPort)\(path)"
    }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && !"?#\"<>\\^`{|}".utf8.contains(byte)
    }
}

extension String {
    /// Where a text first occurs.
    func range(ofText text: String) -> Range<String.Index>? {
        firstRange(of: text)
    }
}
