internal import Shared

/// Where a gateway connection goes: a URL from `GET /gateway/bot` or READY, made complete.
struct GatewayURL: Equatable, Sendable {
    let isSecure: Bool
    let host: String
    let port: Int
    /// Path and query of the upgrade request.
    let requestTarget: String

    /// Completes a base URL with the query that both the general and the resume URL need (gateway.mdx, Connecting);
    /// neither bears it by itself.
    /// - Returns: nil if it is no `wss` URL; `ws` is taken for loopback hosts only.
    init?(_ text: String, compression: GatewayCompression) {
        guard let schemeEnd = text.firstRange(of: "://") else { return nil }
        switch text[..<schemeEnd.lowerBound].lowercased() {
        case "wss": isSecure = true
        case "ws": isSecure = false
        default: return nil
        }
        let rest = text[schemeEnd.upperBound...].prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let (host, port) = HostAndPort.split(String(authority)), port != 0 else { return nil }
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        guard isSecure || Loopback.contains(host) else { return nil }

        let target = rest[authority.endIndex...]
        var path = String(target.prefix { $0 != "?" })
        while path.hasSuffix("/") { path.removeLast() }
        var query = ["v=10", "encoding=json"]
        if compression != .none { query.append("compress=\(compression.rawValue)") }
        let own = target.dropFirst(target.prefix { $0 != "?" }.count + 1)
        if !own.isEmpty { query.insert(String(own), at: 0) }
        requestTarget = "\(path)/?\(query.joined(separator: "&"))"
    }

    /// The value of the Host header.
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }
}
