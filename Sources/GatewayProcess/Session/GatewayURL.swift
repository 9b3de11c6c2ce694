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
        guard let (host, port) = Self.split(authority), !host.isEmpty else { return nil }
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        guard isSecure || Self.isLoopback(host) else { return nil }

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

    private static func split(_ authority: Substring) -> (host: String, port: Int?)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = String(authority[authority.index(after: authority.startIndex)..<end])
            let tail = authority[authority.index(after: end)...]
            if tail.isEmpty { return (host, nil) }
            guard tail.first == ":", let port = UInt16(tail.dropFirst()), port > 0 else { return nil }
            return (host, Int(port))
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, !authority.contains("@") else { return nil }
        guard parts.count == 2 else { return (String(authority), nil) }
        guard let port = UInt16(parts[1]), port > 0 else { return nil }
        return (String(parts[0]), Int(port))
    }

    /// Whether a host is this machine; what is not encrypted goes nowhere else.
    static func isLoopback(_ host: String) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "::1" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }
}
